#include "biplane/text/prompts.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <set>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/core/sha256.h"

namespace biplane {
namespace {

// Reads one prompt file; every error names source and line.
class PromptReader {
 public:
  explicit PromptReader(std::string source) : source_(std::move(source)) {}

  PromptSet read(const std::string& yaml) const {
    const YAML::Node root = load(yaml);
    check_keys(root, "the file", {"name", "version", "ranking", "classes"});
    PromptSet set;
    set.name = text(child(root, "name", "the file"), "name");
    const YAML::Node version = child(root, "version", "the file");
    try {
      set.version = version.as<std::int64_t>();
    } catch (const YAML::Exception&) {
      fail(version, "version must be a whole number");
    }
    if (const YAML::Node ranking = root["ranking"]; ranking.IsDefined()) {
      const std::string name = text(ranking, "ranking");
      if (name != "margin" && name != "positive")
        fail(ranking, "ranking '" + name + "' is neither margin nor positive");
      set.ranking = name == "margin" ? Ranking::kMargin : Ranking::kPositive;
    }
    const YAML::Node classes = child(root, "classes", "the file");
    if (!classes.IsMap() || classes.size() == 0)
      fail(classes, "classes must hold at least one 'finding:' group");
    for (const auto& entry : classes) set.classes.push_back(read_class(entry.first, entry.second));
    check_unique(set, classes);
    return set;
  }

 private:
  [[noreturn]] void fail(const YAML::Node& node, const std::string& message) const {
    throw Error(ErrorKind::kBadContent,
                source_ + ": line " + std::to_string(node.Mark().line + 1) + ": " + message);
  }

  YAML::Node load(const std::string& yaml) const {
    // Deep nesting would overflow the YAML parser's stack.
    constexpr int kDeepest = 8;
    int nesting = 0;
    for (const char c : yaml) {
      nesting += (c == '[' || c == '{') ? 1 : (c == ']' || c == '}') ? -1 : 0;
      if (nesting > kDeepest)
        throw Error(ErrorKind::kBadContent, source_ + ": brackets nested too deep");
    }
    try {
      return YAML::Load(yaml);
    } catch (const YAML::Exception& error) {
      throw Error(ErrorKind::kBadContent, source_ + ": line " +
                                              std::to_string(error.mark.line + 1) +
                                              ": not valid YAML: " + error.msg);
    }
  }

  void check_keys(const YAML::Node& node, const std::string& where,
                  const std::vector<std::string>& allowed) const {
    if (!node.IsMap()) fail(node, where + " must be a group of 'key: value' lines");
    for (const auto& entry : node) {
      const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : "";
      if (std::find(allowed.begin(), allowed.end(), key) != allowed.end()) continue;
      fail(entry.first, where + " has an unknown key '" + key + "'" + did_you_mean(key, allowed));
    }
  }

  YAML::Node child(const YAML::Node& node, const std::string& key, const std::string& where) const {
    const YAML::Node value = node[key];
    if (!value.IsDefined()) fail(node, where + " has no key '" + key + "'");
    return value;
  }

  std::string text(const YAML::Node& node, const std::string& what) const {
    if (!node.IsScalar() || node.Scalar().find_first_not_of(" \t\r\n") == std::string::npos) {
      fail(node, what + " must be text that is not empty");
    }
    return node.Scalar();
  }

  std::vector<std::string> list(const YAML::Node& node, const std::string& what) const {
    if (!node.IsSequence() || node.size() == 0)
      fail(node, what + " must be a list of at least one prompt");
    std::vector<std::string> prompts;
    for (const auto& entry : node) {
      prompts.push_back(text(entry, "a prompt of " + what));
      if (std::count(prompts.begin(), prompts.end(), prompts.back()) > 1) {
        fail(entry, what + " holds '" + prompts.back() + "' twice");
      }
    }
    return prompts;
  }

  PromptClass read_class(const YAML::Node& key, const YAML::Node& node) const {
    PromptClass result;
    result.finding = text(key, "a finding's name");
    check_keys(node, "'" + result.finding + "'", {"positive", "negative"});
    result.positive =
        list(child(node, "positive", "'" + result.finding + "'"), result.finding + ".positive");
    result.negative =
        list(child(node, "negative", "'" + result.finding + "'"), result.finding + ".negative");
    for (const std::string& prompt : result.negative) {
      if (std::count(result.positive.begin(), result.positive.end(), prompt) > 0) {
        fail(node, "'" + prompt + "' is both positive and negative for " + result.finding);
      }
    }
    return result;
  }

  // yaml-cpp keeps repeated keys of a map.
  void check_unique(const PromptSet& set, const YAML::Node& classes) const {
    std::set<std::string> seen;
    for (const PromptClass& prompts : set.classes) {
      if (!seen.insert(prompts.finding).second)
        fail(classes, "'" + prompts.finding + "' is given twice");
    }
  }

  std::string source_;
};

}  // namespace

const PromptClass* PromptSet::find(const std::string& finding) const {
  for (const PromptClass& prompts : classes) {
    if (prompts.finding == finding) return &prompts;
  }
  return nullptr;
}

PromptSet parse_prompts(const std::string& yaml, const std::string& source) {
  PromptSet set = PromptReader(source).read(yaml);
  set.sha256 = sha256_hex(yaml);
  return set;
}

PromptSet read_prompts(const std::filesystem::path& file) {
  constexpr std::uint64_t kMaxBytes = 1ULL << 24;
  return parse_prompts(read_file(file, kMaxBytes), file.string());
}

}  // namespace biplane

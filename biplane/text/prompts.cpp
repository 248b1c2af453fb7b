#include "biplane/text/prompts.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/core/random.h"
#include "biplane/core/sha256.h"

namespace biplane {
namespace {

constexpr std::size_t kMostPrompts = 10000;  // of one list: what slots multiply to

// Reads one prompt file; every error names source and line.
class PromptReader {
 public:
  explicit PromptReader(std::string source) : source_(std::move(source)) {}

  PromptSet read(const std::string& yaml) const {
    const YAML::Node root = load(yaml);
    check_keys(root, "the file", {"name", "version", "ranking", "corpora", "classes"});
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
    if (const YAML::Node corpora = root["corpora"]; corpora.IsDefined())
      set.corpora = list(corpora, "corpora");
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

  // Entries of a slot; an empty one stands for no word.
  std::vector<std::string> slot(const YAML::Node& node, const std::string& what) const {
    if (!node.IsSequence() || node.size() == 0)
      fail(node, "a slot of " + what + " must be a list of at least one entry");
    std::vector<std::string> entries;
    for (const auto& entry : node) {
      if (!entry.IsScalar()) fail(entry, "an entry of a slot of " + what + " must be text");
      entries.push_back(entry.Scalar());
    }
    return entries;
  }

  std::int64_t whole_number(const YAML::Node& node, const std::string& what) const {
    try {
      const auto number = node.as<std::int64_t>();
      if (number >= 0) return number;
    } catch (const YAML::Exception&) {
    }
    fail(node, what + " must be a whole number that is not negative");
  }

  // Which prompts of a product are used: all, or a sample that depends on nothing but its seed and
  // the list's name.
  std::vector<std::int64_t> chosen(const YAML::Node& node, const std::string& what,
                                   std::int64_t product) const {
    std::vector<std::int64_t> places(static_cast<std::size_t>(product));
    std::iota(places.begin(), places.end(), std::int64_t{0});
    if (const YAML::Node sample = node["sample"]; sample.IsDefined()) {
      const std::int64_t wanted = whole_number(sample, what + ".sample");
      const std::int64_t seed =
          node["seed"].IsDefined() ? whole_number(node["seed"], what + ".seed") : 0;
      if (wanted < 1 || wanted > product)
        fail(sample, what + ".sample must be 1 to " + std::to_string(product));
      places =
          CounterRandom(static_cast<std::uint64_t>(seed), "prompts/" + what).permutation(product);
      places.resize(static_cast<std::size_t>(wanted));
      std::sort(places.begin(), places.end());
    }
    return places;
  }

  std::vector<std::string> slots(const YAML::Node& node, const std::string& what) const {
    check_keys(node, what, {"slots", "sample", "seed"});
    const YAML::Node groups = child(node, "slots", what);
    if (!groups.IsSequence() || groups.size() == 0)
      fail(groups, what + ".slots must be a list of at least one slot");
    std::vector<std::vector<std::string>> words;
    std::size_t product = 1;
    for (const auto& group : groups) {
      words.push_back(slot(group, what));
      product *= words.back().size();
      if (product > kMostPrompts) fail(group, what + ": the slots make too many prompts");
    }
    std::vector<std::string> prompts;
    for (std::int64_t place : chosen(node, what, static_cast<std::int64_t>(product))) {
      std::string prompt;
      for (auto group = words.rbegin(); group != words.rend();
           ++group) {  // the last one runs first
        const auto size = static_cast<std::int64_t>(group->size());
        const std::string& word = (*group)[static_cast<std::size_t>(place % size)];
        place /= size;
        if (!word.empty()) prompt = prompt.empty() ? word : word + " " + prompt;
      }
      if (prompt.empty()) fail(node, what + ": the slots make an empty prompt");
      if (std::count(prompts.begin(), prompts.end(), prompt) > 0)
        fail(node, what + ": the slots make '" + prompt + "' twice");
      prompts.push_back(std::move(prompt));
    }
    return prompts;
  }

  std::vector<std::string> prompts_of(const YAML::Node& node, const std::string& key,
                                      const std::string& finding) const {
    const YAML::Node value = child(node, key, "'" + finding + "'");
    const std::string what = finding + "." + key;
    return value.IsMap() ? slots(value, what) : list(value, what);
  }

  PromptClass read_class(const YAML::Node& key, const YAML::Node& node) const {
    PromptClass result;
    result.finding = text(key, "a finding's name");
    check_keys(node, "'" + result.finding + "'", {"positive", "negative"});
    result.positive = prompts_of(node, "positive", result.finding);
    result.negative = prompts_of(node, "negative", result.finding);
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

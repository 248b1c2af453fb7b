#include "biplane/phantom/grammar.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/core/share.h"
#include "biplane/phantom/signs.h"

namespace biplane {
namespace {

// Reads the parts of the file and names it in every error.
class GrammarReader {
 public:
  explicit GrammarReader(const std::filesystem::path& file) : name_(file.string()) {
    try {
      root_ = YAML::Load(read_file(file, 1 << 22));
    } catch (const YAML::Exception& error) {
      fail(error.what());
    }
    if (!root_.IsMap()) fail("is not a map");
  }

  Grammar read() const {
    Grammar grammar;
    for (int i = 0; i < kFindingKinds; ++i) {
      const std::string& name = finding_names()[static_cast<std::size_t>(i)];
      grammar.findings[static_cast<std::size_t>(i)] =
          finding(child(child(root_, "findings"), name), name);
    }
    grammar.fillers = phrases(child(root_, "fillers"), "fillers");
    grammar.conclusions = phrases(child(root_, "conclusions"), "conclusions");
    const YAML::Node sections = child(root_, "sections");
    grammar.examination = texts(child(sections, "examination"), "examination");
    grammar.indication = texts(child(sections, "indication"), "indication");
    grammar.comparison = texts(child(sections, "comparison"), "comparison");
    return grammar;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorKind::kBadContent, "grammar " + name_ + ": " + what);
  }

  YAML::Node child(const YAML::Node& node, const std::string& key) const {
    const YAML::Node found = node.IsMap() ? node[key] : YAML::Node(YAML::NodeType::Undefined);
    if (!found.IsDefined()) fail("key " + key + " is missing");
    return found;
  }

  FindingPhrases finding(const YAML::Node& node, const std::string& name) const {
    FindingPhrases out;
    out.present = phrases(child(node, "present"), name + ".present");
    out.uncertain = phrases(child(node, "uncertain"), name + ".uncertain");
    out.impression = phrases(child(node, "impression"), name + ".impression");
    if (node["present_both"].IsDefined()) {
      out.present_both = phrases(child(node, "present_both"), name + ".present_both");
      out.uncertain_both = phrases(child(node, "uncertain_both"), name + ".uncertain_both");
      out.impression_both = phrases(child(node, "impression_both"), name + ".impression_both");
    }
    return out;
  }

  std::vector<Phrase> phrases(const YAML::Node& node, const std::string& key) const {
    std::vector<Phrase> out;
    for (const bool held_out : {false, true}) {
      const YAML::Node list = child(node, held_out ? "held_out" : "train");
      if (!list.IsSequence() || list.size() == 0)
        fail(key + " needs a list of train and held_out phrasings");
      for (const YAML::Node& item : list) out.push_back(phrase(item, held_out, key));
    }
    return out;
  }

  Phrase phrase(const YAML::Node& item, bool held_out, const std::string& key) const {
    Phrase out;
    out.held_out = held_out;
    const YAML::Node text = item.IsMap() ? child(item, "text") : item;
    if (!text.IsScalar() || text.Scalar().empty())
      fail(key + " holds something that is not a sentence");
    out.text = text.Scalar();
    if (!item.IsMap()) return out;
    for (const auto& entry : item) check_phrase_key(entry.first.as<std::string>(""), key);
    out.denies = bits(item["denies"], finding_names(), key + " denies an unknown finding: ");
    out.needs_absent =
        bits(item["needs_absent"], finding_names(), key + " needs an unknown finding absent: ");
    out.shows = bits(item["shows"], sign_names(), key + " shows an unknown sign: ");
    out.needs_no_sign =
        bits(item["needs_no_sign"], sign_names(), key + " needs an unknown sign not to hold: ");
    return out;
  }

  void check_phrase_key(const std::string& name, const std::string& key) const {
    static const std::vector<std::string> known = {"text", "denies", "needs_absent", "shows",
                                                   "needs_no_sign"};
    if (std::find(known.begin(), known.end(), name) != known.end()) return;
    fail(key + " holds a sentence with the unknown key '" + name + "'" + did_you_mean(name, known));
  }

  // Bits of the names in a list that may be missing.
  template <class Names>
  std::uint32_t bits(const YAML::Node& list, const Names& names, const std::string& problem) const {
    std::uint32_t out = 0;
    if (!list.IsDefined()) return out;
    if (!list.IsSequence()) fail(problem + "a list [in brackets] is needed");
    for (const YAML::Node& item : list) {
      const auto found = std::find(names.begin(), names.end(), item.as<std::string>(""));
      if (found == names.end()) fail(problem + item.as<std::string>("?"));
      out |= 1U << (found - names.begin());
    }
    return out;
  }

  std::vector<std::string> texts(const YAML::Node& node, const std::string& key) const {
    if (!node.IsSequence() || node.size() == 0) fail(key + " is not a list");
    std::vector<std::string> out;
    for (const YAML::Node& item : node) {
      if (!item.IsScalar()) fail(key + " holds something that is not text");
      out.push_back(item.Scalar());
    }
    return out;
  }

  std::string name_;
  YAML::Node root_;
};

}  // namespace

Grammar read_grammar(const std::filesystem::path& file) { return GrammarReader(file).read(); }

const Grammar& phantom_grammar() {
  static const Grammar grammar = read_grammar(share_file("phantom/grammar.yaml"));
  return grammar;
}

}  // namespace biplane

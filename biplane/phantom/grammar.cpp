#include "biplane/phantom/grammar.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <map>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/core/share.h"
#include "biplane/phantom/signs.h"
#include "biplane/phantom/wording.h"

namespace biplane {
namespace {

const std::vector<std::string> kSlots = {"side", "size", "degree", "zone", "lobe", "level"};

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

  Grammar read() {
    for (const auto& entry : child(root_, "words"))
      words_[entry.first.as<std::string>("")] = entry.second.as<std::string>("");
    Grammar grammar;
    const YAML::Node slots = child(root_, "slots"), changes = child(root_, "changes");
    grammar.sizes = grades(child(slots, "size"), "size");
    grammar.degrees = grades(child(slots, "degree"), "degree");
    grammar.stable = phrases(child(changes, "stable"), "changes.stable");
    for (int i = 0; i < kFindingKinds; ++i) {
      const std::string& name = finding_names()[static_cast<std::size_t>(i)];
      grammar.findings[static_cast<std::size_t>(i)] =
          finding(child(child(root_, "findings"), name), name);
    }
    grammar.fillers = phrases(child(root_, "fillers"), "fillers");
    grammar.conclusions = phrases(child(root_, "conclusions"), "conclusions");
    grammar.sections = sections(child(root_, "sections"));
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

  // A list of words for each of the three grades.
  std::array<std::vector<std::string>, 3> grades(const YAML::Node& node,
                                                 const std::string& key) const {
    if (!node.IsSequence() || node.size() != 3) fail(key + " needs a list of words for 3 grades");
    return {texts(node[0], key, {}), texts(node[1], key, {}), texts(node[2], key, {})};
  }

  SectionPhrases sections(const YAML::Node& node) const {
    static const std::vector<std::string> own = {"age",  "sex",     "who",
                                                 "date", "symptom", "question"};
    const YAML::Node comparison = child(node, "comparison");
    SectionPhrases out;
    out.examination = texts(child(node, "examination"), "examination", own);
    out.indication = texts(child(node, "indication"), "indication", own);
    out.symptom = texts(child(node, "symptom"), "symptom", {});
    out.question = texts(child(node, "question"), "question", {});
    out.without_prior = texts(child(comparison, "none"), "comparison.none", own);
    out.with_prior = texts(child(comparison, "prior"), "comparison.prior", own);
    return out;
  }

  FindingPhrases finding(const YAML::Node& node, const std::string& name) {
    FindingPhrases out;
    out.present = phrases(child(node, "present"), name + ".present");
    out.uncertain = phrases(child(node, "uncertain"), name + ".uncertain");
    out.impression = phrases(child(node, "impression"), name + ".impression");
    if (node["present_both"].IsDefined()) {
      out.present_both = phrases(child(node, "present_both"), name + ".present_both");
      out.uncertain_both = phrases(child(node, "uncertain_both"), name + ".uncertain_both");
      out.impression_both = phrases(child(node, "impression_both"), name + ".impression_both");
    }
    const YAML::Node changes = child(node, "changes");
    if (!changes.IsSequence()) fail(name + ".changes is not a list");
    for (const YAML::Node& item : changes) {
      const std::string group = item.as<std::string>("");
      for (Phrase& ending :
           phrases(child(child(root_, "changes"), group), name + ".changes: " + group))
        out.changes.push_back(std::move(ending));
    }
    return out;
  }

  std::vector<Phrase> phrases(const YAML::Node& node, const std::string& key) {
    std::vector<Phrase> out;
    for (const bool held_out : {false, true}) {
      const YAML::Node list = child(node, held_out ? "held_out" : "train");
      if (!list.IsSequence() || list.size() == 0)
        fail(key + " needs a list of train and held_out phrasings");
      for (const YAML::Node& item : list) {
        Phrase phrase = item.IsMap() ? annotations(item, key) : Phrase();
        phrase.held_out = held_out;
        const YAML::Node text = item.IsMap() ? child(item, "text") : item;
        for (std::size_t i = 0; i < (text.IsSequence() ? text.size() : 1); ++i) {
          phrase.text = sentence(text.IsSequence() ? text[i] : text, key, kSlots);
          out.push_back(phrase);
        }
      }
    }
    return out;
  }

  // The text with the alternatives of its <words> put in.
  std::string sentence(const YAML::Node& node, const std::string& key,
                       const std::vector<std::string>& slots) const {
    if (!node.IsScalar() || node.Scalar().empty())
      fail(key + " holds something that is not a sentence");
    std::string text = node.Scalar();
    for (std::size_t at = text.find('<'); at != std::string::npos; at = text.find('<')) {
      const std::size_t end = text.find('>', at);
      if (end == std::string::npos) fail(key + ": '" + node.Scalar() + "' lacks a '>'");
      const std::string word = text.substr(at + 1, end - at - 1);
      const auto found = words_.find(word);
      if (found == words_.end())
        fail(key + ": '" + node.Scalar() + "' has the unknown word <" + word + ">");
      text.replace(at, end + 1 - at, "(" + found->second + ")");
    }
    const std::string problem = wording_problem(text, slots);
    if (!problem.empty()) fail(key + ": '" + node.Scalar() + "' " + problem);
    return text;
  }

  Phrase annotations(const YAML::Node& item, const std::string& key) {
    for (const auto& entry : item) check_phrase_key(entry.first.as<std::string>(""), key);
    Phrase out;
    out.denies = bits(item["denies"], finding_names(), key + " denies an unknown finding: ");
    out.needs_absent =
        bits(item["needs_absent"], finding_names(), key + " needs an unknown finding absent: ");
    out.shows = bits(item["shows"], sign_names(), key + " shows an unknown sign: ");
    out.needs_no_sign =
        bits(item["needs_no_sign"], sign_names(), key + " needs an unknown sign not to hold: ");
    if (item["about"].IsDefined()) out.about = about(item["about"].as<std::string>(""), key);
    if (item["compares"].IsDefined()) {
      const std::string compares = item["compares"].as<std::string>("");
      if (compares != "part" && compares != "all")
        fail(key + " compares '" + compares + "': part or all is needed");
      out.compares = compares == "all" ? Comparison::kAll : Comparison::kPart;
    }
    return out;
  }

  std::uint32_t about(const std::string& name, const std::string& key) {
    const auto found = std::find(about_.begin(), about_.end(), name);
    const std::ptrdiff_t bit = found - about_.begin();
    if (found == about_.end()) {
      if (name.empty() || bit == kAboutBits)
        fail(key + ".about: '" + name + "' is empty or one name more than " +
             std::to_string(kAboutBits));
      about_.push_back(name);
    }
    return 1U << bit;
  }

  void check_phrase_key(const std::string& name, const std::string& key) const {
    static const std::vector<std::string> known = {
        "text", "denies", "needs_absent", "shows", "needs_no_sign", "about", "compares"};
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

  std::vector<std::string> texts(const YAML::Node& node, const std::string& key,
                                 const std::vector<std::string>& slots) const {
    if (!node.IsSequence() || node.size() == 0) fail(key + " is not a list");
    std::vector<std::string> out;
    for (const YAML::Node& item : node) out.push_back(sentence(item, key, slots));
    return out;
  }

  std::string name_;
  YAML::Node root_;
  std::map<std::string, std::string> words_;
  std::vector<std::string> about_;  // names seen so far, in the order of their bits
};

}  // namespace

Grammar read_grammar(const std::filesystem::path& file) { return GrammarReader(file).read(); }

const Grammar& phantom_grammar() {
  static const Grammar grammar = read_grammar(share_file("phantom/grammar.yaml"));
  return grammar;
}

}  // namespace biplane

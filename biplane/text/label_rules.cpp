#include "biplane/text/label_rules.h"

#include <algorithm>

#include "biplane/core/config.h"
#include "biplane/core/error.h"
#include "biplane/core/sha256.h"

namespace biplane {
namespace {

using Phrases = std::vector<std::string>;

// The file as it is written.
struct LabelFile {
  struct Scope {
    Phrases negation_before, negation_after, uncertainty_before, uncertainty_after, alternative,
        no_trigger, breaks;
    template <class V>
    void visit(V& v) {
      v.field("negation_before", negation_before);
      v.field("negation_after", negation_after);
      v.field("uncertainty_before", uncertainty_before);
      v.field("uncertainty_after", uncertainty_after);
      v.field("alternative", alternative);
      v.field("no_trigger", no_trigger);
      v.field("breaks", breaks);
    }
  };
  struct Organ {
    Phrases normal, abnormal, uncertain;
    template <class V>
    void visit(V& v) {
      v.field("normal", normal);
      v.field("abnormal", abnormal);
      v.field("uncertain", uncertain);
    }
  };
  struct Label {
    std::string name, organ_alone = "none";
    Phrases present, absent, uncertain, organ, ignore, yields_to;
    template <class V>
    void visit(V& v) {
      v.field("name", name);
      v.field("present", present);
      v.field("absent", absent);
      v.field("uncertain", uncertain);
      v.field("organ", organ);
      v.field("organ_alone", organ_alone);
      v.field("ignore", ignore);
      v.field("yields_to", yields_to);
    }
  };
  struct Nothing {
    std::string name;
    Phrases exempt, other_findings, ignore;
    template <class V>
    void visit(V& v) {
      v.field("name", name);
      v.field("exempt", exempt);
      v.field("other_findings", other_findings);
      v.field("ignore", ignore);
    }
  };
  std::string name, language = "en", into = "labels_chexpert";
  std::int64_t version = 0;
  Scope scope;
  Organ organ;
  std::vector<Label> labels;
  Nothing nothing;
  template <class V>
  void visit(V& v) {
    v.field("name", name);
    v.field("version", version);
    v.field("language", language);
    v.field("into", into);
    v.field("scope", scope);
    v.field("organ", organ);
    v.field("labels", labels);
    v.field("nothing", nothing);
  }
};

// Turns a file into rules; every error names source and key.
class RuleMaker {
 public:
  explicit RuleMaker(std::string source) : source_(std::move(source)) {}

  LabelRules make(const LabelFile& file) {
    if (file.name.empty()) fail("name", "is missing");
    if (file.into != "labels" && file.into != "labels_chexpert")
      fail("into", "must be labels or labels_chexpert, got '" + file.into + "'");
    if (file.labels.empty()) fail("labels", "holds no label");
    rules_.name = file.name;
    rules_.language = file.language;
    rules_.into = file.into;
    rules_.version = file.version;
    for (std::size_t i = 0; i < file.labels.size(); ++i)
      add_label(file.labels[i], "labels." + std::to_string(i));
    add_yields(file.labels);
    add_nothing(file.nothing);
    add_triggers(file);
    return std::move(rules_);
  }

 private:
  [[noreturn]] void fail(const std::string& key, const std::string& what) const {
    throw Error(ErrorKind::kBadContent, source_ + ": " + key + ": " + what);
  }

  void add(const Phrases& phrases, const std::string& key, PhraseUse use) {
    for (const std::string& phrase : phrases) {
      try {
        rules_.phrases.add(phrase, use);
      } catch (const Error& error) {
        fail(key, error.what());
      }
    }
  }

  void add_name(const std::string& name, const std::string& key) {
    if (name.empty()) fail(key + ".name", "is missing");
    if (std::count(rules_.labels.begin(), rules_.labels.end(), name) > 0)
      fail(key + ".name", "'" + name + "' is given twice");
    rules_.labels.push_back(name);
  }

  LabelRules::Alone alone(const std::string& word, const std::string& key) const {
    if (word == "none") return {};
    if (word == "present") return {true, 1};
    if (word == "absent") return {true, 0};
    if (word == "uncertain") return {true, -1};
    fail(key, "must be none, present, absent or uncertain, got '" + word + "'");
  }

  void add_label(const LabelFile::Label& label, const std::string& key) {
    const auto index = static_cast<std::int32_t>(rules_.labels.size());
    add_name(label.name, key);
    rules_.organ_alone.push_back(alone(label.organ_alone, key + ".organ_alone"));
    if (label.present.empty() && label.organ.empty())
      fail(key, "'" + label.name + "' has neither present nor organ phrases");
    add(label.present, key + ".present", {PhraseRole::kPresent, index});
    add(label.absent, key + ".absent", {PhraseRole::kAbsent, index});
    add(label.uncertain, key + ".uncertain", {PhraseRole::kUncertain, index});
    add(label.organ, key + ".organ", {PhraseRole::kOrgan, index});
    add(label.ignore, key + ".ignore", {PhraseRole::kIgnore, index});
  }

  std::int32_t index_of(const std::string& name, const std::string& key) const {
    const auto found = std::find(rules_.labels.begin(), rules_.labels.end(), name);
    if (found == rules_.labels.end())
      fail(key, "'" + name + "' is no label" + did_you_mean(name, rules_.labels));
    return static_cast<std::int32_t>(found - rules_.labels.begin());
  }

  void add_yields(const std::vector<LabelFile::Label>& labels) {
    for (std::size_t i = 0; i < labels.size(); ++i) {
      std::vector<std::int32_t>& yields = rules_.yields_to.emplace_back();
      for (const std::string& name : labels[i].yields_to)
        yields.push_back(index_of(name, "labels." + std::to_string(i) + ".yields_to"));
    }
  }

  void add_nothing(const LabelFile::Nothing& nothing) {
    rules_.exempt.assign(rules_.labels.size(), 0);
    for (const std::string& name : nothing.exempt)
      rules_.exempt[static_cast<std::size_t>(index_of(name, "nothing.exempt"))] = 1;
    if (nothing.name.empty()) {
      if (!nothing.exempt.empty() || !nothing.other_findings.empty() || !nothing.ignore.empty())
        fail("nothing.name", "is missing");
      return;
    }
    rules_.nothing = static_cast<std::int32_t>(rules_.labels.size());
    add_name(nothing.name, "nothing");
    rules_.exempt.push_back(0);
    rules_.yields_to.emplace_back();
    rules_.organ_alone.emplace_back();
    add(nothing.other_findings, "nothing.other_findings", {PhraseRole::kPresent, rules_.nothing});
    add(nothing.ignore, "nothing.ignore", {PhraseRole::kIgnore, rules_.nothing});
  }

  void add_triggers(const LabelFile& file) {
    const LabelFile::Scope& scope = file.scope;
    add(scope.negation_before, "scope.negation_before", {PhraseRole::kNegationBefore});
    add(scope.negation_after, "scope.negation_after", {PhraseRole::kNegationAfter});
    add(scope.uncertainty_before, "scope.uncertainty_before", {PhraseRole::kUncertaintyBefore});
    add(scope.uncertainty_after, "scope.uncertainty_after", {PhraseRole::kUncertaintyAfter});
    add(scope.alternative, "scope.alternative", {PhraseRole::kAlternative});
    add(scope.no_trigger, "scope.no_trigger", {PhraseRole::kNoTrigger});
    add(scope.breaks, "scope.breaks", {PhraseRole::kBreak});
    add(file.organ.normal, "organ.normal", {PhraseRole::kOrganNormal});
    add(file.organ.abnormal, "organ.abnormal", {PhraseRole::kOrganAbnormal});
    add(file.organ.uncertain, "organ.uncertain", {PhraseRole::kOrganUncertain});
  }

  std::string source_;
  LabelRules rules_;
};

LabelRules rules_of(const ConfigTree& tree, const std::string& source) {
  LabelFile file;
  load_config(tree, file);
  LabelRules rules = RuleMaker(source).make(file);
  rules.sha256 = sha256_hex(print_config(std::move(file)));
  return rules;
}

}  // namespace

LabelRules read_label_rules(const std::filesystem::path& file) {
  return rules_of(ConfigTree::read(file), file.string());
}

LabelRules parse_label_rules(const std::string& yaml, const std::string& source) {
  return rules_of(ConfigTree::parse(yaml, source), source);
}

}  // namespace biplane

#include "biplane/corpus/corpora/label_policy.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "biplane/core/error.h"
#include "biplane/corpus/chexpert.h"
#include "biplane/corpus/label_mapping.h"
#include "biplane/text/unicode.h"

namespace biplane {
namespace {

using Labels = std::map<std::string, int>;

struct Policy {
  UncertainPolicy policy;
  const char* name;
};
constexpr std::array kPolicies = {
    Policy{UncertainPolicy::kKeep, "keep"}, Policy{UncertainPolicy::kZeros, "zeros"},
    Policy{UncertainPolicy::kOnes, "ones"}, Policy{UncertainPolicy::kIgnore, "ignore"},
    Policy{UncertainPolicy::kCompetition, "competition"}};

struct ClassValue {
  const char* label;  // in small letters: corpora capitalise differently
  int value;
};
constexpr std::array kCompetition = {ClassValue{"atelectasis", 1}, ClassValue{"cardiomegaly", 0},
                                     ClassValue{"consolidation", 0}, ClassValue{"edema", 1},
                                     ClassValue{"pleural effusion", 1}};

// Corpora with a table of the 14 labels of CheXpert, in which some are blank.
constexpr std::array<std::string_view, 4> kWithBlanks = {"mimic", "chexpert", "chexpert-5x200",
                                                         "chexlocalize"};

constexpr int kLeftOut = 2;

// 1, 0, kLeftOut, or -1 where the label stays uncertain.
int resolved(UncertainPolicy policy, const std::string& label) {
  if (policy == UncertainPolicy::kZeros) return 0;
  if (policy == UncertainPolicy::kOnes) return 1;
  if (policy == UncertainPolicy::kIgnore) return kLeftOut;
  for (const ClassValue& known : kCompetition)
    if (policy == UncertainPolicy::kCompetition && lower_case(label) == known.label)
      return known.value;
  return -1;
}

void resolve(UncertainPolicy policy, const std::string& example, Labels& labels,
             FunnelStage& stage) {
  for (auto label = labels.begin(); label != labels.end();) {
    if (label->second != -1) {
      ++label;
      continue;
    }
    const int value = resolved(policy, label->first);
    const std::string what = example + ", " + label->first;
    if (value == -1) {
      stage.pass();
      ++label;
    } else if (value == kLeftOut) {
      stage.drop("left out", what);
      label = labels.erase(label);
    } else {
      stage.drop(value == 1 ? "taken as present" : "taken as absent", what);
      (label++)->second = value;
    }
  }
}

void fill(const std::string& example, Labels& labels, FunnelStage& stage) {
  for (const char* label : kChexpertLabels) {
    if (labels.emplace(label, 0).second) {
      stage.drop("blank: taken as absent", example + ", " + label);
    } else {
      stage.pass();
    }
  }
}

}  // namespace

UncertainPolicy parse_uncertain_policy(const std::string& name) {
  std::vector<std::string> names;
  for (const Policy& policy : kPolicies) {
    if (name == policy.name) return policy.policy;
    names.emplace_back(policy.name);
  }
  throw Error(ErrorKind::kUsage,
              "--uncertain " + name +
                  did_you_mean(name, names, "; it is keep, zeros, ones, ignore or competition"));
}

void check_label_policy(const std::string& corpus, const LabelPolicy& policy) {
  if (policy.blanks_are_absent && std::ranges::find(kWithBlanks, corpus) == kWithBlanks.end())
    throw Error(ErrorKind::kUsage, "--blank zeros: the labels of " + corpus +
                                       " are not the 14 of CheXpert; where it says nothing of "
                                       "them, they are unknown");
}

void apply_label_policy(const LabelPolicy& policy, bool may_lack_labels,
                        std::vector<Study>& studies, Funnel& funnel) {
  const auto each = [&](const std::string& what, const auto& change) {
    for (Study& study : studies) {
      if (may_lack_labels && study.labels.empty()) continue;
      const std::string example = "study " + study.study_id;
      change(example, study.labels, funnel.stage(what, "labels"));
      change(example, study.labels_chexpert, funnel.stage(what + " (labels_chexpert)", "labels"));
    }
  };
  if (policy.blanks_are_absent) {
    funnel.record("blank", "zeros");
    // What is blank, before uncertain labels are left out and look as if they were.
    each("labels given", fill);
  }
  if (policy.uncertain != UncertainPolicy::kKeep) {
    const auto known = std::find_if(kPolicies.begin(), kPolicies.end(), [&](const Policy& one) {
      return one.policy == policy.uncertain;
    });
    funnel.record("uncertain", known->name);
    each("uncertain labels", [&](const std::string& example, Labels& labels, FunnelStage& stage) {
      resolve(policy.uncertain, example, labels, stage);
    });
  }
}

}  // namespace biplane

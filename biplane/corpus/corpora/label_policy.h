#pragma once

#include <string>
#include <vector>

#include "biplane/corpus/funnel.h"
#include "biplane/corpus/study.h"

namespace biplane {

// What becomes of the labels that say neither present nor absent, as the field names it.
enum class UncertainPolicy {
  kKeep,         // -1 stays
  kZeros,        // U-Zeros: absent
  kOnes,         // U-Ones: present
  kIgnore,       // U-Ignore: left out
  kCompetition,  // present for Atelectasis, Edema and Pleural Effusion, absent for Cardiomegaly and
                 // Consolidation; the others stay
};

struct LabelPolicy {
  UncertainPolicy uncertain = UncertainPolicy::kKeep;
  bool blanks_are_absent = false;  // of the 14 labels of CheXpert
};

// "keep", "zeros", "ones", "ignore", "competition". Throws Error kUsage naming the nearest.
UncertainPolicy parse_uncertain_policy(const std::string& name);

// Throws Error kUsage where blanks are to be absent and the labels of the corpus are not those of
// CheXpert.
void check_label_policy(const std::string& corpus, const LabelPolicy& policy);

// Rewrites Study::labels and labels_chexpert and counts every label that changes; what was chosen
// is recorded in the funnel.
// `may_lack_labels`: a study without any label has no row of labels, so that nothing in it is
// blank.
void apply_label_policy(const LabelPolicy& policy, bool may_lack_labels,
                        std::vector<Study>& studies, Funnel& funnel);

}  // namespace biplane

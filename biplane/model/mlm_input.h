#pragma once

#include "biplane/model/batch.h"
#include "biplane/model/multiview_model.h"

namespace biplane {

// What MultiviewModel::mlm reads of a batch and the features of its views. The words that score the
// patches are without punctuation and, for selection.text "visible", without what the masked copy
// hides (docs/method.md, section 3). report_tokens and dropout are left to the caller.
MlmInput mlm_input(const StudyBatch& batch, const ViewFeatures& frontal,
                   const ViewFeatures& lateral, const SelectionConfig& selection);

}  // namespace biplane

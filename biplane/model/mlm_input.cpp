#include "biplane/model/mlm_input.h"

#include "biplane/text/lexicon.h"

namespace biplane {

MlmInput mlm_input(const StudyBatch& batch, const ViewFeatures& frontal,
                   const ViewFeatures& lateral, const SelectionConfig& selection) {
  const torch::Tensor words = batch.word_mask.logical_and(
      batch.word_class.ne(static_cast<std::int64_t>(WordClass::kPunctuation)));
  MlmInput input;
  input.frontal = frontal;
  input.lateral = lateral;
  input.has_frontal = batch.has_frontal;
  input.has_lateral = batch.has_lateral;
  input.masked_ids = batch.masked_ids;
  input.attention_mask = batch.attention_mask;
  input.mlm_labels = batch.mlm_labels;
  input.score_words =
      selection.text == "visible" ? words.logical_and(batch.mlm_labels.lt(0)) : words;
  return input;
}

}  // namespace biplane

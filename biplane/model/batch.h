#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "biplane/nn/libtorch.h"

namespace biplane {

// The labels of CheXpert, in the order of corpus/chexpert.h: what the label term predicts unless
// data.labels names others.
constexpr std::int64_t kStudyLabels = 14;

// A batch of studies (method section 1). B studies, T text tokens. All masks: true = valid.
struct StudyBatch {
  torch::Tensor frontal,
      lateral;  // (B,3,H,W) f32 in [0,1], not normalised; a missing view is zeros
  torch::Tensor has_frontal, has_lateral;  // (B) bool
  torch::Tensor input_ids;       // (B,T) i64, the unmasked report; never aliases masked_ids
  torch::Tensor attention_mask;  // (B,T) bool, false on [PAD]
  torch::Tensor masked_ids,
      mlm_labels;           // (B,T) i64; label = original id at masked places, -100 elsewhere
  torch::Tensor word_mask;  // (B,T) bool, false on [CLS], [SEP], [PAD]
  torch::Tensor
      word_ids;  // (B,T) i64, index of the word in its report, -1 where word_mask is false
  torch::Tensor word_class;  // (B,T) i64, text/lexicon.h WordClass of the token's word
  torch::Tensor word_key;    // (B,T) i64, hash of the lower-cased word: equal words have equal keys
  torch::Tensor sentence_ids;  // (B,T) i64, index of the sentence, -1 where word_mask is false
  torch::Tensor sentence_key;  // (B,T) i64, hash of the words of the token's sentence
  torch::Tensor report_key;    // (B) i64, hash of all words of the report (text/sentences.h)
  // (B,L) f32: 1 present, 0 absent, NaN where nothing certain is known
  torch::Tensor labels;
  torch::Tensor study_index;  // (B) i64, number of the study in its data set (keys random numbers)
  std::vector<std::string> study_ids;  // B names, for messages

  std::int64_t size() const { return input_ids.size(0); }
  // The same batch on another device; floating tensors become `dtype`.
  StudyBatch to(torch::Device device, torch::Dtype dtype = torch::kFloat32) const;
  // Rows [begin, end).
  StudyBatch rows(std::int64_t begin, std::int64_t end) const;
  // The studies `rows` (n) i64 without their images.
  StudyBatch without_images(const torch::Tensor& rows) const;
};

}  // namespace biplane

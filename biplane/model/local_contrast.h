#pragma once

#include <optional>

#include "biplane/model/batch.h"
#include "biplane/model/losses.h"
#include "biplane/nn/collective.h"
#include "biplane/nn/libtorch.h"

namespace biplane {

// Sentences against the patches they are about, L_local (method section 5). n = studies of this
// rank that have the view, T tokens, N patches, D width, P sentences of these studies.

struct ReportSentences {
  torch::Tensor pool;    // (n,S,T): mean over a sentence's words of the mean over a word's pieces
  torch::Tensor places;  // (P,2) i64: study and sentence number
  torch::Tensor key;     // (P) i64, equal for sentences of the same words
};
// Sentences of the studies `rows` (i64 indices) of a batch, those without a word left out;
// punctuation is no word. Floating tensors get `dtype`.
ReportSentences report_sentences(const StudyBatch& batch, const torch::Tensor& rows,
                                 torch::Dtype dtype);

struct LocalInput {
  torch::Tensor tokens;   // (n,T,D) of the whole reports
  torch::Tensor patches;  // (n,N,D) of one view
  ReportSentences sentences;
};

struct LocalOptions {
  double temperature = 0.1;            // of the contrast
  double attention_temperature = 0.1;  // of the pooling
};

// e = mean of the sentence's words; its region r = sum of the patches weighted by
// softmax(cos(e, patch) / attention_temperature). InfoNCE of e and r in both directions over the
// sentences of all ranks; the target of a sentence is spread evenly over those of the same words.
// This rank's share of the mean over all sentences; nothing where there is none.
std::optional<torch::Tensor> local_loss(const LocalInput& input, const LocalOptions& options,
                                        const Collective& collective);

}  // namespace biplane

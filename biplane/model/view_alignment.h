#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "biplane/model/batch.h"
#include "biplane/nn/collective.h"
#include "biplane/nn/libtorch.h"

namespace biplane {

// Frontal-lateral alignment, L_fla (method section 4). n = two-view studies of this rank, T tokens,
// W units, D width.

enum class AlignmentUnits {
  kPieces,  // every word piece, the published way
  kWords,   // means of the pieces of a word; no punctuation, no stop words
};

// What is compared within a report. `kWords`: units are the content words in order, W = most
// content words of a report.
struct ReportUnits {
  torch::Tensor valid;  // (n,W) bool
  torch::Tensor pool;   // (n,W,T) mean over a unit's pieces; undefined for pieces, where W = T
  torch::Tensor key;    // (n,W) i64, equal for the same word; undefined for pieces
  // (n,W) mean over the entity units, all content units if there are none; 0 without content
  torch::Tensor focus;
  torch::Tensor focus_tokens;  // (n,T) bool, the tokens of the focus units
  // (n,W) optional word weights; divided here by their mean over the study's units
  torch::Tensor weight;
};
// Units of the studies `rows` (i64 indices) of a batch; floating tensors get `dtype`.
ReportUnits report_units(const StudyBatch& batch, const torch::Tensor& rows, AlignmentUnits units,
                         torch::Dtype dtype);

// Word weights (n,W) from weights of tokens (n,T): summed over the pieces of a unit.
torch::Tensor unit_sums(const torch::Tensor& token_weights, const ReportUnits& units);

// Unit vectors (n,W,D) of the units from decoder outputs z (n,T,D).
torch::Tensor unit_vectors(const torch::Tensor& z, const ReportUnits& units);

struct AlignmentOptions {
  double temperature = 0.07;
  bool batch_negatives = false;      // words of all studies as negatives
  std::int64_t image_negatives = 3;  // m; 0: no image half
};

// Sums over this rank, to be divided by the global weight.
struct WeightedSum {
  torch::Tensor sum;     // scalar, with gradient
  torch::Tensor weight;  // scalar, no gradient
};

// Word half: per study S = f l^T / temperature over its units, symmetric cross-entropy against the
// identity, pairs of the same word left out of the denominator; weight = number of units (sum of
// the word weights where given). frontal, lateral (n,W,D) unit vectors.
WeightedSum word_half(const torch::Tensor& frontal, const torch::Tensor& lateral,
                      const ReportUnits& units, const AlignmentOptions& options,
                      const Collective& collective);

// Image half from readings of the focus words (1+m,n,D), unit vectors, entry 0 read from the
// study's own view: cross-entropy of f[0].l[s] / temperature over s towards 0, the same with the
// views exchanged, mean of both.
WeightedSum image_half(const torch::Tensor& frontal, const torch::Tensor& lateral,
                       const ReportUnits& units, double temperature);

// What the alignment decoder is asked: N reports, each with the patches of one view.
struct WordQuery {
  torch::Tensor tokens;      // (N,T,D)
  torch::Tensor token_mask;  // (N,T) bool
  torch::Tensor patches;     // (N,P,D)
  torch::Tensor wanted{};    // (N,T) bool, the tokens that are needed; undefined = all
};
// Words read from patches, not normalised: (N,T,D), or with `wanted` (N,E,D), the wanted tokens of
// each report in their order, then zeros.
using WordReader = std::function<torch::Tensor(const WordQuery&)>;

struct AlignmentInput {
  torch::Tensor tokens;            // (n,T,D) of the whole reports
  torch::Tensor token_mask;        // (n,T) bool, attention mask
  torch::Tensor frontal, lateral;  // (n,P,D) patches
  ReportUnits units;
  std::int64_t first = 0;  // place of this rank's first two-view study among those of all ranks
  std::int64_t total = 0;  // two-view studies of all ranks, >= 1
};

struct AlignmentLoss {
  torch::Tensor total;  // share of L_fla
  std::optional<torch::Tensor> words,
      images;  // shares of the halves; absent where there is nothing to compare
};

// L_fla: mean of the word half and the image half (the word half alone with image_negatives 0 or
// below two two-view studies). Nothing where no report has a unit. The words of a report are read
// from its own views in full; from the m cyclically next ones only the focus words are, in one call
// of `read` a view. They are exact: the decoder sees all words as queries until its last layer.
std::optional<AlignmentLoss> alignment_loss(const AlignmentInput& input, const WordReader& read,
                                            const AlignmentOptions& options,
                                            const Collective& collective);

// The input with every lateral replaced by that of the next two-view study over all ranks, for
// fla/shuffle_gap.
AlignmentInput roll_laterals(const AlignmentInput& input, const Collective& collective);

}  // namespace biplane

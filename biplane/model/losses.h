#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "biplane/model/batch.h"
#include "biplane/model/loss_config.h"
#include "biplane/nn/collective.h"
#include "biplane/nn/libtorch.h"

namespace biplane {

// Losses over all ranks (method section 5): every function returns this rank's share, and the sum
// over the ranks is the term. A share holds local rows against global columns, divided by global
// counts. b = studies of this rank, G = of all ranks.

// The studies of all ranks in rank order, and where this rank's lie.
struct GlobalBatch {
  torch::Tensor has_frontal, has_lateral;              // (G) bool
  torch::Tensor frontal_rows, lateral_rows;            // i64, the places where these are true
  std::int64_t offset = 0;                             // global number of this rank's first study
  std::int64_t local = 0;                              // b
  std::int64_t total = 0;                              // G
  std::int64_t frontals = 0, laterals = 0, pairs = 0;  // studies of G with that view, with both
  std::int64_t pairs_before = 0;                       // two-view studies of the ranks before

  torch::Tensor mine(const torch::Tensor& global) const { return global.narrow(0, offset, local); }
  GlobalBatch to(torch::Device device) const;
};
// Flags on the CPU cost no waiting for a GPU: they are read here.
GlobalBatch gather_batch(const torch::Tensor& has_frontal, const torch::Tensor& has_lateral,
                         const Collective& collective);

// A floating tensor of all ranks (G, ...). Unlike Collective::gather it always takes part in the
// backward pass, so that ranks without a row of their own exchange too.
torch::Tensor gather_features(const torch::Tensor& x, const Collective& collective);

// x / max(|x|, 1e-12) over the last dimension.
torch::Tensor unit(const torch::Tensor& x);

// L2-normalised features.
struct UnitFeatures {
  torch::Tensor local;   // (b,D)
  torch::Tensor global;  // (G,D)
};
UnitFeatures gather_units(const torch::Tensor& x, const Collective& collective);

// Which studies take part in one contrast; (G) bool each, and (b,G) for `same`.
struct ContrastMask {
  torch::Tensor rows;       // studies whose pair is to be found; count = how many
  torch::Tensor columns_a;  // features of `a` that b's rows are compared with
  torch::Tensor columns_b;  // features of `b` that a's rows are compared with
  std::int64_t count = 0;
  // Columns that say the same as a row of this rank, its own among them (a symmetric relation);
  // undefined: its own alone.
  torch::Tensor same{};
  double same_share = 0.0;  // w, the part of a row's target that goes to `same`, in [0, 1]
};

// InfoNCE in both directions: (cross-entropy over rows + over columns) / 2, mean over `mask.rows`.
// `scale` = 1 / temperature, a scalar tensor or undefined = 1. 0 for a single study.
// Target of row i with the columns C: (1 - w) at i, and w spread evenly over the `same` ones in C.
torch::Tensor info_nce(const UnitFeatures& a, const UnitFeatures& b, const torch::Tensor& scale,
                       const ContrastMask& mask, const GlobalBatch& batch);

struct SigmoidScale {
  torch::Tensor scale, bias;  // scalars
};
// Pairwise sigmoid contrast (SigLIP): every row of b with every one of columns_a is a pair of its
// own, x = scale a.b + bias; sum of y softplus(-x) + (1 - y) softplus(x), divided by `mask.count`.
// y = 1 for partners, w for others that are `same`, else 0. columns_b is not read: its pairs are
// these.
torch::Tensor sigmoid_contrast(const UnitFeatures& a, const UnitFeatures& b,
                               const SigmoidScale& scale, const ContrastMask& mask,
                               const GlobalBatch& batch);

// (b,G) bool: reports of all ranks that count as the same as each of this rank's: those of equal
// key, and those whose features (without gradient) have a cosine above `threshold`. keys (b) i64.
torch::Tensor same_reports(const UnitFeatures& text, const torch::Tensor& keys, double threshold,
                           const Collective& collective);

struct ItcFeatures {
  UnitFeatures text, frontal, lateral,
      fused;  // frontal, lateral may be undefined where no study has the view, fused where its
              // weight is 0
};

struct ItcOptions {
  torch::Tensor scale;   // scalar, 1 / temperature
  torch::Tensor bias{};  // scalar; defined: sigmoid_contrast instead of info_nce
  torch::Tensor same{};  // (b,G) as in ContrastMask, for the pairs with the text
  double same_share = 0.0;
  ItcPairs pairs{};
  bool all_texts = false;      // texts of studies without the view stay as columns
  bool fixed_weights = false;  // FT and LT count half each, whether or not the other exists
};

struct ItcLoss {
  // Each absent where its weight is 0 or no study has the views.
  std::optional<torch::Tensor> frontal_text, lateral_text, fused_text, frontal_lateral;
  // Mean of those of {FT, LT} that exist, times their weights, + the weighted others; absent where
  // none exists.
  std::optional<torch::Tensor> total;
};
ItcLoss itc_loss(const ItcFeatures& features, const ItcOptions& options, const GlobalBatch& batch);

// Share of the mean cross-entropy over the masked places: logits (P,V), labels (P) of this rank,
// `count` places in all (>= 1).
torch::Tensor mlm_loss(const torch::Tensor& logits, const torch::Tensor& labels,
                       std::int64_t count);

// Share of the mean binary cross-entropy over the known labels: logits (b,L), labels (b,L) in
// {0, 1} or NaN where unknown, `count` known ones in all (>= 1).
torch::Tensor label_loss(const torch::Tensor& logits, const torch::Tensor& labels,
                         std::int64_t count);

// Correct and all predictions by class of word, this rank's: (classes, 2) float64. classes_of (P)
// i64 in [0, classes).
torch::Tensor count_correct(const torch::Tensor& logits, const torch::Tensor& labels,
                            const torch::Tensor& classes_of, std::int64_t classes);

}  // namespace biplane

#pragma once

#include <cstdint>
#include <optional>

#include "biplane/model/losses.h"
#include "biplane/nn/libtorch.h"

namespace biplane {

// Prototype level of the high-order alignment, L_proto (method section 5). K prototypes, G studies
// of all ranks, b of this one.

// Sinkhorn-Knopp codes (N,K) of scores (N,K), without gradient, in the log domain: q = scores /
// epsilon; per iteration prototypes first (q -= logsumexp over samples - log K ...), samples last.
// Every row sums to 1; prototype use tends to N / K.
torch::Tensor sinkhorn_codes(const torch::Tensor& scores, double epsilon, std::int64_t iterations);

// The last Q features of one tower in global sample order; a buffer pair, so that it is part of a
// checkpoint.
class FeatureQueue : public torch::nn::Module {
 public:
  FeatureQueue(std::int64_t capacity, std::int64_t width);
  torch::Tensor filled() const;              // (n,D), oldest first, n <= Q
  void push(const torch::Tensor& features);  // (m,D) unit features, oldest first; written in place

  torch::Tensor features;  // (Q,D)
  torch::Tensor count;     // scalar i64

 private:
  std::int64_t size() const;
  // `count` as it was at that version of it: a GPU is asked only where others have written it.
  mutable std::int64_t known_size_ = 0, known_version_ = -1;
};

struct PrototypeFeatures {
  UnitFeatures text, frontal, lateral;  // frontal, lateral are not read where no study has the view
};

// Past unit features (n,D) that take part in the codes; undefined = none.
struct PrototypePast {
  torch::Tensor text, frontal, lateral;
};

struct PrototypeOptions {
  double epsilon = 0.05;
  double temperature = 0.1;
  std::int64_t iterations = 3;
};
// epsilon = 0.05 sqrt(128 / width) and temperature = 2 epsilon.
PrototypeOptions default_prototype_options(std::int64_t width);

struct PrototypeLoss {
  torch::Tensor total;         // this rank's share of the mean of the directions that exist
  torch::Tensor code_entropy;  // scalar, global: mean over the directions of the supervising codes'
                               // entropy; total's minimum
  torch::Tensor
      perplexity;  // scalar, global: exp(mean entropy of the codes of the batch, all towers)
};

// Swapped prediction: codes of the text supervise frontal and lateral, theirs supervise the text.
// `prototypes` (K,D) unit rows; detach them to freeze. Absent only if no study has a view.
std::optional<PrototypeLoss> prototype_loss(const PrototypeFeatures& features,
                                            const torch::Tensor& prototypes,
                                            const PrototypePast& past,
                                            const PrototypeOptions& options,
                                            const GlobalBatch& batch);

}  // namespace biplane

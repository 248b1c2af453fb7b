#pragma once

#include <cstdint>
#include <memory>

#include "biplane/nn/layers.h"
#include "biplane/nn/libtorch.h"

namespace biplane {

struct AdapterOutput {
  torch::Tensor tokens;           // (B,N,D)
  torch::Tensor pooling_weights;  // (B,N), sum 1 over valid tokens
  torch::Tensor global;           // (B,D)
  torch::Tensor pooled;           // (B,W): the same weights on the encoder's own features
};

// Adapter of the lateral view (method section 2): tokens = LN(proj x); weights = softmax(pool2
// tanh(pool1 x)).
class LateralAdapter : public torch::nn::Module {
 public:
  LateralAdapter(std::int64_t encoder_width, std::int64_t width);
  // features (B,N,W) of the encoder; valid (B,N) bool or undefined = all valid.
  AdapterOutput forward(const torch::Tensor& features, const torch::Tensor& valid = {}) const;
  void initialise(const Initializer& init);

  std::shared_ptr<Linear> proj, pool1, pool2;
  std::shared_ptr<LayerNorm> norm;
};

// One study feature of both views: Linear([f ; l]), a missing view replaced by its learned vector;
// or, without parameters, the mean of the normalised globals of the views that exist (0 without
// any).
class Fusion : public torch::nn::Module {
 public:
  explicit Fusion(std::int64_t width, bool learned = true);
  // frontal, lateral (B,D) un-normalised globals; has_* (B) bool. Returns (B,D).
  torch::Tensor forward(const torch::Tensor& frontal, const torch::Tensor& lateral,
                        const torch::Tensor& has_frontal, const torch::Tensor& has_lateral) const;
  void initialise(const Initializer& init);

  std::shared_ptr<Linear> linear;                // null, and the vectors undefined, unless learned
  torch::Tensor absent_frontal, absent_lateral;  // (D)
};

// Masked-word head: decoder(LN(QuickGELU(dense x))) (docs/method.md, section 3).
class MlmHead : public torch::nn::Module {
 public:
  MlmHead(std::int64_t width, std::int64_t vocabulary);
  torch::Tensor forward(const torch::Tensor& hidden) const;  // (..., D) -> (..., V)
  void initialise(const Initializer& init, std::int64_t decoder_layers);

  std::shared_ptr<Linear> dense, decoder;
  std::shared_ptr<LayerNorm> norm;
};

}  // namespace biplane

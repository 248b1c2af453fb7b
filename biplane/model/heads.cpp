#include "biplane/model/heads.h"

#include <cmath>

#include "biplane/model/losses.h"
#include "biplane/nn/transformer.h"

namespace biplane {
namespace {

constexpr double kEps = 1e-5;
constexpr double kAbsentStd = 0.02;

}  // namespace

LateralAdapter::LateralAdapter(std::int64_t encoder_width, std::int64_t width) {
  proj = register_module("proj", std::make_shared<Linear>(encoder_width, width));
  pool1 = register_module("pool1", std::make_shared<Linear>(encoder_width, width));
  pool2 = register_module("pool2", std::make_shared<Linear>(width, 1));
  norm = register_module("norm", std::make_shared<LayerNorm>(width, kEps));
}

AdapterOutput LateralAdapter::forward(const torch::Tensor& features,
                                      const torch::Tensor& valid) const {
  TORCH_CHECK(features.dim() == 3, "the adapter takes features (B,N,W), not ", features.sizes());
  AdapterOutput output;
  output.tokens = norm->forward(proj->forward(features));
  torch::Tensor scores = pool2->forward(at::tanh(pool1->forward(features))).squeeze(2);
  if (valid.defined()) scores = scores.masked_fill(valid.logical_not(), -INFINITY);
  output.pooling_weights = scores.softmax(1);
  const torch::Tensor weights = output.pooling_weights.unsqueeze(1);
  output.global = at::matmul(weights.to(output.tokens.scalar_type()), output.tokens).squeeze(1);
  output.pooled = at::matmul(weights.to(features.scalar_type()), features).squeeze(1);
  return output;
}

void LateralAdapter::initialise(const Initializer& init) {
  proj->initialise_uniform(init.child("proj"));
  pool1->initialise_uniform(init.child("pool1"));
  pool2->initialise_uniform(init.child("pool2"));
}

Fusion::Fusion(std::int64_t width, bool learned) {
  if (!learned) return;
  linear = register_module("linear", std::make_shared<Linear>(2 * width, width));
  absent_frontal = register_parameter("absent_frontal", torch::zeros({width}));
  absent_lateral = register_parameter("absent_lateral", torch::zeros({width}));
}

torch::Tensor Fusion::forward(const torch::Tensor& frontal, const torch::Tensor& lateral,
                              const torch::Tensor& has_frontal,
                              const torch::Tensor& has_lateral) const {
  TORCH_CHECK(frontal.dim() == 2 && frontal.sizes() == lateral.sizes(),
              "fusion takes two (B,D) features, not ", frontal.sizes(), " and ", lateral.sizes());
  if (!linear) {
    const torch::Tensor shown_frontal = has_frontal.unsqueeze(1),
                        shown_lateral = has_lateral.unsqueeze(1);
    const torch::Tensor count = (shown_frontal.to(torch::kInt64) + shown_lateral).clamp_min(1);
    return (unit(frontal) * shown_frontal + unit(lateral) * shown_lateral) / count;
  }
  const torch::Tensor f = at::where(has_frontal.unsqueeze(1), frontal, absent_frontal);
  const torch::Tensor l = at::where(has_lateral.unsqueeze(1), lateral, absent_lateral);
  return linear->forward(at::cat({f, l}, 1));
}

void Fusion::initialise(const Initializer& init) {
  if (!linear) return;
  linear->initialise_uniform(init.child("linear"));
  init.normal("absent_frontal", absent_frontal, kAbsentStd);
  init.normal("absent_lateral", absent_lateral, kAbsentStd);
}

MlmHead::MlmHead(std::int64_t width, std::int64_t vocabulary) {
  dense = register_module("dense", std::make_shared<Linear>(width, width));
  norm = register_module("norm", std::make_shared<LayerNorm>(width, kEps));
  decoder = register_module("decoder", std::make_shared<Linear>(width, vocabulary));
}

torch::Tensor MlmHead::forward(const torch::Tensor& hidden) const {
  return decoder->forward(norm->forward(quick_gelu(dense->forward(hidden))));
}

void MlmHead::initialise(const Initializer& init, std::int64_t decoder_layers) {
  const auto width = static_cast<double>(dense->weight.size(0));
  dense->initialise_normal(init.child("dense"), 1.0 / std::sqrt(2.0 * width));
  decoder->initialise_normal(init.child("decoder"),
                             1.0 / std::sqrt(2.0 * static_cast<double>(decoder_layers) * width));
}

}  // namespace biplane

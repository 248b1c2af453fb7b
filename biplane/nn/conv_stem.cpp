#include "biplane/nn/conv_stem.h"

#include <cmath>
#include <numbers>
#include <string>

namespace biplane {
namespace {

constexpr std::int64_t kSide = 3;
// Keeps variance 1 behind a ReLU: half a normal deviate has variance (1 - 1 / pi) / 2.
const double kReluGain = std::sqrt(2.0 / (1.0 - std::numbers::inv_pi));
constexpr double kEpsilon = 1e-6;

// A channel beside the other suits the kernels of the libraries, above all where there are few: 0.8
// of the time on a CPU. Asked of kernels too: the strides of a single channel do not tell which it
// is.
torch::Tensor channels_last(const torch::Tensor& x) {
  return x.to(x.options(), /*non_blocking=*/false, /*copy=*/false, at::MemoryFormat::ChannelsLast);
}

std::string numbered(const char* name, std::size_t index) {
  return std::string(name) + "_" + std::to_string(index);
}

}  // namespace

ConvStem::ConvStem(std::int64_t inputs, const std::vector<std::int64_t>& channels) {
  TORCH_CHECK(inputs > 0 && !channels.empty(), "a stem needs inputs and at least one stage");
  for (std::size_t i = 0; i < channels.size(); ++i) {
    const std::int64_t in = i == 0 ? inputs : channels[i - 1];
    weights_.push_back(
        register_parameter(numbered("weight", i), torch::zeros({channels[i], in, kSide, kSide})));
    gains_.push_back(
        register_parameter(numbered("gain", i), torch::full({channels[i]}, kReluGain)));
    biases_.push_back(register_parameter(numbered("bias", i), torch::zeros({channels[i]})));
  }
}

std::int64_t ConvStem::channels() const { return weights_.back().size(0); }

torch::Tensor ConvStem::kernel(std::size_t stage) const {
  const torch::Tensor flat = weights_[stage].flatten(1);
  const auto [variance, mean] = at::var_mean(flat, at::IntArrayRef{1}, /*unbiased=*/false, true);
  const auto inputs = static_cast<double>(flat.size(1));
  const torch::Tensor scale = gains_[stage].unsqueeze(1) * (variance * inputs + kEpsilon).rsqrt();
  return ((flat - mean) * scale).view_as(weights_[stage]);
}

torch::Tensor ConvStem::forward(const torch::Tensor& pixels,
                                std::vector<torch::Tensor>* stages) const {
  const bool grey = pixels.stride(1) == 0;
  torch::Tensor x = channels_last(grey ? pixels.narrow(1, 0, 1) : pixels);
  for (std::size_t stage = 0; stage < weights_.size(); ++stage) {
    torch::Tensor weight = kernel(stage);
    if (stage == 0 && grey) weight = weight.sum(1, true);
    x = at::relu(at::conv2d(x, channels_last(weight), biases_[stage], /*stride=*/2, /*padding=*/1));
    if (stages != nullptr) stages->push_back(x);
  }
  return x;
}

void ConvStem::initialise(const Initializer& init) {
  // The scale of a kernel that is standardised does not show in what it computes, but a smaller one
  // turns further in a step of the optimizer. This one is that of PyTorch's convolutions.
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    const auto inputs = static_cast<double>(weights_[i][0].numel());
    init.normal(numbered("weight", i), weights_[i], 1.0 / std::sqrt(3.0 * inputs));
  }
}

}  // namespace biplane

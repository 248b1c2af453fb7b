#include "biplane/nn/convolution.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace biplane {
namespace {

constexpr double kKernelEps = 1e-5;
constexpr std::int64_t kMostGroups = 32, kGroupChannels = 8;

}  // namespace

Conv2d::Conv2d(std::int64_t in, std::int64_t out, std::int64_t side, std::int64_t stride,
               bool with_bias)
    : stride_(stride) {
  weight = register_parameter("weight", torch::zeros({out, in, side, side}));
  if (with_bias) bias = register_parameter("bias", torch::zeros({out}));
}

torch::Tensor Conv2d::forward(const torch::Tensor& x) const {
  const std::int64_t padding = weight.size(2) / 2;
  return at::conv2d(x, weight, bias, {stride_, stride_}, at::IntArrayRef{padding, padding});
}

void Conv2d::initialise(const Initializer& init) {
  initialise(init, std::sqrt(2.0 / static_cast<double>(weight[0].numel())), 0.0);
}

void Conv2d::initialise(const Initializer& init, double std, double value) {
  const torch::NoGradGuard no_grad;
  init.normal("weight", weight, std);
  if (bias.defined()) bias.fill_(value);
}

DoublingConv2d::DoublingConv2d(std::int64_t in, std::int64_t out) {
  weight = register_parameter("weight", torch::zeros({in, out, 2, 2}));
  bias = register_parameter("bias", torch::zeros({out}));
}

torch::Tensor DoublingConv2d::forward(const torch::Tensor& x) const {
  return at::conv_transpose2d(x, weight, bias, /*stride=*/{2, 2});
}

void DoublingConv2d::initialise(const Initializer& init) {
  const torch::NoGradGuard no_grad;
  init.normal("weight", weight, std::sqrt(1.0 / static_cast<double>(weight.size(0))));
}

MapNorm::MapNorm(std::int64_t channels)
    : groups_(
          std::gcd(channels, std::clamp<std::int64_t>(channels / kGroupChannels, 1, kMostGroups))) {
  weight = register_parameter("weight", torch::ones({channels}));
  bias = register_parameter("bias", torch::zeros({channels}));
}

torch::Tensor MapNorm::forward(const torch::Tensor& x) const {
  return at::group_norm(x, groups_, weight, bias, kKernelEps);
}

ConvBlock::ConvBlock(std::int64_t in, std::int64_t out, std::int64_t side, std::int64_t stride,
                     double leak)
    : leak_(leak) {
  conv = register_module("conv", std::make_shared<Conv2d>(in, out, side, stride, false));
  norm = register_module("norm", std::make_shared<MapNorm>(out));
}

torch::Tensor ConvBlock::forward(const torch::Tensor& x) const {
  const torch::Tensor y = norm->forward(conv->forward(x));
  return leak_ == 0.0 ? at::relu(y) : at::leaky_relu(y, leak_);
}

torch::Tensor resize_map(const torch::Tensor& x, std::int64_t rows, std::int64_t columns) {
  if (x.size(2) == rows && x.size(3) == columns) return x;
  return at::upsample_bilinear2d(x, {rows, columns}, /*align_corners=*/false);
}

}  // namespace biplane

#include "biplane/nn/least_parameters.h"

#include <algorithm>
#include <iomanip>
#include <sstream>

#include "biplane/core/error.h"

namespace biplane {
namespace {

constexpr double kChannels = 3;  // of an image
constexpr double kKernel = 9;    // places of a kernel of a stem
constexpr double kSlack = 1e6;

}  // namespace

double least_block_parameters(std::int64_t layers, std::int64_t width, double mlp_ratio) {
  return static_cast<double>(layers) * (4 + 2 * mlp_ratio) * static_cast<double>(width) *
         static_cast<double>(width);
}

double least_parameters(const VisionTransformerConfig& config) {
  const auto patch = static_cast<double>(config.patch), width = static_cast<double>(config.width);
  const double side = static_cast<double>(config.image_size) / patch;
  double numbers = least_block_parameters(config.layers, config.width, config.mlp_ratio) +
                   side * side * width + static_cast<double>(config.registers) * width;
  if (config.stem.empty()) return numbers + kChannels * patch * patch * width;
  double in = kChannels;
  for (const std::int64_t channels : config.stem) {
    numbers += kKernel * in * static_cast<double>(channels);
    in = static_cast<double>(channels);
  }
  return numbers + in * width;
}

double least_parameters(const SwinTransformerConfig& config) {
  const auto side = static_cast<double>(2 * config.window - 1),
             patch = static_cast<double>(config.patch);
  double numbers = kChannels * patch * patch * static_cast<double>(config.width);
  for (std::size_t stage = 0; stage < config.depths.size(); ++stage) {
    numbers +=
        least_block_parameters(config.depths[stage],
                               config.width << std::min<std::size_t>(stage, 30), config.mlp_ratio) +
        static_cast<double>(config.depths[stage]) * static_cast<double>(config.heads[stage]) *
            side * side;
  }
  return numbers;
}

double least_parameters(const BertConfig& config) {
  const double rows = static_cast<double>(config.vocabulary) +
                      static_cast<double>(config.max_positions) +
                      static_cast<double>(config.token_types);
  return least_block_parameters(config.layers, config.width, config.mlp_ratio) +
         rows * static_cast<double>(config.width);
}

double numbers_of(const TensorMap& tensors) {
  double numbers = 0;
  for (const auto& [name, tensor] : tensors) numbers += static_cast<double>(tensor.numel());
  return numbers;
}

void refuse_hollow(double there, double needed, const std::string& what) {
  if (needed <= 2 * there + kSlack) return;
  std::ostringstream text;
  text << std::fixed << std::setprecision(0) << what << ": describes a network of at least "
       << needed << " numbers, but holds only " << there;
  throw Error(ErrorKind::kBadContent, text.str());
}

}  // namespace biplane

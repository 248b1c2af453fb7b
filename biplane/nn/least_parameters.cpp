#include "biplane/nn/least_parameters.h"

#include <algorithm>

namespace biplane {

double least_block_parameters(std::int64_t layers, std::int64_t width, double mlp_ratio) {
  return static_cast<double>(layers) * (4 + 2 * mlp_ratio) * static_cast<double>(width) *
         static_cast<double>(width);
}

double least_parameters(const VisionTransformerConfig& config) {
  const double side = static_cast<double>(config.image_size) / static_cast<double>(config.patch);
  return least_block_parameters(config.layers, config.width, config.mlp_ratio) +
         side * side * static_cast<double>(config.width);
}

double least_parameters(const SwinTransformerConfig& config) {
  const auto side = static_cast<double>(2 * config.window - 1);
  double numbers = 0;
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

bool is_hollow(double there, double needed) { return needed > 2 * there + 1e6; }

}  // namespace biplane

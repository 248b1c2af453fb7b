#pragma once

#include <cstdint>
#include <string>

#include "biplane/model/config.h"

namespace biplane {

// Depth of a parameter of MultiviewModel in its image tower: 0 for what makes tokens of pixels
// (patches, class token, positions, stem), N + 1 for block N, counted over the stages of a Swin
// whose mergings belong to the block before them, and `layers` + 1 for everything above: the final
// norm, projection, adapter, fusion.
std::int64_t layer_depth(const std::string& name, const ModelConfig& config);

// Factor of its learning rate: decay^(layers + 1 - depth), layers being the blocks of its tower. 1
// above the blocks, so that the head and what stands next to it learn at the full rate.
double layer_rate(const std::string& name, const ModelConfig& config, double decay);

}  // namespace biplane

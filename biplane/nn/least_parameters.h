#pragma once

#include <cstdint>

#include "biplane/nn/bert.h"
#include "biplane/nn/swin_transformer.h"
#include "biplane/nn/vision_transformer.h"

namespace biplane {

// Numbers that a network of this configuration holds at least: its blocks and tables, without
// norms, biases and projections. For telling that a file is too small for what it describes before
// memory is taken; `double`, since hostile sizes overflow.
double least_parameters(const VisionTransformerConfig& config);
double least_parameters(const SwinTransformerConfig& config);
double least_parameters(const BertConfig& config);
// Of transformer blocks with self-attention.
double least_block_parameters(std::int64_t layers, std::int64_t width, double mlp_ratio);

// Whether a file of `there` numbers cannot be one of a network of at least `needed`: with room for
// towers of which only a part is stored.
bool is_hollow(double there, double needed);

}  // namespace biplane

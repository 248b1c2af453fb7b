#pragma once

#include <cstdint>
#include <string>

#include "biplane/nn/bert.h"
#include "biplane/nn/swin_transformer.h"
#include "biplane/nn/vision_transformer.h"
#include "biplane/nn/weights.h"

namespace biplane {

// Numbers that a network of this configuration holds at least: its blocks, tables and projection of
// patches, without norms and biases. For telling that a file is too small for what it describes
// before memory is taken; `double`, since hostile sizes overflow.
double least_parameters(const VisionTransformerConfig& config);
double least_parameters(const SwinTransformerConfig& config);
double least_parameters(const BertConfig& config);
// Of transformer blocks with self-attention.
double least_block_parameters(std::int64_t layers, std::int64_t width, double mlp_ratio);

// Numbers that are there.
double numbers_of(const TensorMap& tensors);

// Throws Error kBadContent "WHAT: ..." where a file of `there` numbers cannot be one of a network
// of at least `needed`, with room for towers of which only a part is stored: or a few small
// tensors, or a few numbers of a configuration, could make it take any amount of memory.
void refuse_hollow(double there, double needed, const std::string& what);

}  // namespace biplane

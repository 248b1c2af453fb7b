#pragma once

#include "biplane/nn/tensor_file.h"

namespace biplane {

// Further naming schemes, as in weights.h. A source with none of the expected names throws Error
// kBadContent; entries that no parameter takes (index buffers, heads, mask tokens) are left out.

// "encoder.layers.N.blocks.M.*" (transformers) or "layers.N.blocks.M.*" (the original, whose
// merging stands at the end of its stage) -> SwinTransformer
TensorMap swin_weights(const TensorMap& source);

// "encoder.layer.N.*" (transformers) or "blocks.N.*" (the original and timm) -> VisionTransformer
// of style dinov2. Where positions are stored for patches only (timm with registers: the class
// token holds its own), the class token's is 0.
TensorMap dinov2_weights(const TensorMap& source);

}  // namespace biplane

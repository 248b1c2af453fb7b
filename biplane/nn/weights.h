#pragma once

#include <torch/torch.h>

#include <string>
#include <vector>

#include "biplane/nn/tensor_file.h"

namespace biplane {

// Published naming schemes, each turned into the library's own parameter names. A source with none
// of the expected names throws Error kBadContent that names the first missing one. Entries that no
// parameter takes (poolers, decoders) are left out.
TensorMap clip_vision_weights(
    const TensorMap& openai);  // "visual.*" -> VisionTransformer, and its "proj.weight" (D, W)
TensorMap clip_vision_library_weights(
    const TensorMap& source);  // "vision_model.*", "visual_projection.weight" -> the same
TensorMap timm_weights(const TensorMap& source);  // "blocks.N.attn.qkv.*", "norm.*" or "fc_norm.*"
                                                  // -> VisionTransformer
TensorMap bert_weights(const TensorMap& source);  // "embeddings.*", "encoder.layer.N.*" -> Bert

// Copies `weights` into the parameters and buffers of `module` by name. Throws Error kBadContent
// where a shape differs, where a parameter is missing in `weights`, or where an entry of `weights`
// fits nothing; `optional` lists name prefixes that may be missing.
void assign_weights(torch::nn::Module& module, const TensorMap& weights,
                    const std::vector<std::string>& optional = {});

}  // namespace biplane

#pragma once

#include <map>
#include <string>
#include <vector>

#include "biplane/nn/libtorch.h"
#include "biplane/nn/tensor_file.h"

namespace biplane {

// A tensor of a published file under the library's own name.
struct MappedTensor {
  torch::Tensor tensor;
  std::vector<std::string> sources;  // its names in the file; q, k and v rows are joined into one
};

// One encoder found among the tensors of a file.
struct MappedTower {
  std::string scheme;  // for people, for example "CLIP (OpenAI, open_clip)"
  std::string kind;    // vit, swin or bert
  std::string style;   // of a vit: clip, timm or dinov2
  std::string prefix;  // what the file puts before the scheme's names, for example "visual."
  // Names in the file that stand inside its blocks but that no rule of the scheme takes: they
  // belong to another kind of block.
  std::vector<std::string> strangers;
  // Own parameter name -> tensor. "projection.weight" (D,W) where the file has a projection of the
  // tower's features.
  std::map<std::string, MappedTensor> tensors;
};

// Every encoder that a known naming scheme finds, in the byte order of their prefixes. A scheme's
// names may stand behind any prefix ("module.", "visual.", "bert.", "base_model.text_encoder.").
// What no scheme takes (poolers, decoders, index buffers) is in no tower. Throws Error kBadContent
// where one of the q, k and v projections of a layer is missing or they do not fit together, and
// for more than 16 encoders of one scheme.
//
// Schemes: CLIP of OpenAI and open_clip; CLIP of transformers; ViT of timm, MAE and MRM; DINOv2
// under its own, timm's and transformers' names; ViT of transformers; Swin under its own, timm's
// and transformers' names; BERT of transformers, also with the old gamma and beta.
std::vector<MappedTower> map_towers(const TensorMap& source);

}  // namespace biplane

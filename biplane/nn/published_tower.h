#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "biplane/nn/bert.h"
#include "biplane/nn/libtorch.h"
#include "biplane/nn/published_names.h"
#include "biplane/nn/swin_transformer.h"
#include "biplane/nn/vision_transformer.h"

namespace biplane {

enum class TensorStatus {
  kLoaded,
  kMissing,     // a parameter of the network that the file does not have
  kWrongShape,  // the file's tensor does not fit the network that its other tensors describe
  kUnexpected,  // a tensor of the file that no parameter takes: poolers, decoders, other towers
};
// "loaded", "missing", "wrong shape", "unexpected".
const char* status_name(TensorStatus status);

// One line of what an import found.
struct TensorRow {
  std::string name;    // own name; empty for an unexpected tensor
  std::string source;  // in the file; "a + b + c" where rows were joined; empty for a missing one
  std::string shape;   // "768x3x16x16", of the tensor; of the parameter where it is missing
  TensorStatus status = TensorStatus::kLoaded;
  std::string note;  // wrong shape: the shape that is needed
};

// What tensors alone do not tell; taken from the files beside them or from the user.
struct TowerHints {
  std::string model_type{};  // as config.json of transformers has it; empty: unknown
  std::int64_t heads = 0;    // of attention; 0: unknown, then width / 64
  std::string activation{};  // as config.json has it ("quick_gelu", "gelu"); empty: unknown
  // Pixel statistics in [0,1], one value or three; empty: unknown.
  std::vector<double> mean{}, std{};
};

// One published encoder as the library's own network.
struct PublishedTower {
  std::string scheme;  // MappedTower::scheme
  std::string prefix;  // of its names in the file
  std::string kind;    // vit, swin or bert: which of the configurations holds
  VisionTransformerConfig vit;
  SwinTransformerConfig swin;
  BertConfig bert;
  std::int64_t image_size = 0;  // pixels, that the positions of a vit are for; else 0
  // Own names -> f32 on the CPU, those of the right shape; "projection.weight" (D,W) where there is
  // one.
  TensorMap weights;
  std::vector<TensorRow> rows;     // a parameter each, in the order of the network
  std::vector<std::string> notes;  // what had to be assumed, a line each
};

// Numbers that its network holds at least (nn/least_parameters.h).
double least_parameters(const PublishedTower& tower);

// The network that a mapped tower's tensors describe: sizes come from their shapes. Throws Error
// kBadContent naming the tensor for shapes that describe none, for blocks with tensors of another
// architecture, for a model type or an activation whose arithmetic is another, and for numbers that
// are not finite.
PublishedTower build_tower(const MappedTower& mapped, const TowerHints& hints);

// Names and shapes of the parameters of the tower's network.
std::map<std::string, std::vector<std::int64_t>> parameter_shapes(const PublishedTower& tower);

// The tensors of a file that none of its towers takes.
std::vector<TensorRow> unexpected_tensors(const TensorMap& source,
                                          const std::vector<MappedTower>& towers);

// Throws Error kBadContent naming the first tensor that is missing or of another shape, unless its
// name starts with one of `allowed`. `file` is named in the message.
void refuse_incomplete(const PublishedTower& tower, const std::vector<std::string>& allowed,
                       const std::string& file);

}  // namespace biplane

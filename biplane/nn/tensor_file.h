#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "biplane/core/error.h"
#include "biplane/formats/weight_file.h"
#include "biplane/nn/libtorch.h"

namespace biplane {

using TensorMap = std::map<std::string, torch::Tensor>;

// "768x3x16x16"; "scalar" for no dimension.
std::string shape_text(at::IntArrayRef sizes);

// All tensors of a .safetensors file, on the CPU. Throws Error kMissingInput, kIo or kBadContent
// naming the file.
TensorMap load_safetensors(const std::filesystem::path& file);

// All tensors of published weights, whatever their container, on the CPU, in the element types of
// the file; tied weights are separate copies. Throws Error kIo or kBadContent naming the file.
TensorMap load_tensors(const WeightFile& source);

// Writes atomically, tensors in order of their names; `metadata` goes to the header's
// "__metadata__".
void save_safetensors(const std::filesystem::path& file, const TensorMap& tensors,
                      const std::map<std::string, std::string>& metadata = {});

// Throws an Error of that kind, naming `where` and the tensor, where one holds a number that is not
// finite.
void refuse_not_finite(const TensorMap& tensors, const std::filesystem::path& where,
                       ErrorKind kind);

}  // namespace biplane

#pragma once

#include <torch/torch.h>

#include <filesystem>
#include <map>
#include <string>

namespace biplane {

using TensorMap = std::map<std::string, torch::Tensor>;

// All tensors of a .safetensors file, on the CPU. Throws Error kMissingInput, kIo or kBadContent
// naming the file.
TensorMap load_safetensors(const std::filesystem::path& file);

// Writes atomically, tensors in order of their names; `metadata` goes to the header's
// "__metadata__".
void save_safetensors(const std::filesystem::path& file, const TensorMap& tensors,
                      const std::map<std::string, std::string>& metadata = {});

}  // namespace biplane

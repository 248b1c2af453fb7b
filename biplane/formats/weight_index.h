#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace biplane {

// The list of a sharded set of weights.
struct WeightIndex {
  std::map<std::string, std::string> file_of;  // tensor -> plain name of a file in the same folder
  std::vector<std::string> files;              // each once, in order of their names
};

// Whether a content begins like an index, which is JSON.
bool is_weight_index(std::string_view content);

// Reads "model.safetensors.index.json" or "pytorch_model.bin.index.json". Throws Error kBadContent
// naming the index and the cause: not JSON, no weight_map, a file name that
// is not plain (a folder in it, a leading dot, not ASCII, above 120 characters), more than 10,000
// files, an index above 100 MB.
WeightIndex read_weight_index(std::string_view content, const std::string& name);

}  // namespace biplane

#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "biplane/formats/torch_tensors.h"

namespace biplane {

// What torch.save wrote before PyTorch 1.6: pickles one after the other (magic number, protocol,
// machine, value, keys of the storages), then each storage's number of elements and bytes.
struct TorchLegacyFile {
  std::vector<TorchTensor> tensors;
  std::map<std::string, std::string_view, std::less<>> storages;  // views of the content
};

bool is_torch_legacy(std::string_view content);

// Throws Error kBadContent naming the file.
TorchLegacyFile read_torch_legacy(std::string_view content, const std::string& name);

}  // namespace biplane

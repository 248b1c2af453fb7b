#pragma once

#include <string_view>

namespace biplane {

// Whether a name is that of a CUDA device: "cuda" (the first one) or "cuda:N". The other device
// that can be named is "cpu".
bool names_cuda(std::string_view device);

}  // namespace biplane

#pragma once

#include "biplane/nn/libtorch.h"
#include "biplane/nn/tensor_file.h"

namespace biplane {

// Copies `weights` into the parameters and buffers of `module` by name. Throws Error kBadContent
// where a shape differs, where a parameter is missing in `weights`, or where an entry of `weights`
// fits nothing.
void assign_weights(torch::nn::Module& module, const TensorMap& weights);

}  // namespace biplane

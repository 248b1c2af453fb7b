#pragma once

// What the project uses of LibTorch, and the precompiled header: tensors, autograd, modules and the
// guards of threads. A file whose source includes all of <torch/torch.h> takes the compiler twice
// as long (15 s against 8), since every file instantiates anew what the header leaves pending;
// <torch/nn.h>, <torch/optim.h> and <torch/cuda.h> are included where they are used.
#include <torch/autograd.h>
#include <torch/nn/module.h>
#include <torch/types.h>
#include <torch/utils.h>

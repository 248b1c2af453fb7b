#pragma once

#include <gtest/gtest.h>
#include <torch/cuda.h>

#include "biplane/nn/libtorch.h"

// Skips a test by name where LibTorch sees no CUDA device.
#define BIPLANE_NEEDS_CUDA() \
  if (!torch::cuda::is_available()) GTEST_SKIP() << "no CUDA device"

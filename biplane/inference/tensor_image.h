#pragma once

#include "biplane/imaging/image.h"
#include "biplane/nn/libtorch.h"

namespace biplane {

// values (rows, columns) on any device, of any type.
FloatImage to_image(const torch::Tensor& values);

// The pixels of an image, (1,1,rows,cols) f32.
torch::Tensor grey_plane(const FloatImage& image);

}  // namespace biplane

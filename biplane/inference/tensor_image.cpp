#include "biplane/inference/tensor_image.h"

#include <algorithm>

namespace biplane {

FloatImage to_image(const torch::Tensor& values) {
  TORCH_CHECK(values.dim() == 2, "an image is (rows, columns), not ", values.sizes());
  const torch::Tensor flat = values.to(torch::kCPU, torch::kFloat32).contiguous();
  FloatImage image = make_float(static_cast<int>(values.size(0)), static_cast<int>(values.size(1)));
  std::copy_n(flat.const_data_ptr<float>(), image.pixels.size(), image.pixels.begin());
  return image;
}

torch::Tensor grey_plane(const FloatImage& image) {
  return torch::tensor(at::ArrayRef<float>(image.pixels)).view({1, 1, image.rows, image.cols});
}

}  // namespace biplane

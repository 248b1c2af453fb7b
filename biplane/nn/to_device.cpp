#include "biplane/nn/to_device.h"

namespace biplane {

torch::Tensor to_device(const torch::Tensor& tensor, torch::Device device) {
  const bool upload = tensor.is_cpu() && device.is_cuda() && tensor.numel() > 0;
  return (upload ? tensor.pin_memory() : tensor).to(device, /*non_blocking=*/upload);
}

}  // namespace biplane

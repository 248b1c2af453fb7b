#include "biplane/train/device.h"

#include <ATen/Context.h>
#include <fmt/format.h>
#include <torch/cuda.h>

#include "biplane/core/device_name.h"
#include "biplane/core/error.h"

namespace biplane {

torch::Device training_device(const std::string& name) {
  if (!names_cuda(name)) return torch::kCPU;
  const torch::Device named(name);
  const torch::Device device(torch::kCUDA, named.has_index() ? named.index() : 0);
  const auto seen = static_cast<int>(torch::cuda::device_count());
  if (device.index() >= seen) {
    throw Error(ErrorKind::kUsage,
                fmt::format("train.device = {}: LibTorch sees {}; use cpu{}", name,
                            seen == 0 ? "no CUDA device here"
                                      : fmt::format("CUDA devices 0 to {} only", seen - 1),
                            seen == 0 ? ", or a CUDA build of LibTorch on a machine that has one"
                                      : " or one of these"));
  }
  return device;
}

torch::Device training_device(const TrainConfig& config) { return training_device(config.device); }

void use_exact_kernels(torch::Device device) {
  if (device.is_cpu()) return;
  at::globalContext().setAllowTF32CuDNN(false);
  at::globalContext().setDeterministicCuDNN(true);
}

}  // namespace biplane

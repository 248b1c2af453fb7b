#pragma once

#include <cstdint>
#include <vector>

#include "biplane/nn/init.h"
#include "biplane/nn/libtorch.h"

namespace biplane {

// Convolutions before the blocks of a vision transformer, in place of one patch projection (Xiao et
// al., "Early convolutions help transformers see better", 2021): each stage is a 3x3 convolution of
// stride 2 and a ReLU. From random weights and with few steps, thin and small structures are learnt
// this way and hardly at all by a linear projection of large patches. Kernels are standardised over
// their inputs and scaled by a learned gain (Brock et al., "Characterizing signal propagation to
// close the performance gap in unnormalized ResNets", 2021): what normalisation over the batch
// would give, but no image sees another one.
class ConvStem : public torch::nn::Module {
 public:
  // One stage for each entry of `channels`, all positive; each halves the sides, rounded up.
  ConvStem(std::int64_t inputs, const std::vector<std::int64_t>& channels);
  // (B, inputs, H, W) f32 or f64 -> (B, channels.back(), h, w), at 0 or above. Input planes that
  // are one plane expanded (stride 0) are read once. `stages`, if set, receives what each stage
  // gives, the last one too.
  torch::Tensor forward(const torch::Tensor& pixels,
                        std::vector<torch::Tensor>* stages = nullptr) const;
  void initialise(const Initializer& init);
  std::int64_t channels() const;  // of the last stage
  // Kernel of a stage as it is applied: mean 0 over its inputs, variance gain^2 / number of inputs.
  torch::Tensor kernel(std::size_t stage) const;

 private:
  std::vector<torch::Tensor> weights_, gains_, biases_;  // (out, in, 3, 3), (out), (out)
};

}  // namespace biplane

#pragma once

#include <cstdint>
#include <memory>

#include "biplane/nn/init.h"
#include "biplane/nn/libtorch.h"

namespace biplane {

// Convolutions of heads over feature maps. As nn/layers.h they draw nothing when they are built.

// (B,in,H,W) -> (B,out,h,w), filled up so that stride 1 keeps the size; an odd `side`.
class Conv2d : public torch::nn::Module {
 public:
  Conv2d(std::int64_t in, std::int64_t out, std::int64_t side, std::int64_t stride = 1,
         bool with_bias = true);
  torch::Tensor forward(const torch::Tensor& x) const;
  // weight ~ N(0, 2 / inputs of a value), which keeps the variance behind a ReLU; bias 0
  void initialise(const Initializer& init);
  // weight ~ N(0, std^2), bias = `value`
  void initialise(const Initializer& init, double std, double value);

  torch::Tensor weight, bias;  // (out,in,side,side), (out) or undefined

 private:
  std::int64_t stride_;
};

// (B,in,H,W) -> (B,out,2H,2W): every value becomes four.
class DoublingConv2d : public torch::nn::Module {
 public:
  DoublingConv2d(std::int64_t in, std::int64_t out);
  torch::Tensor forward(const torch::Tensor& x) const;
  void initialise(const Initializer& init);

  torch::Tensor weight, bias;  // (in,out,2,2), (out)
};

// Group norm over a map: unlike norms over the batch it is the same however a batch is divided
// among threads, in training and afterwards. Groups of at least 8 channels, 32 of them at most.
class MapNorm : public torch::nn::Module {
 public:
  explicit MapNorm(std::int64_t channels);
  torch::Tensor forward(const torch::Tensor& x) const;

  torch::Tensor weight, bias;  // (channels)

 private:
  std::int64_t groups_;
};

// Convolution without bias, norm, and a ReLU whose negative side has the slope `leak`.
class ConvBlock : public torch::nn::Module {
 public:
  ConvBlock(std::int64_t in, std::int64_t out, std::int64_t side, std::int64_t stride = 1,
            double leak = 0.0);
  torch::Tensor forward(const torch::Tensor& x) const;
  void initialise(const Initializer& init) { conv->initialise(init.child("conv")); }

  std::shared_ptr<Conv2d> conv;
  std::shared_ptr<MapNorm> norm;

 private:
  double leak_;
};

// Bilinear, half-pixel centres: (B,C,h,w) -> (B,C,rows,columns).
torch::Tensor resize_map(const torch::Tensor& x, std::int64_t rows, std::int64_t columns);

}  // namespace biplane

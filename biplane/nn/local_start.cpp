#include "biplane/nn/local_start.h"

#include <cmath>
#include <numbers>

namespace biplane {
namespace {

constexpr double kAmplitude = 3.0;  // of the pairs, in standard deviations of the embeddings
constexpr double kHighest = 0.9;    // frequency, as a part of the highest that whole places show
constexpr double kLowest = 0.02;    // the lowest one as a part of the highest
constexpr double kPeak = 3.5;       // score of the place that is read; words add noise of about 1
constexpr double kEmbeddingSums = 3.0;  // word, position and token type

torch::Tensor geometric_frequencies(std::int64_t pairs) {
  const torch::Tensor place = at::arange(pairs, torch::kFloat64) / static_cast<double>(pairs);
  return kHighest * std::numbers::pi * at::pow(kLowest, place);
}

}  // namespace

LocalStart::LocalStart(std::int64_t width, std::int64_t heads, double embedding_std)
    : width_(width), heads_(heads), amplitude_(kAmplitude * embedding_std) {
  const std::int64_t head = width / heads, pairs = head / 2;
  TORCH_CHECK(width % heads == 0 && head % 2 == 0, "a local start needs heads of an even width");
  frequencies_ = geometric_frequencies(pairs);
  // The norm after the embeddings divides by the root of what their mean square is.
  const double w = static_cast<double>(width), p = static_cast<double>(pairs);
  const double energy =
      embedding_std * embedding_std * (kEmbeddingSums * w - 2.0 * p) + amplitude_ * amplitude_ * p;
  const double normed_square = amplitude_ * amplitude_ * w / energy;
  gain_ = std::sqrt(kPeak * std::sqrt(static_cast<double>(head)) / (normed_square * p));
}

std::int64_t LocalStart::offset(std::int64_t head) {
  const std::int64_t distance = head / 2 + 1;
  return head % 2 == 0 ? -distance : distance;
}

void LocalStart::fill_positions(torch::Tensor positions) const {
  const torch::NoGradGuard no_grad;
  const torch::Tensor angle =
      at::outer(at::arange(positions.size(0), torch::kFloat64), frequencies_);
  positions.narrow(1, 0, width_ / heads_)
      .copy_(at::cat({angle.cos(), angle.sin()}, 1) * amplitude_);
}

// (H,H): the pairs of place p become those of place p + places.
torch::Tensor LocalStart::turned(double places) const {
  const torch::Tensor cosine = (frequencies_ * places).cos().diag();
  const torch::Tensor sine = (frequencies_ * places).sin().diag();
  return at::cat({at::cat({cosine, -sine}, 1), at::cat({sine, cosine}, 1)}, 0);
}

void LocalStart::fill_queries_and_keys(torch::Tensor in_proj_weight) const {
  const torch::NoGradGuard no_grad;
  const std::int64_t head = width_ / heads_;
  in_proj_weight.narrow(0, 0, 2 * width_).zero_();
  for (std::int64_t h = 0; h < heads_; ++h) {
    const auto rows = [&](std::int64_t first) {
      return in_proj_weight.narrow(0, first + h * head, head).narrow(1, 0, head);
    };
    rows(0).copy_(turned(static_cast<double>(offset(h))) * gain_);
    rows(width_).copy_(turned(0.0) * gain_);
  }
}

}  // namespace biplane

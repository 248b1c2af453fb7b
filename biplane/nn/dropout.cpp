#include "biplane/nn/dropout.h"

#include <cmath>
#include <vector>

#include "biplane/core/random.h"
#include "biplane/nn/to_device.h"

namespace biplane {
namespace {

// z ^ (z >> bits) with the logical shift that signed tensors lack.
torch::Tensor xor_shift(const torch::Tensor& z, std::int64_t bits) {
  const std::int64_t low = (std::int64_t{1} << (64 - bits)) - 1;
  return z.bitwise_xor(z.bitwise_right_shift(bits).bitwise_and(low));
}

std::int64_t signed_bits(std::uint64_t value) { return static_cast<std::int64_t>(value); }

}  // namespace

torch::Tensor KeyedDropout::apply(const torch::Tensor& x, std::int64_t layer) const {
  if (rate <= 0.0) return x;
  TORCH_CHECK(rate < 1.0, "dropout rate must be below 1, not ", rate);
  TORCH_CHECK(study_index.defined() && study_index.dim() == 1 && study_index.size(0) == x.size(0),
              "dropout needs one study index for each of ", x.size(0), " studies");
  const torch::Tensor studies = study_index.to(torch::kCPU, torch::kInt64).contiguous();
  std::vector<std::int64_t> keys(static_cast<std::size_t>(x.size(0)));
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const auto study = static_cast<std::uint64_t>(studies.data_ptr<std::int64_t>()[i]);
    keys[i] = signed_bits(
        CounterRandom(seed, "dropout",
                      {static_cast<std::uint64_t>(step), static_cast<std::uint64_t>(pass), study,
                       static_cast<std::uint64_t>(layer)})
            .next_u64());
  }
  // splitmix64 of (key + element number) in wrapping integer arithmetic: the same bits on every
  // device. The element number counts within the study, so a longer padding changes nothing.
  const auto integers = torch::TensorOptions(torch::kInt64).device(x.device());
  const std::int64_t elements = x.numel() / x.size(0);
  torch::Tensor z =
      torch::arange(elements, integers).mul(signed_bits(0x9E3779B97F4A7C15ULL)).unsqueeze(0) +
      to_device(torch::tensor(keys, torch::kInt64), x.device()).unsqueeze(1);
  z = xor_shift(z, 30).mul(signed_bits(0xBF58476D1CE4E5B9ULL));
  z = xor_shift(z, 27).mul(signed_bits(0x94D049BB133111EBULL));
  const auto threshold = static_cast<std::int64_t>(std::llround(rate * 4294967296.0));
  const torch::Tensor keep =
      z.bitwise_right_shift(32).bitwise_and(0xFFFFFFFFLL).ge(threshold).view(x.sizes());
  return x * keep.to(x.scalar_type()).div(1.0 - rate);
}

}  // namespace biplane

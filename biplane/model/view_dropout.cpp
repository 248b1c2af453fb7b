#include "biplane/model/view_dropout.h"

#include "biplane/core/random.h"

namespace biplane {

ShownViews drop_views(const StudyBatch& batch, const ViewDropoutConfig& config, std::uint64_t seed,
                      std::int64_t step) {
  const torch::Tensor frontal =
      batch.has_frontal.to(torch::kCPU, torch::kBool, false, /*copy=*/true);
  const torch::Tensor lateral =
      batch.has_lateral.to(torch::kCPU, torch::kBool, false, /*copy=*/true);
  const torch::Tensor study = batch.study_index.to(torch::kCPU);
  auto shown_frontal = frontal.accessor<bool, 1>();
  auto shown_lateral = lateral.accessor<bool, 1>();
  for (std::int64_t i = 0; i < study.size(0); ++i) {
    if (!shown_frontal[i] || !shown_lateral[i]) continue;
    const auto number = static_cast<std::uint64_t>(study[i].item<std::int64_t>());
    const double draw =
        CounterRandom(seed, "view_dropout", {static_cast<std::uint64_t>(step), number}).uniform();
    shown_lateral[i] = draw >= config.lateral;
    shown_frontal[i] = draw < config.lateral || draw >= config.lateral + config.frontal;
  }
  const torch::Device device = batch.has_frontal.device();
  return {frontal.to(device), lateral.to(device)};
}

}  // namespace biplane

#include "biplane/tasks/class_loss.h"

#include <algorithm>

namespace biplane {

torch::Tensor label_tensor(const TaskLabels& labels, const Manifest& manifest,
                           const std::vector<std::int64_t>& chosen) {
  std::vector<float> values;
  for (const std::int64_t index : chosen) {
    const std::vector<float> row = label_row(labels, manifest.study(index));
    values.insert(values.end(), row.begin(), row.end());
  }
  return torch::tensor(at::ArrayRef<float>(values))
      .view({static_cast<std::int64_t>(chosen.size()),
             static_cast<std::int64_t>(labels.names.size())});
}

std::int64_t known_targets(const torch::Tensor& targets, const std::string& kind) {
  const torch::Tensor known = targets.isnan().logical_not();
  return (kind == "multilabel" ? known : known.all(1)).sum().item<std::int64_t>();
}

torch::Tensor class_loss_sum(const torch::Tensor& logits, const torch::Tensor& targets,
                             const std::string& kind) {
  TORCH_CHECK(logits.sizes() == targets.sizes(), "logits ", logits.sizes(), " for targets ",
              targets.sizes());
  const torch::Tensor known = targets.isnan().logical_not();
  const torch::Tensor certain = targets.nan_to_num(0.0).to(logits.scalar_type());
  if (kind == "multilabel") {
    // max(x, 0) - x y + log(1 + exp(-|x|))
    const torch::Tensor loss =
        logits.clamp_min(0) - logits * certain + logits.abs().neg().exp().log1p();
    return at::where(known, loss, at::zeros_like(loss)).sum();
  }
  return -(logits.log_softmax(1) * certain).sum();
}

}  // namespace biplane

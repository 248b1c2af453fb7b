#include "biplane/model/losses.h"

#include <limits>

namespace biplane {
namespace {

constexpr double kNormFloor = 1e-12;
constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();

// Sum over this rank's rows of a of the cross-entropy of finding their partner in b among b's
// columns.
torch::Tensor one_direction(const UnitFeatures& a, const UnitFeatures& b,
                            const torch::Tensor& scale, const torch::Tensor& rows,
                            const torch::Tensor& columns) {
  torch::Tensor logits = at::mm(a.local, b.global.t());
  torch::Tensor partner = (a.local * b.local).sum(1);
  if (scale.defined()) {
    logits = logits * scale;
    partner = partner * scale;
  }
  logits = logits.masked_fill(columns.logical_not().unsqueeze(0), kMinusInfinity);
  return (logits.logsumexp(1) - partner).masked_fill(rows.logical_not(), 0.0).sum();
}

}  // namespace

GlobalBatch gather_batch(const torch::Tensor& has_frontal, const torch::Tensor& has_lateral,
                         const Collective& collective) {
  GlobalBatch batch;
  batch.local = has_frontal.size(0);
  torch::Tensor views = torch::stack({has_frontal, has_lateral}, 1);  // (b,2)
  torch::Tensor sizes = torch::full({1}, batch.local, views.options().dtype(torch::kInt64));
  if (collective.size > 1) {
    views = collective.gather(views);
    sizes = collective.gather(sizes);
  }
  batch.has_frontal = views.select(1, 0);
  batch.has_lateral = views.select(1, 1);
  batch.total = views.size(0);
  if (collective.rank > 0)
    batch.offset = sizes.narrow(0, 0, collective.rank).sum().item<std::int64_t>();
  const torch::Tensor host = views.to(torch::kCPU);
  batch.frontals = host.select(1, 0).sum().item<std::int64_t>();
  batch.laterals = host.select(1, 1).sum().item<std::int64_t>();
  batch.pairs = host.all(1).sum().item<std::int64_t>();
  return batch;
}

torch::Tensor gather_features(const torch::Tensor& x, const Collective& collective) {
  if (collective.size == 1) return x;
  // Features of a rank where nothing has the view carry no gradient; without a node in the graph
  // the backward passes of the other ranks would wait for this one.
  const bool loose = torch::GradMode::is_enabled() && !x.requires_grad();
  return collective.gather(loose ? x.detach().requires_grad_(true) : x);
}

torch::Tensor unit(const torch::Tensor& x) { return x / x.norm(2, -1, true).clamp_min(kNormFloor); }

UnitFeatures gather_units(const torch::Tensor& x, const Collective& collective) {
  const torch::Tensor local = unit(x);
  return {local, gather_features(local, collective)};
}

torch::Tensor info_nce(const UnitFeatures& a, const UnitFeatures& b, const torch::Tensor& scale,
                       const ContrastMask& mask, const GlobalBatch& batch) {
  TORCH_CHECK(mask.count > 0, "a contrast needs at least one study");
  const torch::Tensor rows = batch.mine(mask.rows);
  const torch::Tensor sum = one_direction(a, b, scale, rows, mask.columns_b) +
                            one_direction(b, a, scale, rows, mask.columns_a);
  return sum / (2.0 * static_cast<double>(mask.count));
}

ItcLoss itc_loss(const ItcFeatures& features, const ItcOptions& options, const GlobalBatch& batch) {
  const torch::Tensor everyone = torch::ones_like(batch.has_frontal);
  const auto view_term = [&](const UnitFeatures& view, const torch::Tensor& has,
                             std::int64_t count) -> std::optional<torch::Tensor> {
    if (count == 0) return std::nullopt;
    const ContrastMask mask{has, options.all_texts ? everyone : has, has, count};
    return info_nce(features.text, view, options.scale, mask, batch);
  };
  ItcLoss loss;
  loss.frontal_text = view_term(features.frontal, batch.has_frontal, batch.frontals);
  loss.lateral_text = view_term(features.lateral, batch.has_lateral, batch.laterals);
  loss.fused_text = info_nce(features.fused, features.text, options.scale,
                             {everyone, everyone, everyone, batch.total}, batch);
  const bool both = loss.frontal_text.has_value() && loss.lateral_text.has_value();
  const double share = both || options.fixed_weights ? 0.5 : 1.0;
  loss.total = loss.fused_text;
  if (loss.frontal_text) loss.total = loss.total + share * *loss.frontal_text;
  if (loss.lateral_text) loss.total = loss.total + share * *loss.lateral_text;
  return loss;
}

torch::Tensor mlm_loss(const torch::Tensor& logits, const torch::Tensor& labels,
                       std::int64_t count) {
  TORCH_CHECK(count > 0, "the masked-word loss needs at least one masked place");
  return at::cross_entropy_loss(logits, labels, {}, at::Reduction::Sum) /
         static_cast<double>(count);
}

torch::Tensor count_correct(const torch::Tensor& logits, const torch::Tensor& labels,
                            const torch::Tensor& classes_of, std::int64_t classes) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor correct = logits.argmax(1).eq(labels).to(torch::kFloat64);
  const torch::Tensor seen = torch::stack({correct, torch::ones_like(correct)}, 1);
  return torch::zeros({classes, 2}, seen.options()).index_add_(0, classes_of, seen);
}

}  // namespace biplane

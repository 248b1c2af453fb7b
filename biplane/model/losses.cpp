#include "biplane/model/losses.h"

#include <limits>

#include "biplane/nn/to_device.h"

namespace biplane {
namespace {

constexpr double kNormFloor = 1e-12;
constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();

// Score of each row's target where it is spread evenly over the columns that say the same, (b).
torch::Tensor mean_over_same(const torch::Tensor& logits, const torch::Tensor& same,
                             const torch::Tensor& columns) {
  const torch::Tensor share = same.logical_and(columns.unsqueeze(0)).to(logits.scalar_type());
  return (logits * share).sum(1) / share.sum(1).clamp_min(1.0);
}

// One direction of an InfoNCE: as ContrastMask, rows (b) and columns (G) of this direction.
struct Direction {
  torch::Tensor rows, columns, same;
  double same_share = 0.0;
};

// Sum over this rank's rows of a of the cross-entropy of finding their partner in b among b's
// columns.
torch::Tensor one_direction(const UnitFeatures& a, const UnitFeatures& b,
                            const torch::Tensor& scale, const Direction& direction) {
  torch::Tensor logits = at::mm(a.local, b.global.t());
  torch::Tensor partner = (a.local * b.local).sum(1);
  if (scale.defined()) {
    logits = logits * scale;
    partner = partner * scale;
  }
  if (direction.same.defined()) {
    partner = (1.0 - direction.same_share) * partner +
              direction.same_share * mean_over_same(logits, direction.same, direction.columns);
  }
  logits = logits.masked_fill(direction.columns.logical_not().unsqueeze(0), kMinusInfinity);
  return (logits.logsumexp(1) - partner).masked_fill(direction.rows.logical_not(), 0.0).sum();
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
  batch.pairs_before = host.narrow(0, 0, batch.offset).all(1).sum().item<std::int64_t>();
  batch.frontal_rows = to_device(host.select(1, 0).nonzero().squeeze(1), views.device());
  batch.lateral_rows = to_device(host.select(1, 1).nonzero().squeeze(1), views.device());
  return batch;
}

GlobalBatch GlobalBatch::to(torch::Device device) const {
  GlobalBatch moved = *this;
  for (torch::Tensor* part :
       {&moved.has_frontal, &moved.has_lateral, &moved.frontal_rows, &moved.lateral_rows})
    *part = to_device(*part, device);
  return moved;
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
  const torch::Tensor sum =
      one_direction(a, b, scale, {rows, mask.columns_b, mask.same, mask.same_share}) +
      one_direction(b, a, scale, {rows, mask.columns_a, mask.same, mask.same_share});
  return sum / (2.0 * static_cast<double>(mask.count));
}

torch::Tensor sigmoid_contrast(const UnitFeatures& a, const UnitFeatures& b,
                               const SigmoidScale& scale, const ContrastMask& mask,
                               const GlobalBatch& batch) {
  TORCH_CHECK(mask.count > 0, "a contrast needs at least one study");
  const torch::Tensor x = at::mm(b.local, a.global.t()) * scale.scale + scale.bias;
  const torch::Tensor numbers =
      torch::arange(batch.total, mask.rows.options().dtype(torch::kInt64));
  torch::Tensor y = batch.mine(numbers).unsqueeze(1).eq(numbers.unsqueeze(0)).to(x.scalar_type());
  if (mask.same.defined()) y = torch::max(y, mask.same.to(x.scalar_type()) * mask.same_share);
  // softplus(x) = -log_sigmoid(-x), and softplus(-x) = softplus(x) - x.
  const torch::Tensor losses = -at::log_sigmoid(-x) - y * x;
  const torch::Tensor pairs =
      batch.mine(mask.rows).unsqueeze(1).logical_and(mask.columns_a.unsqueeze(0));
  return losses.masked_fill(pairs.logical_not(), 0.0).sum() / static_cast<double>(mask.count);
}

torch::Tensor same_reports(const UnitFeatures& text, const torch::Tensor& keys, double threshold,
                           const Collective& collective) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor all_keys = collective.size > 1 ? collective.gather(keys) : keys;
  const torch::Tensor near = at::mm(text.local.detach(), text.global.detach().t()).gt(threshold);
  return near.logical_or(keys.unsqueeze(1).eq(all_keys.unsqueeze(0)));
}

ItcLoss itc_loss(const ItcFeatures& features, const ItcOptions& options, const GlobalBatch& batch) {
  const torch::Tensor everyone = torch::ones_like(batch.has_frontal);
  const auto pair = [&](const UnitFeatures& a, const UnitFeatures& b, const ContrastMask& mask) {
    return options.bias.defined()
               ? sigmoid_contrast(a, b, {options.scale, options.bias}, mask, batch)
               : info_nce(a, b, options.scale, mask, batch);
  };
  const auto view_term = [&](const UnitFeatures& view, const torch::Tensor& has,
                             std::int64_t count) {
    const ContrastMask mask{
        has, options.all_texts ? everyone : has, has, count, options.same, options.same_share};
    return pair(features.text, view, mask);
  };
  ItcLoss loss;
  const auto add = [&](std::optional<torch::Tensor>& term, const torch::Tensor& value,
                       double weight) {
    term = value;
    const torch::Tensor part = weight == 1.0 ? value : weight * value;
    loss.total = loss.total ? *loss.total + part : part;
  };
  const ItcPairs& pairs = options.pairs;
  const bool frontal = pairs.frontal_text > 0.0 && batch.frontals > 0;
  const bool lateral = pairs.lateral_text > 0.0 && batch.laterals > 0;
  const double share = (frontal && lateral) || options.fixed_weights ? 0.5 : 1.0;
  if (pairs.fused_text > 0.0) {
    const ContrastMask mask{everyone,    everyone,     everyone,
                            batch.total, options.same, options.same_share};
    add(loss.fused_text, pair(features.fused, features.text, mask), pairs.fused_text);
  }
  if (frontal) {
    add(loss.frontal_text, view_term(features.frontal, batch.has_frontal, batch.frontals),
        share * pairs.frontal_text);
  }
  if (lateral) {
    add(loss.lateral_text, view_term(features.lateral, batch.has_lateral, batch.laterals),
        share * pairs.lateral_text);
  }
  if (pairs.frontal_lateral > 0.0 && batch.pairs > 0) {
    const torch::Tensor both = batch.has_frontal.logical_and(batch.has_lateral);
    add(loss.frontal_lateral,
        pair(features.frontal, features.lateral, {both, both, both, batch.pairs}),
        pairs.frontal_lateral);
  }
  return loss;
}

torch::Tensor mlm_loss(const torch::Tensor& logits, const torch::Tensor& labels,
                       std::int64_t count) {
  TORCH_CHECK(count > 0, "the masked-word loss needs at least one masked place");
  return at::cross_entropy_loss(logits, labels, {}, at::Reduction::Sum) /
         static_cast<double>(count);
}

torch::Tensor label_loss(const torch::Tensor& logits, const torch::Tensor& labels,
                         std::int64_t count) {
  TORCH_CHECK(count > 0, "the label loss needs at least one known label");
  const torch::Tensor unknown = labels.isnan();
  const torch::Tensor losses = at::binary_cross_entropy_with_logits(
      logits, labels.masked_fill(unknown, 0.0), {}, {}, at::Reduction::None);
  return losses.masked_fill(unknown, 0.0).sum() / static_cast<double>(count);
}

torch::Tensor count_correct(const torch::Tensor& logits, const torch::Tensor& labels,
                            const torch::Tensor& classes_of, std::int64_t classes) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor correct = logits.argmax(1).eq(labels).to(torch::kFloat64);
  const torch::Tensor seen = torch::stack({correct, torch::ones_like(correct)}, 1);
  return torch::zeros({classes, 2}, seen.options()).index_add_(0, classes_of, seen);
}

}  // namespace biplane

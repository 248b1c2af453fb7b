#include "biplane/model/prototypes.h"

#include <cmath>
#include <vector>

namespace biplane {
namespace {

// Codes of the studies of the batch at `places`, in those places of (G,K); zero rows elsewhere.
// Every rank computes all of them from the gathered features, so the row and column sums run over
// all ranks in the order of one process.
torch::Tensor batch_codes(const torch::Tensor& features, const torch::Tensor& past,
                          const torch::Tensor& places, const torch::Tensor& prototypes,
                          const PrototypeOptions& options) {
  const torch::NoGradGuard no_grad;
  torch::Tensor samples = features.index_select(0, places);
  if (past.defined()) samples = torch::cat({past, samples}, 0);
  const torch::Tensor codes =
      sinkhorn_codes(at::mm(samples, prototypes.t()), options.epsilon, options.iterations);
  const torch::Tensor mine = codes.narrow(0, codes.size(0) - places.size(0), places.size(0));
  return torch::zeros({features.size(0), prototypes.size(0)}, codes.options())
      .index_copy_(0, places, mine);
}

// Entropy of each row of codes (N,K); 0 for a zero row.
torch::Tensor row_entropy(const torch::Tensor& codes) { return -torch::xlogy(codes, codes).sum(1); }

// One tower of the batch.
struct Tower {
  torch::Tensor codes;            // (G,K)
  torch::Tensor log_predictions;  // (b,K)
  torch::Tensor entropy;          // (G)
};

Tower make_tower(const UnitFeatures& features, const torch::Tensor& past,
                 const torch::Tensor& places, const torch::Tensor& prototypes,
                 const PrototypeOptions& options) {
  Tower tower;
  tower.codes = batch_codes(features.global.detach(), past, places, prototypes.detach(), options);
  tower.log_predictions =
      (at::mm(features.local, prototypes.t()) / options.temperature).log_softmax(1);
  tower.entropy = row_entropy(tower.codes);
  return tower;
}

}  // namespace

torch::Tensor sinkhorn_codes(const torch::Tensor& scores, double epsilon, std::int64_t iterations) {
  const torch::NoGradGuard no_grad;
  TORCH_CHECK(scores.dim() == 2, "Sinkhorn-Knopp needs scores (N,K), not ", scores.sizes());
  const double log_samples = std::log(static_cast<double>(scores.size(0)));
  const double log_prototypes = std::log(static_cast<double>(scores.size(1)));
  torch::Tensor q = scores.detach() / epsilon;
  for (std::int64_t i = 0; i < iterations; ++i) {
    q = q - (q.logsumexp(0, true) + log_prototypes);
    q = q - (q.logsumexp(1, true) + log_samples);
  }
  return (q + log_samples).exp();
}

FeatureQueue::FeatureQueue(std::int64_t capacity, std::int64_t width) {
  features = register_buffer("features", torch::zeros({capacity, width}));
  count = register_buffer("count", torch::zeros({}, torch::kInt64));
}

std::int64_t FeatureQueue::size() const {
  if (known_version_ != count._version()) {
    known_size_ = count.item<std::int64_t>();
    known_version_ = count._version();
  }
  return known_size_;
}

torch::Tensor FeatureQueue::filled() const { return features.narrow(0, 0, size()); }

void FeatureQueue::push(const torch::Tensor& added) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor all = torch::cat({filled(), added.detach().to(features.scalar_type())}, 0);
  const std::int64_t kept = std::min(all.size(0), features.size(0));
  features.narrow(0, 0, kept).copy_(all.narrow(0, all.size(0) - kept, kept));
  count.fill_(kept);
  known_size_ = kept;
  known_version_ = count._version();
}

PrototypeOptions default_prototype_options(std::int64_t width) {
  PrototypeOptions options;
  options.epsilon = 0.05 * std::sqrt(128.0 / static_cast<double>(width));
  options.temperature = 2.0 * options.epsilon;
  return options;
}

std::optional<PrototypeLoss> prototype_loss(const PrototypeFeatures& features,
                                            const torch::Tensor& prototypes,
                                            const PrototypePast& past,
                                            const PrototypeOptions& options,
                                            const GlobalBatch& batch) {
  if (batch.frontals + batch.laterals == 0) return std::nullopt;
  const torch::Tensor everyone = torch::arange(batch.total, batch.frontal_rows.options());
  const Tower text = make_tower(features.text, past.text, everyone, prototypes, options);
  std::vector<torch::Tensor> directions, entropies;
  torch::Tensor entropy_sum = text.entropy.sum();
  const auto add_view = [&](const UnitFeatures& view, const torch::Tensor& past_view,
                            const torch::Tensor& has, const torch::Tensor& places) {
    const std::int64_t count = places.size(0);
    if (count == 0) return;
    const Tower tower = make_tower(view, past_view, places, prototypes, options);
    const torch::Tensor text_codes = text.codes * has.unsqueeze(1);
    const auto swapped = [&](const torch::Tensor& codes, const Tower& predicting) {
      directions.push_back(-(batch.mine(codes) * predicting.log_predictions).sum() /
                           static_cast<double>(count));
    };
    swapped(text_codes, tower);
    swapped(tower.codes, text);
    entropies.push_back((text.entropy * has).sum() / static_cast<double>(count));
    entropies.push_back(tower.entropy.sum() / static_cast<double>(count));
    entropy_sum = entropy_sum + tower.entropy.sum();
  };
  add_view(features.frontal, past.frontal, batch.has_frontal, batch.frontal_rows);
  add_view(features.lateral, past.lateral, batch.has_lateral, batch.lateral_rows);
  PrototypeLoss loss;
  loss.total = torch::stack(directions).mean();
  loss.code_entropy = torch::stack(entropies).mean();
  loss.perplexity =
      (entropy_sum / static_cast<double>(batch.total + batch.frontals + batch.laterals)).exp();
  return loss;
}

}  // namespace biplane

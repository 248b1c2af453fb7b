#include "biplane/train/replicas.h"

#include <algorithm>
#include <cmath>

namespace biplane {
namespace {

using NamedValues = std::vector<std::pair<std::string, double>>;

void add_to(NamedValues& values, const std::string& name, double value) {
  const auto found = std::find_if(values.begin(), values.end(),
                                  [&](const auto& item) { return item.first == name; });
  if (found == values.end()) {
    values.emplace_back(name, value);
  } else {
    found->second += value;
  }
}

// Sums of one micro-batch over the ranks, in their order.
StepLoss sum_of_ranks(const std::vector<std::vector<LossTerms>>& ranks, std::size_t micro) {
  StepLoss loss;
  for (const std::vector<LossTerms>& rank : ranks) {
    loss.total += rank[micro].total.item<double>();
    for (const auto& [name, value] : rank[micro].terms)
      add_to(loss.terms, name, value.item<double>());
  }
  loss.diagnostics = ranks.front()[micro].diagnostics;
  return loss;
}

// Mean by name over the micro-batches that have it.
NamedValues mean_of(const std::vector<StepLoss>& losses, NamedValues StepLoss::*member) {
  NamedValues sums, counts;
  for (const StepLoss& loss : losses) {
    for (const auto& [name, value] : loss.*member) {
      add_to(sums, name, value);
      add_to(counts, name, 1);
    }
  }
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i].second /= counts[i].second;
  return sums;
}

}  // namespace

Replicas::Replicas(const Factory& make, std::int64_t count) : group_(count) {
  for (std::int64_t rank = 0; rank < count; ++rank) {
    Objective& objective = *objectives_.emplace_back(make());
    objective.module().train();
    std::vector<torch::Tensor>& parameters = parameters_.emplace_back();
    for (const OptimizedParameter& parameter : optimized_parameters(objective, 0))
      parameters.push_back(parameter.value);
    if (rank == 0) continue;
    const std::vector<torch::Tensor> all = objective.module().parameters(),
                                     first = master().module().parameters();
    TORCH_CHECK(all.size() == first.size(), "replicas differ");
    for (std::size_t i = 0; i < all.size(); ++i) torch::Tensor(all[i]).set_data(first[i].detach());
  }
  share_buffers();
}

std::unique_ptr<Objective> Replicas::release_master() { return std::move(objectives_.front()); }

std::vector<LossTerms> Replicas::compute_rank(const StudyBatch& batch, std::int64_t accumulate,
                                              StepContext context) {
  const std::int64_t rank = context.collective->rank;
  const std::int64_t studies = batch.size() / accumulate;
  const std::int64_t begin = studies * rank / size(), end = studies * (rank + 1) / size();
  std::vector<LossTerms> losses;
  for (std::int64_t micro = 0; micro < accumulate; ++micro) {
    const std::int64_t first = micro * studies;
    LossTerms& loss = losses.emplace_back(objectives_[static_cast<std::size_t>(rank)]->compute(
        batch.rows(first + begin, first + end), context));
    torch::Tensor total =
        accumulate > 1 ? loss.total / static_cast<double>(accumulate) : loss.total;
    if (total.requires_grad()) total.backward();
    loss.total = loss.total.detach();
    for (auto& [name, value] : loss.terms) value = value.detach();
  }
  return losses;
}

StepLoss Replicas::compute(const StudyBatch& batch, std::int64_t accumulate,
                           const StepContext& context) {
  TORCH_CHECK(batch.size() % accumulate == 0 && batch.size() / accumulate >= size(), "a batch of ",
              batch.size(), " studies cannot be shared by ", size(), " threads in ", accumulate,
              " micro-batches");
  std::vector<std::vector<LossTerms>> ranks(static_cast<std::size_t>(size()));
  group_.run([&](const Collective& collective) {
    StepContext own = context;
    own.collective = &collective;
    ranks[static_cast<std::size_t>(collective.rank)] = compute_rank(batch, accumulate, own);
  });
  std::vector<StepLoss> micro;
  for (std::size_t i = 0; i < static_cast<std::size_t>(accumulate); ++i)
    micro.push_back(sum_of_ranks(ranks, i));
  StepLoss loss;
  for (const StepLoss& one : micro) loss.total += one.total / static_cast<double>(accumulate);
  loss.terms = mean_of(micro, &StepLoss::terms);
  loss.diagnostics = mean_of(micro, &StepLoss::diagnostics);
  return loss;
}

double Replicas::reduce(const AdamW& optimizer) {
  std::vector<double> squares(parameters_.front().size(),
                              0.0);  // by parameter: the sum below does not depend on the ranks
  group_.run([&](const Collective& collective) {
    const torch::NoGradGuard no_grad;
    const auto [begin, end] = optimizer.range({collective.rank, collective.size});
    for (std::size_t i = begin; i < end; ++i) {
      torch::Tensor sum;
      for (const std::vector<torch::Tensor>& replica : parameters_) {
        const torch::Tensor& gradient = replica[i].grad();
        if (!gradient.defined()) continue;
        sum = sum.defined() ? sum.add_(gradient) : gradient;
      }
      if (!sum.defined()) continue;
      parameters_.front()[i].mutable_grad() = sum;
      const double norm = sum.norm().item<double>();
      squares[i] = norm * norm;
    }
  });
  double total = 0;
  for (const double square : squares) total += square;
  return std::sqrt(total);
}

void Replicas::update(AdamW& optimizer, double lr, double scale, const StepContext& context) {
  group_.run([&](const Collective& collective) {
    const Shard shard{collective.rank, collective.size};
    optimizer.step(lr, scale, shard);
    const auto [begin, end] = optimizer.range(shard);
    for (std::vector<torch::Tensor>& replica : parameters_) {
      for (std::size_t i = begin; i < end; ++i) replica[i].mutable_grad().reset();
    }
  });
  master().after_step(context);
  share_buffers();
}

void Replicas::share_buffers() {
  const torch::NoGradGuard no_grad;
  const std::vector<torch::Tensor> from = master().module().buffers();
  for (std::size_t rank = 1; rank < objectives_.size(); ++rank) {
    const std::vector<torch::Tensor> to = objectives_[rank]->module().buffers();
    for (std::size_t i = 0; i < from.size(); ++i) torch::Tensor(to[i]).copy_(from[i]);
  }
}

}  // namespace biplane

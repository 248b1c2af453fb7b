#include "biplane/train/replicas.h"

#include <ATen/ops/_foreach_norm.h>

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

// The scalars of a step, read all at once: a GPU is waited for once a step.
class Scalars {
 public:
  void add(const torch::Tensor& scalar) { tensors_.push_back(scalar); }
  void read() {
    const torch::Tensor host = at::stack(tensors_).to(torch::kCPU, torch::kFloat64);
    values_.assign(host.const_data_ptr<double>(), host.const_data_ptr<double>() + host.numel());
  }
  double next() { return values_[next_++]; }  // in the order they were added

 private:
  std::vector<torch::Tensor> tensors_;
  std::vector<double> values_;
  std::size_t next_ = 0;
};

using RankLosses = std::vector<std::vector<LossTerms>>;  // by rank and micro-batch

void add_losses(const RankLosses& ranks, Scalars& scalars) {
  for (const std::vector<LossTerms>& rank : ranks) {
    for (const LossTerms& loss : rank) {
      scalars.add(loss.total);
      for (const auto& [name, value] : loss.terms) scalars.add(value);
    }
  }
}

// Sums over the ranks, in their order, by micro-batch; the scalars in the order of add_losses.
std::vector<StepLoss> sum_ranks(const RankLosses& ranks, Scalars& scalars) {
  std::vector<StepLoss> sums(ranks.front().size());
  for (const std::vector<LossTerms>& rank : ranks) {
    for (std::size_t micro = 0; micro < rank.size(); ++micro) {
      sums[micro].total += scalars.next();
      for (const auto& [name, value] : rank[micro].terms)
        add_to(sums[micro].terms, name, scalars.next());
    }
  }
  for (std::size_t micro = 0; micro < sums.size(); ++micro)
    sums[micro].diagnostics = ranks.front()[micro].diagnostics;
  return sums;
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

Replicas::Replicas(const Factory& make, std::int64_t count, torch::Device device)
    : device_(device), group_(count) {
  TORCH_CHECK(device.is_cpu() || count == 1, count, " replicas cannot share ", device);
  for (std::int64_t rank = 0; rank < count; ++rank) {
    Objective& objective = *objectives_.emplace_back(make());
    if (!device.is_cpu()) objective.module().to(device);
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

std::unique_ptr<Objective> Replicas::release_master() {
  if (!device_.is_cpu()) master().module().to(torch::kCPU);
  return std::move(objectives_.front());
}

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
                           const StepContext& context, const AdamW& optimizer) {
  TORCH_CHECK(batch.size() % accumulate == 0 && batch.size() / accumulate >= size(), "a batch of ",
              batch.size(), " studies cannot be shared by ", size(), " threads in ", accumulate,
              " micro-batches");
  RankLosses ranks(static_cast<std::size_t>(size()));
  group_.run([&](const Collective& collective) {
    StepContext own = context;
    own.collective = &collective;
    ranks[static_cast<std::size_t>(collective.rank)] = compute_rank(batch, accumulate, own);
  });
  Scalars scalars;
  add_losses(ranks, scalars);
  const std::vector<torch::Tensor> norms = reduce(optimizer);
  for (const torch::Tensor& norm : norms) scalars.add(norm);
  scalars.read();
  const std::vector<StepLoss> micro = sum_ranks(ranks, scalars);
  StepLoss loss;
  double squares = 0;
  for (std::size_t i = 0; i < norms.size(); ++i) {
    const double norm = scalars.next();
    squares += norm * norm;
  }
  loss.gradient_norm = std::sqrt(squares);
  for (const StepLoss& one : micro) loss.total += one.total / static_cast<double>(accumulate);
  loss.terms = mean_of(micro, &StepLoss::terms);
  loss.diagnostics = mean_of(micro, &StepLoss::diagnostics);
  return loss;
}

std::vector<torch::Tensor> Replicas::reduce(const AdamW& optimizer) {
  // By parameter: a norm and the order of their sum do not depend on the ranks.
  std::vector<torch::Tensor> norms(parameters_.front().size());
  group_.run([&](const Collective& collective) {
    const torch::NoGradGuard no_grad;
    const auto [begin, end] = optimizer.range({collective.rank, collective.size});
    std::vector<torch::Tensor> sums;
    std::vector<std::size_t> places;
    for (std::size_t i = begin; i < end; ++i) {
      torch::Tensor sum;
      for (const std::vector<torch::Tensor>& replica : parameters_) {
        const torch::Tensor& gradient = replica[i].grad();
        if (!gradient.defined()) continue;
        sum = sum.defined() ? sum.add_(gradient) : gradient;
      }
      if (!sum.defined()) continue;
      parameters_.front()[i].mutable_grad() = sum;
      sums.push_back(sum);
      places.push_back(i);
    }
    if (sums.empty()) return;
    const std::vector<torch::Tensor> found = at::_foreach_norm(sums);
    for (std::size_t k = 0; k < places.size(); ++k) norms[places[k]] = found[k];
  });
  std::erase_if(norms, [](const torch::Tensor& norm) { return !norm.defined(); });
  return norms;
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

#include "biplane/tasks/fit.h"

#include <fmt/format.h>
#include <torch/optim/sgd.h>

#include <cmath>
#include <map>
#include <memory>
#include <utility>

#include "biplane/core/error.h"
#include "biplane/train/schedule.h"

namespace biplane {
namespace {

// AdamW or SGD over parameters with rates and decays of their own.
class FitOptimizer {
 public:
  FitOptimizer(const FitConfig& config, const std::vector<OptimizedParameter>& parameters)
      : parameters_(parameters) {
    if (config.optimizer == "adamw") {
      adamw_.emplace(parameters, AdamWOptions{});
    } else {
      make_sgd(config);
    }
  }

  // One update from the gradients times `scale`, which are cleared.
  void step(double lr, double scale) {
    if (adamw_) {
      adamw_->step(lr, scale);
    } else {
      step_sgd(lr, scale);
    }
    for (OptimizedParameter& parameter : parameters_) parameter.value.mutable_grad().reset();
  }

 private:
  void make_sgd(const FitConfig& config) {
    std::map<std::pair<double, double>, std::vector<torch::Tensor>> alike;
    for (const OptimizedParameter& parameter : parameters_)
      alike[{parameter.lr_scale, parameter.weight_decay}].push_back(parameter.value);
    std::vector<torch::optim::OptimizerParamGroup> groups;
    for (const auto& [key, values] : alike) {
      scales_.push_back(key.first);
      groups.emplace_back(
          values, std::make_unique<torch::optim::SGDOptions>(torch::optim::SGDOptions(config.lr)
                                                                 .momentum(config.momentum)
                                                                 .weight_decay(key.second)));
    }
    sgd_ =
        std::make_unique<torch::optim::SGD>(std::move(groups), torch::optim::SGDOptions(config.lr));
  }

  void step_sgd(double lr, double scale) {
    const torch::NoGradGuard no_grad;
    for (OptimizedParameter& parameter : parameters_) {
      if (scale != 1.0 && parameter.value.grad().defined()) parameter.value.grad().mul_(scale);
    }
    for (std::size_t i = 0; i < scales_.size(); ++i)
      sgd_->param_groups()[i].options().set_lr(lr * scales_[i]);
    sgd_->step();
  }

  std::vector<OptimizedParameter> parameters_;
  std::optional<AdamW> adamw_;
  std::unique_ptr<torch::optim::SGD> sgd_;
  std::vector<double> scales_;  // of the groups of sgd_
};

// Whether `now` is better than `best`; an undefined metric never is.
bool is_better(const SelectionScore& now, const SelectionScore& best, const std::string& by) {
  if (by == "loss") return now.loss < best.loss;
  return now.metric && (!best.metric || *now.metric > *best.metric);
}

// One call of fit().
class Fit {
 public:
  explicit Fit(const FitJob& job)
      : job_(job),
        optimizer_(job.config, job.parameters),
        total_(job.config.steps > 0 ? job.config.steps
                                    : job.config.epochs * job.batches_per_epoch) {}

  FitResult run() {
    while (result_.steps < total_) {
      if (job_.stop_requested()) {
        result_.stopped = true;
        return result_;
      }
      step();
      if (!is_selection()) continue;
      select();
      if (job_.config.patience > 0 && without_better_ >= job_.config.patience) break;
    }
    if (best_.empty())
      throw Error(
          ErrorKind::kFailure,
          "train.stop_on = metric: it is never defined on the studies that select (no class "
          "has a positive and a negative one, or no place is marked); use loss");
    const torch::NoGradGuard no_grad;
    for (std::size_t i = 0; i < best_.size(); ++i)
      torch::Tensor(job_.parameters[i].value).copy_(best_[i]);
    return result_;
  }

 private:
  double rate() const {
    const FitConfig& config = job_.config;
    const std::int64_t steps = config.schedule_steps > 0 ? config.schedule_steps : total_;
    return config.lr *
           fit_factor({config.schedule, steps, config.warmup, config.warmup_from}, result_.steps);
  }

  double gradient_norm() const {
    std::vector<torch::Tensor> squares;
    for (const OptimizedParameter& parameter : job_.parameters) {
      const torch::Tensor& gradient = parameter.value.grad();
      if (gradient.defined()) squares.push_back(gradient.square().sum());
    }
    // Read all at once: a GPU is waited for once a step.
    return squares.empty() ? 0.0
                           : std::sqrt(at::stack(squares).to(torch::kFloat64).sum().item<double>());
  }

  void step() {
    const double loss = job_.gradient(result_.steps);
    const double scale =
        job_.config.clip > 0 ? clip_factor(gradient_norm(), job_.config.clip) : 1.0;
    if (!std::isfinite(loss) || !std::isfinite(scale))
      throw Error(ErrorKind::kFailure,
                  fmt::format("step {}: the loss is not finite: {}", result_.steps + 1, loss));
    optimizer_.step(rate(), scale);
    ++result_.steps;
    loss_ += loss;
    ++losses_;
  }

  // After so many steps, or after whole epochs; and at the end.
  bool is_selection() const {
    if (result_.steps == total_) return true;
    const std::int64_t every = job_.config.select_every_steps;
    if (every > 0) return result_.steps % every == 0;
    if (result_.steps % job_.batches_per_epoch != 0) return false;
    const std::int64_t epoch = result_.steps / job_.batches_per_epoch;
    return epoch >= job_.config.select_from &&
           (epoch - job_.config.select_from) % job_.config.select_every == 0;
  }

  void select() {
    const SelectionScore now = job_.select();
    StepValues values = {
        {"epoch", static_cast<double>((result_.steps - 1) / job_.batches_per_epoch)},
        {"loss", loss_ / static_cast<double>(losses_)},
        {"select/loss", now.loss}};
    if (now.metric) values.emplace_back("select/metric", *now.metric);
    job_.record(result_.steps, values);
    loss_ = 0;
    losses_ = 0;
    ++without_better_;
    const bool first = best_.empty() && (job_.config.stop_on == "loss" || now.metric);
    if (!first && !is_better(now, result_.best, job_.config.stop_on)) return;
    without_better_ = 0;
    result_.best = now;
    result_.best_steps = result_.steps;
    best_.clear();
    for (const OptimizedParameter& parameter : job_.parameters)
      best_.push_back(parameter.value.detach().clone());
  }

  const FitJob& job_;
  FitOptimizer optimizer_;
  std::int64_t total_ = 0;
  std::vector<torch::Tensor> best_;  // values of the parameters
  std::int64_t without_better_ = 0;  // selections since
  double loss_ = 0;                  // sum since the last selection
  std::int64_t losses_ = 0;
  FitResult result_;
};

}  // namespace

FitResult fit(const FitJob& job) { return Fit(job).run(); }

}  // namespace biplane

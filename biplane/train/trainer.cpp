#include "biplane/train/trainer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "biplane/core/error.h"
#include "biplane/core/memory.h"
#include "biplane/core/progress.h"
#include "biplane/nn/weights.h"
#include "biplane/train/config_keys.h"
#include "biplane/train/device.h"
#include "biplane/train/optimizer.h"
#include "biplane/train/replicas.h"
#include "biplane/train/run_folder.h"
#include "biplane/train/schedule.h"

namespace biplane {
namespace {

constexpr double kGibibyte = 1024.0 * 1024.0 * 1024.0;
constexpr const char* kTrainedWeights =
    "weights.";  // in optimizer.safetensors, where the model is an average

// Whether the number of threads that wrote a checkpoint is part of the arithmetic of a run that
// goes on with `config`.
bool keeps_threads(const TrainConfig& config, const Checkpoint& checkpoint) {
  TrainConfig before;
  const auto device = checkpoint.config.find("train.device");
  if (device != checkpoint.config.end()) before.device = device->second;
  return !on_cuda(config) && !on_cuda(before);
}

std::int64_t replica_count(const TrainConfig& config, const std::optional<Checkpoint>& checkpoint,
                           const std::filesystem::path& run) {
  if (checkpoint && keeps_threads(config, *checkpoint)) {
    if (config.threads != 0 && config.threads != checkpoint->threads) {
      throw Error(
          ErrorKind::kUsage,
          fmt::format(
              "{}: train.threads is {} in its checkpoints and {} now; use the same value or 0",
              run.string(), checkpoint->threads, config.threads));
    }
    return checkpoint->threads;
  }
  return compute_threads(config);
}

void check_same_run(const Checkpoint& checkpoint, const TrainJob& job) {
  check_same_config(checkpoint.config, job.identity.config, job.run);
  const std::int64_t total = total_steps(job.config, job.batches.batches_per_epoch);
  if (checkpoint.step > total) {
    throw Error(ErrorKind::kBadContent,
                fmt::format("{}: its newest checkpoint is of step {}, but the run has {} steps",
                            job.run.string(), checkpoint.step, total));
  }
  if (checkpoint.data_fingerprint != job.identity.data_fingerprint) {
    throw Error(ErrorKind::kUsage,
                job.run.string() +
                    ": its checkpoints were trained on other studies or another vocabulary; "
                    "use another --out or the same data");
  }
}

// Leaves word of a failure in the folder (the caller reports it); what cannot be written any more
// must not hide the cause.
void fail(RunFolder& folder, const std::string& what) {
  try {
    folder.log("failed: " + what, /*quiet=*/true);
    folder.set_state("failed");
  } catch (const Error&) {
  }
}

// Everything of one call of train().
class Trainer {
 public:
  Trainer(const TrainJob& job, const TrainHooks& hooks);
  TrainResult run();

 private:
  void prepare();
  void resume(const Checkpoint& checkpoint);
  bool loop();
  void step();
  void check_finite(const StepLoss& loss, const StudyBatch& batch) const;
  void record(const StepLoss& loss, double lr);
  void save();
  void use_average();
  std::vector<torch::Tensor> values() const;
  double base_rate(std::int64_t step) const;

  const TrainJob& job_;
  const TrainHooks& hooks_;
  const torch::Device device_;
  RunFolder folder_;
  std::optional<Replicas> replicas_;
  std::optional<AdamW> optimizer_;
  std::vector<torch::Tensor> average_;  // of the weights, in the optimizer's order; empty: off
  std::optional<Progress> progress_;
  std::int64_t total_ = 0;   // steps of the run
  std::int64_t done_ = 0;    // steps so far
  std::int64_t saved_ = -1;  // step of the newest checkpoint
  double step_seconds_ = 0, data_seconds_ = 0;
  TrainResult result_;
};

Trainer::Trainer(const TrainJob& job, const TrainHooks& hooks)
    : job_(job),
      hooks_(hooks),
      device_(training_device(job.config)),
      folder_({job.run, hooks.wall_seconds, hooks.log}) {
  use_exact_kernels(device_);
  total_ = total_steps(job.config, job.batches.batches_per_epoch);
}

std::vector<torch::Tensor> Trainer::values() const {
  std::vector<torch::Tensor> values;
  for (const OptimizedParameter& parameter : optimizer_->parameters())
    values.push_back(parameter.value.detach());
  return values;
}

double Trainer::base_rate(std::int64_t step) const {
  return job_.config.lr *
         schedule_factor(step, total_, job_.config.warmup_fraction, job_.config.constant_fraction);
}

void Trainer::prepare() {
  remove_unfinished_checkpoints(job_.run);
  const std::optional<Checkpoint> checkpoint =
      resume_checkpoint(job_.run, [this](const std::string& line) { folder_.log(line); });
  if (checkpoint) check_same_run(*checkpoint, job_);
  replicas_.emplace(job_.make_objective, replica_count(job_.config, checkpoint, job_.run), device_);
  optimizer_.emplace(optimized_parameters(replicas_->master(), job_.config.weight_decay),
                     AdamWOptions{job_.config.beta1, job_.config.beta2, job_.config.eps});
  if (job_.config.ema > 0) {
    for (const torch::Tensor& value : values()) average_.push_back(value.clone());
  }
  if (checkpoint) resume(*checkpoint);
  folder_.start(job_.identity.config_yaml, done_);
  std::int64_t trained = 0;
  for (const torch::Tensor& value : values()) trained += value.numel();
  folder_.log(fmt::format("{} parameters, {} steps of {} studies, {} threads on {}", trained,
                          total_, job_.config.batch, replicas_->size(), device_.str()));
  if (checkpoint) folder_.log(fmt::format("going on after step {}", done_));
}

void Trainer::resume(const Checkpoint& checkpoint) {
  const torch::NoGradGuard no_grad;
  assign_weights(replicas_->master().module(), checkpoint.model);
  if (!average_.empty()) {
    const std::vector<torch::Tensor> weights = values();
    for (std::size_t i = 0; i < weights.size(); ++i) {
      average_[i].copy_(weights[i]);
      weights[i].copy_(checkpoint.optimizer.at(kTrainedWeights + optimizer_->parameters()[i].name));
    }
  }
  optimizer_->load_state(checkpoint.optimizer);
  replicas_->share_buffers();
  done_ = saved_ = result_.resumed_from = checkpoint.step;
}

TrainResult Trainer::run() {
  prepare();  // a run that this job may not go on with keeps its state
  try {
    progress_.emplace(Progress::Options{
        .label = "train", .unit = "steps", .total = total_, .enabled = hooks_.progress});
    const bool done = loop();
    if (done) use_average();
    result_.objective = replicas_->release_master();
    if (done) {
      if (job_.finish) job_.finish(*result_.objective);
      folder_.log(fmt::format("done after {} steps; peak memory {:.2f} GiB", done_,
                              static_cast<double>(peak_memory_bytes()) / kGibibyte));
      folder_.set_state("done");
    } else {
      result_.outcome = TrainOutcome::kCheckpointed;
      folder_.log(fmt::format(
          "stopped on request after step {}; the same command goes on from there", done_));
      folder_.set_state("checkpointed");
    }
  } catch (const std::exception& error) {
    fail(folder_, error.what());
    throw;
  }
  result_.steps = done_;
  return std::move(result_);
}

// True when all steps are done, false when asked to stop before.
bool Trainer::loop() {
  while (done_ < total_) {
    if (hooks_.stop_requested()) {
      save();
      return false;
    }
    step();
    if (done_ % job_.config.checkpoint_every == 0) save();
  }
  save();
  progress_->finish();
  return true;
}

void Trainer::step() {
  const double started = monotonic_seconds();
  const StudyBatch batch = job_.batches.batch(done_);
  data_seconds_ = monotonic_seconds() - started;
  const StepContext context{.step = done_, .seed = job_.seed};
  const StepLoss loss = replicas_->compute(batch, job_.config.accumulate, context, *optimizer_);
  check_finite(loss, batch);
  const double lr = base_rate(done_);
  replicas_->update(*optimizer_, lr, clip_factor(loss.gradient_norm, job_.config.clip), context);
  ++done_;
  if (!average_.empty())
    ema_update(average_, values(), ema_decay(job_.config.ema, done_, /*warm=*/true));
  step_seconds_ = monotonic_seconds() - started;
  record(loss, lr);
}

void Trainer::check_finite(const StepLoss& loss, const StudyBatch& batch) const {
  if (std::isfinite(loss.total) && std::isfinite(loss.gradient_norm)) return;
  std::string what = std::isfinite(loss.total) ? "the gradient" : "the loss";
  for (const auto& [name, value] : loss.terms) {
    if (!std::isfinite(value)) what += fmt::format(", loss/{} = {}", name, value);
  }
  throw Error(ErrorKind::kFailure, fmt::format("step {}: not finite: {}; studies of the batch: {}",
                                               done_ + 1, what, fmt::join(batch.study_ids, ", ")));
}

void Trainer::record(const StepLoss& loss, double lr) {
  progress_->update(done_, fmt::format("loss {:.3f}", loss.total));
  if (done_ != 1 && done_ != total_ && done_ % job_.config.log_every != 0) return;
  StepValues values = {{"epoch", static_cast<double>((done_ - 1) / job_.batches.batches_per_epoch)},
                       {"loss", loss.total}};
  for (const auto& [name, value] : loss.terms) values.emplace_back("loss/" + name, value);
  values.emplace_back("lr", lr);
  values.emplace_back("grad_norm", loss.gradient_norm);
  values.emplace_back("time/step", step_seconds_);
  values.emplace_back("time/data", data_seconds_);
  values.insert(values.end(), loss.diagnostics.begin(), loss.diagnostics.end());
  folder_.metrics(done_, values);
  result_.last = {values.begin(), values.end()};
}

void Trainer::save() {
  if (saved_ == done_) return;
  Checkpoint checkpoint;
  checkpoint.step = checkpoint.batches = done_;
  checkpoint.epoch = done_ / job_.batches.batches_per_epoch;
  checkpoint.seed = job_.seed;
  checkpoint.threads = replicas_->size();
  checkpoint.config = job_.identity.config;
  checkpoint.data_fingerprint = job_.identity.data_fingerprint;
  checkpoint.model = module_state(replicas_->master().module());
  checkpoint.optimizer = optimizer_->state();
  for (std::size_t i = 0; i < average_.size(); ++i) {
    const std::string& name = optimizer_->parameters()[i].name;
    checkpoint.optimizer[kTrainedWeights + name] = checkpoint.model.at(name);
    checkpoint.model[name] = average_[i];
  }
  CheckpointCompanions companions;
  if (job_.companions)
    companions = [this](const std::filesystem::path& folder) { job_.companions(folder, done_); };
  const std::filesystem::path saved =
      save_checkpoint(job_.run, checkpoint, job_.config.keep, companions);
  saved_ = done_;
  folder_.log(fmt::format("step {}/{}: checkpoint {}", done_, total_, saved.filename().string()));
}

void Trainer::use_average() {
  const torch::NoGradGuard no_grad;
  const std::vector<torch::Tensor> weights = values();
  for (std::size_t i = 0; i < average_.size(); ++i) weights[i].copy_(average_[i]);
}

}  // namespace

TrainResult train(const TrainJob& job, const TrainHooks& hooks) {
  check_train_config(job.config);
  return Trainer(job, hooks).run();
}

}  // namespace biplane

#include "biplane/train/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "biplane/core/device_name.h"
#include "biplane/core/error.h"

namespace biplane {
namespace {

void require(bool good, const char* key, const std::string& value, const std::string& needed) {
  if (good) return;
  throw Error(ErrorKind::kUsage, std::string("train.") + key + " = " + value + ": " + needed);
}

template <class T>
void require(bool good, const char* key, T value, const std::string& needed) {
  require(good, key, fmt::format("{}", value), needed);
}

}  // namespace

bool on_cuda(const TrainConfig& config) { return names_cuda(config.device); }

void check_train_config(const TrainConfig& c) {
  require(c.steps >= 0, "steps", c.steps, "0 (then train.epochs decides) or more is needed");
  require(c.epochs >= 1 || c.steps > 0, "epochs", c.epochs, "1 or more is needed, or train.steps");
  require(c.batch >= 1, "batch", c.batch, "1 or more is needed");
  require(c.accumulate >= 1 && c.batch % c.accumulate == 0, "accumulate", c.accumulate,
          "a divisor of train.batch = " + std::to_string(c.batch) + " is needed");
  require(c.lr > 0, "lr", c.lr, "more than 0 is needed");
  require(c.weight_decay >= 0, "weight_decay", c.weight_decay, "0 or more is needed");
  require(c.beta1 >= 0 && c.beta1 < 1, "beta1", c.beta1, "0 to below 1 is needed");
  require(c.beta2 >= 0 && c.beta2 < 1, "beta2", c.beta2, "0 to below 1 is needed");
  require(c.eps > 0, "eps", c.eps, "more than 0 is needed");
  require(c.warmup_fraction >= 0 && c.warmup_fraction < 1, "warmup_fraction", c.warmup_fraction,
          "0 to below 1 is needed");
  require(c.constant_fraction >= 0 && c.constant_fraction < 1, "constant_fraction",
          c.constant_fraction, "0 to below 1 is needed");
  require(c.clip >= 0, "clip", c.clip, "0 (off) or more is needed");
  require(c.ema >= 0 && c.ema < 1, "ema", c.ema, "0 (off) to below 1 is needed");
  require(c.late_size >= 0, "late_size", c.late_size, "0 (off) or more is needed");
  require(c.late_fraction > 0 && c.late_fraction <= 1, "late_fraction", c.late_fraction,
          "above 0, to 1 is needed");
  require(c.checkpoint_every >= 1, "checkpoint_every", c.checkpoint_every, "1 or more is needed");
  require(c.keep >= 1, "keep", c.keep, "1 or more is needed");
  require(c.threads >= 0, "threads", c.threads, "0 (one per core) or more is needed");
  require(c.device == "cpu" || on_cuda(c), "device", c.device,
          "cpu, cuda or cuda:N (N = 0, 1, ...) is needed");
  require(c.threads <= 1 || !on_cuda(c), "threads", c.threads,
          "0 or 1 is needed with train.device = " + c.device);
  require(c.threads <= c.batch / c.accumulate, "threads", c.threads,
          "at most one per study of a micro-batch (train.batch / train.accumulate) is possible");
  require(c.log_every >= 1, "log_every", c.log_every, "1 or more is needed");
}

std::int64_t compute_threads(const TrainConfig& config) {
  if (on_cuda(config)) return 1;
  const std::int64_t cores = std::max<std::int64_t>(1, std::thread::hardware_concurrency());
  return std::min(config.threads > 0 ? config.threads : cores, config.batch / config.accumulate);
}

std::int64_t total_steps(const TrainConfig& config, std::int64_t batches_per_epoch) {
  return config.steps > 0 ? config.steps : config.epochs * batches_per_epoch;
}

}  // namespace biplane

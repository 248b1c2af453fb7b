#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "biplane/tasks/finetune_config.h"
#include "biplane/train/optimizer.h"
#include "biplane/train/run_folder.h"

namespace biplane {

// How good the parameters are on the studies that select.
struct SelectionScore {
  double loss = 0;
  std::optional<double> metric;  // higher is better; nothing where it is undefined
};

// Training of any task's parameters: an optimizer, a schedule, and the best epoch by selection.
struct FitJob {
  FitConfig config;
  std::vector<OptimizedParameter> parameters;
  std::int64_t batches_per_epoch = 1;
  // Loss of batch `step`, a pure function of it; leaves the gradients in the parameters' .grad.
  // Called with 0, 1, 2, ...
  std::function<double(std::int64_t step)> gradient;
  std::function<SelectionScore()> select;
  // One line of metrics.jsonl after so many steps.
  std::function<void(std::int64_t steps, const StepValues& values)> record;
  std::function<bool()> stop_requested = [] { return false; };  // asked after every step
};

struct FitResult {
  bool stopped = false;         // on request: the parameters are of no use
  std::int64_t steps = 0;       // done
  std::int64_t best_steps = 0;  // after which the parameters were the best ones
  SelectionScore best;
};

// Trains and leaves the parameters as they were at the best selection. Throws Error kFailure for a
// loss that is not finite, and where train.stop_on is metric and it is never defined.
FitResult fit(const FitJob& job);

}  // namespace biplane

#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "biplane/train/pretrain_config.h"
#include "biplane/train/trainer.h"

namespace biplane {

struct PretrainResult {
  TrainOutcome outcome = TrainOutcome::kDone;
  std::int64_t steps = 0;
  std::map<std::string, double> last;  // values of the last step by their names in metrics.jsonl
  std::filesystem::path model;         // the model directory RUN/model; empty unless done
};

// Pre-trains the two-view model of the method on a manifest: reads or trains the vocabulary, builds
// data, model and objective, trains (see train()), and at the end writes the model directory
// `out`/model. The same call on a folder with checkpoints goes on. Throws Error as train() does,
// and what reading the data throws.
PretrainResult pretrain(const PretrainConfig& config, const std::filesystem::path& out,
                        const TrainHooks& hooks);

}  // namespace biplane

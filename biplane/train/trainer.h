#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "biplane/model/checkpoint.h"
#include "biplane/model/objective.h"
#include "biplane/train/config.h"

namespace biplane {

// Where batches come from.
struct BatchSource {
  // Batch `index`, a pure function of it: batch index % batches_per_epoch of epoch index /
  // batches_per_epoch, of train.batch studies. Called with consecutive numbers, from the first one
  // of this start of the run.
  std::function<StudyBatch(std::int64_t index)> batch;
  std::int64_t batches_per_epoch = 1;
};

// How a run talks to the program around it. Called from the thread that called train().
struct TrainHooks {
  std::function<bool()> stop_requested = [] { return false; };  // asked after every step
  std::function<void(const std::string& line)> log = [](const std::string&) {};
  std::function<double()> wall_seconds = [] {
    return 0.0;
  };                      // since 1970, for TensorBoard and out.log
  bool progress = false;  // draw a progress bar on standard error
};

// What must be the same for a run to go on from a checkpoint.
struct RunIdentity {
  std::string config_yaml;                    // written to RUN/config.yaml
  std::map<std::string, std::string> config;  // dotted key -> value
  std::string data_fingerprint;               // of the studies and the vocabulary
};

struct TrainJob {
  // On the CPU: called once per thread; the first one's weights count.
  std::function<std::unique_ptr<Objective>()> make_objective;
  BatchSource batches;
  TrainConfig config;
  std::uint64_t seed = 0;
  std::filesystem::path run;  // folder; made where absent
  RunIdentity identity;
  // Writes further files of the checkpoint after `step` updates; may be empty.
  std::function<void(const std::filesystem::path& folder, std::int64_t step)> companions;
  // Called once all steps are done and the final weights are in place on the CPU, before the run
  // counts as done; may be empty.
  std::function<void(Objective&)> finish;
};

enum class TrainOutcome {
  kDone,          // all steps are done
  kCheckpointed,  // stopped on request with a checkpoint: the same call goes on from there
};

struct TrainResult {
  TrainOutcome outcome = TrainOutcome::kDone;
  std::int64_t steps = 0;              // done in all
  std::int64_t resumed_from = 0;       // step of the checkpoint this call started from
  std::map<std::string, double> last;  // values of the last step by their names in metrics.jsonl
  // The trained objective, on the CPU; after kDone with train.ema > 0 its parameters are the
  // average.
  std::unique_ptr<Objective> objective;
};

// Trains an objective and keeps the run folder (metrics.jsonl, TensorBoard events, state,
// checkpoints). Goes on from the newest whole checkpoint of the folder. Data-parallel over
// config.threads threads of this process: each computes its rows of the batch, gradients are summed
// in the order of the threads, so a run is bit-identical for a fixed number. On a CUDA device
// (config.device) it is one thread, runs are equal to rounding, and batches, checkpoints and what
// `finish` gets stay on the CPU.
//
// What counts when a run goes on:
//  1. A checkpoint of the run folder wins over initial weights (init.*).
//  2. The configuration must be the one of the checkpoint; a key that differs is an error (kUsage)
//  that names it.
//  3. Except for keys that do not change the result: train.checkpoint_every, train.keep,
//  train.log_every, the place of the
//     data (data.manifest, data.root, data.vocabulary) and the loader's own (data.workers,
//     data.prefetch, data.cache_mib); the new value holds. So it does for train.device, which
//     changes the result by rounding.
//  4. The studies and the vocabulary must be those of the checkpoint (fingerprint), wherever they
//  lie now.
//  5. train.threads: a number given must be the checkpoint's; 0 takes the checkpoint's. Not where
//     either of the two is on a CUDA device.
//
// Throws Error: kFailure for a non-finite loss or gradient, naming the studies of the batch;
// kUsage; kIo.
TrainResult train(const TrainJob& job, const TrainHooks& hooks);

}  // namespace biplane

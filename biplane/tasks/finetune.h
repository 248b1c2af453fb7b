#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "biplane/eval/results.h"
#include "biplane/tasks/finetune_config.h"
#include "biplane/train/trainer.h"

namespace biplane {

struct FinetuneOptions {
  std::filesystem::path model;     // model directory, run, checkpoint or imported tower
  std::filesystem::path manifest;  // manifest.jsonl or its folder
  std::filesystem::path root;      // of the images; empty: the manifest's folder
  std::filesystem::path out;       // RUN
  // Several seeds in RUN/seed-N, and the means in RUN/results.jsonl. Empty: one run in RUN itself,
  // with the seed of the configuration.
  std::vector<std::int64_t> seeds;
  std::int64_t bootstrap = 1000;  // repeats
  int threads = 0;                // 0: one per core
  double max_bad = 0.05;          // share of studies that may be unreadable
  std::string code;               // program and version, for the rows
  std::string corpus;             // name in the rows; empty: the manifest's folder
  std::string protocol;           // name of the configuration, for the rows; may be empty
};

struct FinetuneResult {
  TrainOutcome outcome = TrainOutcome::kDone;  // kCheckpointed: stopped; the same call goes on
  std::vector<ResultRow> rows;                 // of the run, or the means over the seeds
  std::vector<std::string> lines;              // the same as they stand in the results file
  std::vector<std::string> notes;
  std::filesystem::path results_file;
};

// Throws Error kUsage where a seed is below 0 or stands there twice.
void check_seeds(const std::vector<std::int64_t>& seeds);

// Throws what finetune() throws before it trains: a model, configuration or studies that do not go
// together.
void check_finetune(const FinetuneConfig& config, const FinetuneOptions& options);

// A downstream task from start to figures: chooses the studies, trains every seed that is not done,
// measures it on the split test, and appends its rows to results.jsonl of its run. A seed that is
// done is not done again; its configuration, model and studies must be those of this call (kUsage).
// Throws Error: kUsage, kMissingInput, kBadContent, kIo; kFailure for a leak and for a loss that is
// not finite.
FinetuneResult finetune(const FinetuneConfig& config, const FinetuneOptions& options,
                        const TrainHooks& hooks);

}  // namespace biplane

#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "biplane/corpus/manifest.h"
#include "biplane/eval/bootstrap.h"
#include "biplane/eval/results.h"
#include "biplane/tasks/finetune_config.h"
#include "biplane/tasks/finetune_studies.h"
#include "biplane/tasks/start_model.h"
#include "biplane/train/run_folder.h"
#include "biplane/train/trainer.h"

namespace biplane {

// What all seeds of a downstream task have in common.
struct TaskData {
  std::shared_ptr<const Manifest> manifest;
  TaskStudies studies;
  TaskLabels labels;     // with their names
  std::string corpus;    // name in the rows
  std::string protocol;  // name of the configuration; may be empty
};

// One seed of a task.
struct SeedJob {
  FinetuneConfig config;  // with the seed
  const StartModel& start;
  const TaskData& data;
  RunFolder& folder;  // of the seed
  const TrainHooks& hooks;
  int threads = 0;                  // 0: one per core
  double max_bad = 0.05;            // share of studies that may be unreadable
  std::vector<std::string>& notes;  // for the user, of what was left out
  std::int64_t& broken_test;        // studies of the test that could not be read
};

// A kind of head with everything that the frame (finetune.h) does not know. State that seeds can
// share stays inside the functions.
struct DownstreamTask {
  // Fills in what the task needs of the data and leaves out the studies that it can do nothing
  // with.
  std::function<void(const FinetuneConfig& config, TaskData& data)> prepare;
  // Trains and writes the model directory RUN/model with its task.json. False where it was asked to
  // stop; then nothing is written.
  std::function<bool(const SeedJob& job)> train;
  // Measures RUN/model on the split test: rows without corpus and split; keeps in the run what
  // reread needs.
  std::function<std::vector<ResultRow>(const SeedJob& job, const BootstrapOptions& bootstrap)>
      measure;
  // The rows of a finished run once more, with their repeats, without the model.
  std::function<std::vector<ResultRow>(const std::filesystem::path& run,
                                       const BootstrapOptions& bootstrap, int threads)>
      reread;
};

}  // namespace biplane

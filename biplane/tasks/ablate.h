#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "biplane/core/folder_lock.h"
#include "biplane/tasks/ablation_config.h"
#include "biplane/tasks/ablation_design.h"
#include "biplane/train/pretrain.h"

namespace biplane {

// Where an ablation reads and writes.
struct AblateOptions {
  std::filesystem::path base;      // folder that the paths of the design are relative to
  std::filesystem::path manifest;  // of the studies; may not be there yet for ablation_status
  std::string data;                // what these studies are, for the lines
  std::filesystem::path out;       // OUT/runs/DESIGN/RUN/seed-N
  std::filesystem::path results;   // a line is appended for every finished run
  std::vector<std::string> only;   // DESIGN, DESIGN/RUN or DESIGN/RUN/seed-N; empty: all
  std::int64_t threads = 0;        // of the evaluation, 0: one per core
  std::string code;                // program and version, for the lines
};

// Keeps other processes from the run folders and the results file. Throws Error kUsage where one
// has them.
std::vector<std::unique_ptr<FolderLock>> lock_ablation(const AblateOptions& options);

// Trains and evaluates the runs one after another and appends a line for each. A run that has a
// line is not repeated, nor one that is another design's (configuration and seed), whose line it
// gets under its own name; one that was stopped goes on from its checkpoint. kCheckpointed where a
// stop was requested. Throws Error kUsage where a line is of another configuration or other data,
// or nothing fits `only`; and what training and evaluation throw.
TrainOutcome ablate(const AblationConfig& config, const AblateOptions& options,
                    const TrainHooks& hooks);

struct AblationStatus {
  PlannedRun run;
  std::string state{};          // done, checkpoint, to do, waits for ..., is RUN (the same as it)
  std::int64_t steps = 0;       // of the run; 0: known when it starts
  std::int64_t checkpoint = 0;  // step of the newest one
  // Training and evaluation still to come, from lines so far of the same device.
  std::optional<double> seconds{};
};

// What ablate() would do, by what is done. Starts and locks nothing. Throws Error as ablate().
std::vector<AblationStatus> ablation_status(const AblationConfig& config,
                                            const AblateOptions& options);

}  // namespace biplane

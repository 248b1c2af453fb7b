#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "biplane/tasks/ablate.h"
#include "biplane/tasks/ablation_design.h"

namespace biplane {

// Evaluations of a run; a model that never saw a report has no zero-shot figures. Throws Error
// kUsage where there are none at all.
std::vector<std::string> tasks_of(const LossConfig& loss);

// The configuration of a run. Throws Error kUsage naming run and key.
PretrainConfig resolve(const AblationConfig& config, const AblateOptions& options,
                       const PlannedRun& run);

// Where it trains.
std::filesystem::path run_folder(const AblateOptions& options, const PlannedRun& run);

// Whether --only has the run, its design or both; all runs where it is empty.
bool is_wanted(const PlannedRun& run, const std::vector<std::string>& only);
// Throws Error kUsage naming the nearest run for a name that is none.
void check_only(const std::vector<PlannedRun>& plan, const std::vector<std::string>& only);

// Its line; null where it is not done.
const AblationRecord* find_line(const std::vector<AblationRecord>& lines, const PlannedRun& run);

// A line of the same configuration and seed under whatever name; null where there is none.
const AblationRecord* find_same(const std::vector<AblationRecord>& lines,
                                const PretrainConfig& config);

// Throws Error kUsage naming the line where `there` is not `here`.
void check_line(const AblationRecord& line, const std::string& key, const std::string& there,
                const std::string& here, const AblateOptions& options);
void check_configuration(const AblationRecord& line, const PretrainConfig& now,
                         const AblateOptions& options);

}  // namespace biplane

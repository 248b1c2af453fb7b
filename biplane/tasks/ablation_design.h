#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "biplane/tasks/ablation_config.h"
#include "biplane/tasks/ablation_record.h"

namespace biplane {

// One training and its evaluation.
struct PlannedRun {
  std::string design, run;
  std::map<std::string, bool> levels;  // factor -> on; empty in designs without factors
  std::int64_t seed = 0;
  std::string config;            // file; empty: the base
  std::vector<std::string> set;  // KEY=VALUE over it, in order; the last one of a key counts
  std::string waits_for;         // what must be done before it is known; empty: it can be run

  std::string name() const;  // "factorial/abe/seed-3": unique, and its folder
};

// All runs in the order in which they are done. Those of equal_minutes and of undecided_in follow
// from the lines so far; where these are not complete, one entry says what it waits for. Seeds:
// factorial and fraction give every run a seed of its own (repeat times number of runs + place);
// the other kinds give every configuration the seeds 0, 1, ... Throws Error as check_ablation.
std::vector<PlannedRun> plan_runs(const AblationConfig& config,
                                  std::span<const AblationRecord> records);

}  // namespace biplane

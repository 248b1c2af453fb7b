#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "biplane/corpus/manifest.h"
#include "biplane/tasks/finetune_config.h"

namespace biplane {

// The studies of a downstream task, indices into the manifest. train, select and test have no
// study in common.
struct TaskStudies {
  std::vector<std::int64_t> train;   // in the order in which the rule of the fraction gives them
  std::vector<std::int64_t> select;  // for epoch and operating points
  std::vector<std::int64_t> test;
  std::vector<std::string> notes;  // a line each: what was left out
};

// Whether a study has what data.views asks for.
bool has_views(const StudySummary& study, const std::string& views);

// The part of `ordered` that data.fraction and data.fraction_rule leave. Throws Error kUsage where
// none is left.
std::vector<std::int64_t> fraction_of(const std::vector<std::int64_t>& ordered,
                                      const Manifest& manifest, const TaskDataConfig& config);

// Studies by split and views; of the training studies the fraction, after those that are held out.
// Throws Error: kUsage where a part is empty; kFailure where a patient or image of the test is also
// trained on or selects, unless data.allow_leak.
TaskStudies choose_task_studies(const Manifest& manifest, const TaskDataConfig& config);

// Leaves out the training and selection studies of which no class of `labels` is known, with a
// note; a note for each class that all training studies say the same of. Throws Error kUsage where
// no study is left.
void keep_labelled(TaskStudies& chosen, const Manifest& manifest, const TaskLabels& labels);

// SHA-256 over the ids of studies in this order, one a line.
std::string ordered_ids_sha256(const Manifest& manifest, const std::vector<std::int64_t>& studies);

}  // namespace biplane

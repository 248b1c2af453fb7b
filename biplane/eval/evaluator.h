#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "biplane/corpus/manifest.h"
#include "biplane/eval/bootstrap.h"
#include "biplane/eval/report_data.h"
#include "biplane/eval/results.h"
#include "biplane/inference/engine.h"

namespace biplane {

// What every evaluator works on: a model, studies and their features (computed once).
struct EvaluationInput {
  const Engine& engine;
  const Manifest& manifest;
  const StudyFeatures& features;
  const std::vector<Study>& studies;   // of the rows of `features`
  const PromptSet* prompts = nullptr;  // none: nothing that needs prompts can be measured
  std::int64_t pool = 200;             // studies of one retrieval pool
  // Studies that seek the same findings among all others: of a corpus of 200,000 all would take
  // days.
  std::int64_t most_queries = 10'000;
  // Studies whose gradient maps are drawn, by a hash of their names: each takes eight passes
  // forwards and backwards.
  std::int64_t gradient_studies = 300;
  BootstrapOptions bootstrap = {};
  std::int64_t examples = 6;  // of retrieval and of grounding in the report
  // Other studies of other patients, on which thresholds are chosen and probabilities are fitted;
  // none: nothing can be chosen.
  const EvaluationInput* choosing = nullptr;
  std::vector<double> at_sensitivity = {0.9}, at_specificity = {0.9};  // of operating points
  std::vector<std::string> subgroups = {};                             // fields of eval/subgroups.h
  std::filesystem::path group_table = {};  // a CSV that tells further ones; may be empty
  std::int64_t smallest_subgroup = 20;     // studies; smaller ones have no figure
};

// What an evaluator adds to.
struct EvaluationOutput {
  std::vector<ResultRow> rows;     // corpus and split are filled in by the caller
  std::vector<std::string> notes;  // what was skipped or left out, and why
  ReportData report;
};

// One downstream task: model -> metrics.
class Evaluator {
 public:
  virtual ~Evaluator() = default;
  virtual std::string task() const = 0;
  // Adds rows and what the report shows. A corpus that lacks what the task needs gives a note and
  // no rows.
  virtual void run(const EvaluationInput& input, EvaluationOutput& output) const = 0;
};

}  // namespace biplane

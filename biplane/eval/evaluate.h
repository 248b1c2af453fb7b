#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "biplane/core/progress.h"
#include "biplane/corpus/selection.h"
#include "biplane/eval/results.h"

namespace biplane {

struct EvaluateOptions {
  std::filesystem::path model;     // model directory, run or checkpoint
  std::filesystem::path against;   // another model, compared on the same studies; may be empty
  std::filesystem::path manifest;  // manifest.jsonl or its folder
  std::filesystem::path root;      // of the images; empty: the manifest's folder
  std::filesystem::path out;       // results.jsonl and report.html are written here
  std::filesystem::path prompts;   // empty: those of the model directory
  StudyFilter studies = {.split = "test"};
  std::vector<std::string> exclude_patients_of;  // manifests, as corpus/exclusion.h takes them
  std::vector<std::string> tasks = {"zero_shot", "retrieval", "grounding"};
  // Split whose studies choose thresholds and fit probabilities, never the one that is measured or
  // `test`; of `choose_manifest`, else of the manifest itself. Of the task calibration. Patients of
  // two manifests are told apart as corpus/exclusion.h does.
  std::string choose_on = "validate";
  std::filesystem::path choose_manifest;
  std::vector<double> at_sensitivity = {0.9}, at_specificity = {0.9};
  std::vector<std::string> subgroups = {"sex", "age", "view", "lateral", "source"};
  std::filesystem::path group_table;  // CSV of further fields; may be empty
  std::int64_t smallest_subgroup = 20;
  std::int64_t pool = 200;
  std::int64_t gradient_studies = 300;  // of grounding's gradient maps, which take long; 0: none
  std::int64_t bootstrap = 1000;        // repeats
  BootstrapDraws draws = BootstrapDraws::kResampled;
  int threads = 0;     // 0: one per core
  std::string code;    // program and version, for the rows
  std::string corpus;  // name in the rows; empty: the manifest's folder name
};

struct EvaluateResult {
  ResultOrigin origin;
  std::vector<ResultRow> rows;
  std::vector<std::string> notes;
  std::int64_t studies = 0;  // selected
  std::int64_t broken = 0;   // of those, left out because an image could not be read
  std::filesystem::path results_file, report_file;
};

// Measures a model on a manifest and writes results.jsonl (appended) and report.html into `out`.
// Throws Error kMissingInput, kBadContent, kIo, and kUsage for an unknown task or when no study is
// selected.
EvaluateResult evaluate(const EvaluateOptions& options, Progress* progress = nullptr);

}  // namespace biplane

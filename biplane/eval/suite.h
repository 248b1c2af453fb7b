#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "biplane/eval/evaluate.h"

namespace biplane {

struct SuiteOptions {
  EvaluateOptions evaluate;  // of every manifest, but for `manifest` and `corpus`
  std::vector<std::filesystem::path> manifests;
  std::filesystem::path reference;                   // CSV of published figures; may be empty
  std::function<void(const std::string&)> log = {};  // a line for each part that is done
};

// What a suite measures where no tasks are named: all but the modules.
const std::vector<std::string>& suite_tasks();

struct SuiteResult {
  // Of one manifest.
  struct Corpus {
    std::string name;
    std::int64_t studies = 0, broken = 0;  // as in EvaluateResult
  };
  std::vector<Corpus> corpora;
  std::vector<ResultRow> rows;     // of all parts, without repeats
  std::vector<std::string> lines;  // of the same rows in OUT/results.jsonl
  std::vector<std::string> notes;
  std::int64_t measured = 0, kept = 0;  // parts: done now, done before
  std::filesystem::path results_file, report_file, csv_file, latex_file;
};

// Every task on every manifest, part by part. A finished part lies in OUT/parts under the hash of
// all that it depends on (weights, manifest, prompts, options, program), and is not measured again;
// its rows stand once in OUT/results.jsonl, which is only appended to. Then writes OUT/report.html,
// OUT/results.csv and OUT/table.tex. Throws Error as evaluate(), and kUsage without a manifest or
// with two of one corpus.
SuiteResult run_suite(const SuiteOptions& options, Progress* progress = nullptr);

}  // namespace biplane

#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "biplane/core/error.h"
#include "biplane/eval/evaluate.h"

namespace biplane {

// What a part of a suite gave.
struct SuitePart {
  std::vector<std::string> notes, lines;  // lines: of its rows, as they stand in results.jsonl
  std::int64_t studies = 0, broken = 0;   // as in EvaluateResult
};

// A head that is trained on a corpus of the suite and measured on its split test. Training lies
// above this module, so the caller gives it.
struct SuiteHead {
  std::string corpus;    // of one of the manifests
  std::string protocol;  // name of its configuration
  std::string settings;  // all else that decides about its training, as text
  std::string seeds;     // of which its rows are the means; empty: of one run
  // Throws Error where it cannot be trained on the manifest of `options`. Before anything is
  // measured.
  std::function<void(const EvaluateOptions& options)> check;
  // Trains what is not trained yet, in `out`, from the model and on the manifest of `options`, and
  // measures it. Nothing where it was stopped: the same call goes on.
  std::function<std::optional<SuitePart>(const EvaluateOptions& options,
                                         const std::filesystem::path& out)>
      run;
};

struct SuiteOptions {
  EvaluateOptions evaluate;  // of every manifest, but for `manifest` and `corpus`
  std::vector<std::filesystem::path> manifests;
  std::vector<SuiteHead> heads = {};
  std::filesystem::path reference = {};              // CSV of published figures; may be empty
  std::function<void(const std::string&)> log = {};  // a line for each part that is done
};

// What a suite measures where no tasks are named: all but the modules, as far as tasks_of_model()
// leaves them.
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
  bool stopped = false;                 // while a head was trained; no tables were written
  std::optional<Error> failure;         // of the first head that failed; the rest was done
  std::filesystem::path results_file, report_file, csv_file, latex_file;
};

// Every task on every manifest, part by part, then the heads (in OUT/heads). A finished part lies
// in OUT/parts under the hash of all that it depends on (weights, manifest, prompts, options,
// program), and is not measured again; its rows stand once in OUT/results.jsonl, which is only
// appended to. Then writes OUT/report.html, OUT/results.csv and OUT/table.tex. Throws Error as
// evaluate(), and kUsage without a manifest, with two of one corpus, with a head of a corpus that
// is not there or that stands there twice, and with a model to compare with. A head that fails
// while it is trained is noted in the result and does not keep the others from their tables.
SuiteResult run_suite(const SuiteOptions& options, Progress* progress = nullptr);

}  // namespace biplane

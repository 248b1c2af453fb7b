#include "biplane/eval/evaluate.h"

#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "apps/biplane_model/verbs.h"
#include "apps/common/code_version.h"
#include "biplane/core/error.h"

namespace biplane {
namespace {

struct Options {
  EvaluateOptions evaluate;
  std::string split = "test";
  std::string select, exclude;
  double max_bad = 0.05;
  bool json = false;
  bool quiet = false;
};

constexpr const char* kExamples = R"(Examples:
  biplane evaluate --model runs/demo --manifest phantom/manifest.jsonl --out runs/demo/evaluation
  biplane evaluate --model runs/pairs --manifest pairs --split all --exclude views=both,report=required,limit=16 --out evaluation
--exclude leaves out the studies that the same --select would take: what a run was trained on.)";

StudyFilter study_filter(const Options& options) {
  if (!options.select.empty() && !options.exclude.empty()) {
    throw Error(ErrorKind::kUsage, "--select and --exclude cannot stand together");
  }
  StudyFilter filter =
      StudyFilter::parse(options.select.empty() ? options.exclude : options.select);
  if (filter.split.empty()) filter.split = options.split;
  if (!options.exclude.empty()) filter.invert = true;
  return filter;
}

void print_result(const EvaluateResult& result, const Options& options) {
  if (options.json) {
    for (const ResultRow& row : result.rows) fmt::print("{}\n", result_to_json(row, result.origin));
    return;
  }
  fmt::print("{}", result_table(result.rows));
  for (const std::string& note : result.notes) fmt::print("note: {}\n", note);
  fmt::print("results  {}\nreport   {}\n", result.results_file.string(),
             result.report_file.string());
}

int run(Options options) {
  if (!(options.max_bad >= 0 && options.max_bad <= 1))
    throw Error(ErrorKind::kUsage,
                fmt::format("--max-bad {}: must be a share, 0 to 1", options.max_bad));
  if (!options.evaluate.root.empty() && !std::filesystem::is_directory(options.evaluate.root))
    throw Error(ErrorKind::kMissingInput,
                options.evaluate.root.string() + ": no such folder (--root)");
  options.evaluate.studies = study_filter(options);
  options.evaluate.code = cli::code_version();
  Progress progress({.label = "evaluate", .unit = "studies", .enabled = !options.quiet});
  const EvaluateResult result = evaluate(options.evaluate, &progress);
  progress.finish();
  print_result(result, options);
  if (static_cast<double>(result.broken) <= options.max_bad * static_cast<double>(result.studies))
    return 0;
  throw Error(ErrorKind::kBadContent, fmt::format("{} of {} studies have an image that cannot be "
                                                  "read, more than --max-bad {:g}; the figures "
                                                  "above are of the others",
                                                  result.broken, result.studies, options.max_bad));
}

}  // namespace

VerbRun define_evaluate(CLI::App& app) {
  const auto options = std::make_shared<Options>();
  EvaluateOptions& evaluate = options->evaluate;
  app.add_option("--model", evaluate.model, "model directory, run or checkpoint")->required();
  app.add_option("--manifest", evaluate.manifest, "manifest.jsonl or its folder")->required();
  app.add_option("--out", evaluate.out, "folder for results.jsonl and report.html")->required();
  app.add_option("--root", evaluate.root,
                 "folder that image paths are relative to (default: the manifest's)");
  app.add_option(
         "--tasks", evaluate.tasks,
         "zero_shot, retrieval, grounding (default: these three), supervised, modules, and "
         "linear, finetune, segmentation or detection of a model that biplane finetune made")
      ->delimiter(',');
  app.add_option("--split", options->split, "train, validate, test or all")->capture_default_str();
  app.add_option("--select", options->select,
                 "only these studies: split, views=both, report=required, limit=N");
  app.add_option("--exclude", options->exclude, "all but these studies");
  app.add_option(
         "--exclude-patients-of", evaluate.exclude_patients_of,
         "leave out the studies of patients that stand in this manifest, for example the one "
         "that was trained on; may be repeated")
      ->type_name("[CORPUS=]MANIFEST")
      ->allow_extra_args(false);
  app.add_option("--prompts", evaluate.prompts, "prompt file (default: the model's)");
  app.add_option("--pool", evaluate.pool, "studies of a retrieval pool")->capture_default_str();
  app.add_option("--bootstrap", evaluate.bootstrap, "bootstrap repeats")->capture_default_str();
  app.add_option("--corpus", evaluate.corpus,
                 "name of the corpus in the results (default: the manifest's folder)");
  app.add_option("--threads", evaluate.threads, "0: one per core")->capture_default_str();
  app.add_option("--max-bad", options->max_bad, "share of studies that may be unreadable")
      ->capture_default_str();
  app.add_flag("--json", options->json, "print the rows as JSON lines instead of a table");
  app.add_flag("-q,--quiet", options->quiet, "no progress");
  app.footer(kExamples);
  return [options] { return run(*options); };
}

}  // namespace biplane

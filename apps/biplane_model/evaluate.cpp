#include "biplane/eval/evaluate.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "apps/biplane_model/run_control.h"
#include "apps/biplane_model/suite_heads.h"
#include "apps/biplane_model/verbs.h"
#include "apps/common/code_version.h"
#include "apps/common/command_line.h"
#include "biplane/core/error.h"
#include "biplane/eval/model_tasks.h"
#include "biplane/eval/suite.h"

namespace biplane {
namespace {

struct Options {
  EvaluateOptions evaluate;
  std::vector<std::filesystem::path> manifests;
  bool suite = false;
  std::filesystem::path reference;
  std::vector<std::string> finetune;
  std::vector<std::int64_t> seeds;
  std::string split = "test";
  std::string select, exclude;
  double max_bad = 0.05;
  bool json = false;
  bool quiet = false;
  bool tasks_named = false;
};

constexpr const char* kExamples = R"(Examples:
  biplane evaluate --model runs/demo --manifest phantom/manifest.jsonl --out runs/demo/evaluation
  biplane evaluate --model runs/pairs --manifest pairs --split all --exclude views=both,report=required,limit=16 --out evaluation
  biplane evaluate --model runs/both --against runs/frontal --manifest openi --tasks zero_shot --out comparison
  biplane evaluate --suite --model runs/demo --manifest openi --manifest chexpert-5x200 --reference published.csv --out suite
  biplane evaluate --suite --model runs/demo --manifest prepared/rsna --finetune rsna=linear_rsna --finetune rsna=detection --seeds 42,0,1 --out suite
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

void print_suite(const SuiteResult& result, const Options& options) {
  if (options.json) {
    for (const std::string& line : result.lines) fmt::print("{}\n", line);
    return;
  }
  for (const SuiteResult::Corpus& corpus : result.corpora) {
    std::vector<ResultRow> rows;
    std::copy_if(result.rows.begin(), result.rows.end(), std::back_inserter(rows),
                 [&](const ResultRow& row) { return row.corpus == corpus.name; });
    fmt::print("== {}\n\n{}", corpus.name, result_table(rows));
  }
  fmt::print("parts    {} measured, {} were done\n", result.measured, result.kept);
  for (const std::string& note : result.notes) fmt::print("note: {}\n", note);
  fmt::print("results  {}\nreport   {}\ncsv      {}\nlatex    {}\n", result.results_file.string(),
             result.report_file.string(), result.csv_file.string(), result.latex_file.string());
}

// After the results were written: they are of the others. `of`: of which corpus, may be empty.
void check_broken(std::int64_t broken, std::int64_t studies, const std::string& of,
                  const Options& options) {
  if (static_cast<double>(broken) <= options.max_bad * static_cast<double>(studies)) return;
  throw Error(ErrorKind::kBadContent, fmt::format("{}{} of {} studies have an image that cannot be "
                                                  "read, more than --max-bad {:g}; the figures "
                                                  "above are of the others",
                                                  of, broken, studies, options.max_bad));
}

// `result`: of an evaluation or a suite. Its notes stand above the error, but for --json.
void check_measured(const auto& result, const std::string& of, const Options& options) {
  if (!result.rows.empty()) return;
  throw Error(ErrorKind::kUsage,
              fmt::format("{}: nothing that was asked for can be measured: {}", of,
                          options.json ? fmt::format("{}", fmt::join(result.notes, "; "))
                                       : "the notes say why"));
}

int run_all(const Options& options) {
  SuiteOptions suite{options.evaluate, options.manifests,
                     suite_heads(options.finetune, options.seeds, options.max_bad, options.quiet),
                     options.reference};
  if (!options.tasks_named)
    suite.evaluate.tasks = tasks_of_model(suite.evaluate.model, suite_tasks());
  if (!options.quiet)
    suite.log = [](const std::string& line) { fmt::print(stderr, "suite: {}\n", line); };
  Progress progress({.label = "evaluate", .unit = "studies", .enabled = !options.quiet});
  const SuiteResult result = run_suite(suite, &progress);
  progress.finish();
  if (result.stopped) return kExitCheckpointed;
  print_suite(result, options);
  if (result.failure) throw *result.failure;
  for (const SuiteResult::Corpus& corpus : result.corpora)
    check_broken(corpus.broken, corpus.studies, corpus.name + ": ", options);
  check_measured(result, "--suite", options);
  return 0;
}

// Heads train and test on the whole splits of their corpus.
void check_heads(const Options& options) {
  if (options.finetune.empty() && !options.seeds.empty())
    throw Error(ErrorKind::kUsage, "--seeds only stands with --finetune");
  if (!options.finetune.empty() &&
      (options.split != "test" || !options.select.empty() || !options.exclude.empty() ||
       !options.evaluate.exclude_patients_of.empty()))
    throw Error(ErrorKind::kUsage,
                "--finetune: heads are measured on the whole split test; leave out --split, "
                "--select, --exclude and --exclude-patients-of");
}

// What one evaluation and a suite do not have in common.
void check_mode(const Options& options) {
  if (options.suite) {
    if (!options.evaluate.corpus.empty())
      throw Error(ErrorKind::kUsage, "--corpus: a suite names each corpus by its folder");
    check_heads(options);
    return;
  }
  if (options.manifests.size() != 1)
    throw Error(ErrorKind::kUsage, "several --manifest only stand with --suite");
  if (!options.reference.empty())
    throw Error(ErrorKind::kUsage, "--reference only stands with --suite");
  if (!options.finetune.empty())
    throw Error(ErrorKind::kUsage, "--finetune only stands with --suite");
  check_heads(options);
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
  check_mode(options);
  if (options.suite) return run_all(options);
  options.evaluate.manifest = options.manifests.front();
  if (!options.tasks_named)
    options.evaluate.tasks = tasks_of_model(options.evaluate.model, options.evaluate.tasks);
  Progress progress({.label = "evaluate", .unit = "studies", .enabled = !options.quiet});
  const EvaluateResult result = evaluate(options.evaluate, &progress);
  progress.finish();
  print_result(result, options);
  check_broken(result.broken, result.studies, "", options);
  check_measured(result, options.evaluate.manifest.string(), options);
  return 0;
}

// What calibration and subgroups are made by.
void define_choice(CLI::App& app, EvaluateOptions& evaluate) {
  app.add_option("--choose-on", evaluate.choose_on,
                 "split whose studies choose thresholds and calibration: validate or train, never "
                 "the test")
      ->capture_default_str();
  app.add_option("--choose-manifest", evaluate.choose_manifest,
                 "manifest of that split (default: the one that is measured)");
  app.add_option("--at-sensitivity", evaluate.at_sensitivity, "operating points at these")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--at-specificity", evaluate.at_specificity, "operating points at these")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--subgroups", evaluate.subgroups, "sex, age, view, lateral, source")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--groups", evaluate.group_table,
                 "CSV of further subgroups: study_id and a column a field (device, style)");
  app.add_option("--smallest-subgroup", evaluate.smallest_subgroup,
                 "studies; smaller ones have no figure")
      ->capture_default_str();
}

void define_suite(CLI::App& app, Options& options) {
  app.add_flag("--suite", options.suite,
               "every task that applies, on every manifest; goes on where it was interrupted");
  app.add_option("--reference", options.reference,
                 "CSV of published figures that stand beside a suite's: corpus, split, protocol, "
                 "metric, fraction, method, value (percent), source, pool");
  app.add_option("--finetune", options.finetune,
                 "a head that a suite trains on one of its corpora and measures, as biplane "
                 "finetune does, for example rsna=linear_rsna; may be repeated")
      ->type_name("CORPUS=CONFIG")
      ->allow_extra_args(false);
  app.add_option("--seeds", options.seeds,
                 "of these heads, several: their means, for example 42,0,1")
      ->delimiter(',')
      ->check(cli::non_negative());
}

}  // namespace

VerbRun define_evaluate(CLI::App& app) {
  const auto options = std::make_shared<Options>();
  EvaluateOptions& evaluate = options->evaluate;
  app.add_option("--model", evaluate.model, "model directory, run or checkpoint")->required();
  app.add_option("--against", evaluate.against,
                 "another model: AUROC of --model less its on the same studies, with p");
  app.add_option("--manifest", options->manifests,
                 "manifest.jsonl or its folder; several with --suite")
      ->required()
      ->allow_extra_args(false);
  app.add_option("--out", evaluate.out, "folder for results.jsonl and report.html")->required();
  app.add_option("--root", evaluate.root,
                 "folder that image paths are relative to (default: the manifest's)");
  CLI::Option* tasks =
      app.add_option("--tasks", evaluate.tasks,
                     "zero_shot, retrieval, grounding (default: these three, and what biplane "
                     "finetune made the model for: linear, finetune, segmentation, detection), "
                     "supervised, modules, minimal_pairs, calibration, subgroups")
          ->delimiter(',');
  define_suite(app, *options);
  define_choice(app, evaluate);
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
  app.add_option("--gradient-studies", evaluate.gradient_studies,
                 "studies whose gradient maps of grounding are drawn, by a hash of their names; 0: "
                 "none")
      ->check(cli::non_negative())
      ->capture_default_str();
  app.add_option("--bootstrap", evaluate.bootstrap, "bootstrap repeats")->capture_default_str();
  app.add_option("--corpus", evaluate.corpus,
                 "name of the corpus in the results (default: the manifest's folder)");
  app.add_option("--threads", evaluate.threads, "0: one per core")->capture_default_str();
  app.add_option("--max-bad", options->max_bad, "share of studies that may be unreadable")
      ->capture_default_str();
  app.add_flag("--json", options->json, "print the rows as JSON lines instead of a table");
  app.add_flag("-q,--quiet", options->quiet, "no progress");
  app.footer(kExamples);
  return [options, tasks] {
    options->tasks_named = tasks->count() > 0;
    return run(*options);
  };
}

}  // namespace biplane

#include <filesystem>

#include "apps/biplane/verbs.h"
#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/core/folder_lock.h"
#include "biplane/core/parallel.h"
#include "biplane/core/progress.h"
#include "biplane/corpus/corpora/pairs.h"
#include "biplane/corpus/manifest.h"

namespace biplane::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kExamples =
    "examples\n"
    "  biplane prepare pairs --root studies --out prepared                    (reads "
    "studies/studies.csv)\n"
    "  biplane prepare pairs --root images --csv list.csv --frontal pa --lateral lat --report text "
    "--out prepared\n"
    "  biplane prepare pairs --root studies --out prepared --validate 0.1 --test 0.2 --seed 1";

struct PrepareOptions {
  std::string root, csv, out;
  PairsOptions pairs;
  double max_bad = 0.05;
  bool json = false;
};

void add_pairs_options(CLI::App& app, PrepareOptions& options) {
  PairsColumns& columns = options.pairs.columns;
  app.add_option("--root", options.root, "folder that the image paths in the CSV are relative to")
      ->required()
      ->type_name("DIR");
  app.add_option("--out", options.out, "folder for manifest.jsonl and funnel.json")
      ->required()
      ->type_name("DIR");
  app.add_option("--csv", options.csv, "the list of studies; default ROOT/studies.csv")
      ->type_name("FILE");
  app.add_option("--frontal", columns.frontal,
                 "column with the frontal image's path; default frontal (or Path_frontal)")
      ->type_name("COLUMN");
  app.add_option("--lateral", columns.lateral,
                 "column with the lateral's path; default lateral (or Path_lateral)")
      ->type_name("COLUMN");
  app.add_option("--report", columns.report,
                 "column with the report's text; default report (or Report)")
      ->type_name("COLUMN");
  app.add_option("--study", columns.study, "column naming the study; default study_id")
      ->type_name("COLUMN");
  app.add_option("--patient", columns.patient, "column naming the patient; default patient_id")
      ->type_name("COLUMN");
  app.add_option("--labels", columns.labels,
                 "column with labels, split at ; , and |; default labels")
      ->type_name("COLUMN");
  app.add_option("--validate", options.pairs.fractions.validate,
                 "fraction of the patients in the split validate")
      ->capture_default_str();
  app.add_option("--test", options.pairs.fractions.test,
                 "fraction of the patients in the split test; the rest trains")
      ->capture_default_str();
  app.add_option("--seed", options.pairs.seed, "of the split")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--threads", options.pairs.threads, "0: one per core")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--max-bad", options.max_bad,
                 "fraction of bad rows or images from which on this fails (exit 65)")
      ->capture_default_str();
  app.add_flag("--json", options.json, "print the funnel as JSON");
}

int prepare(PrepareOptions& options) {
  const fs::path out = options.out;
  PairsOptions& pairs = options.pairs;
  pairs.root = options.root;
  pairs.csv = options.csv;
  pairs.out = out;
  pairs.threads = resolve_threads(pairs.threads);
  const FolderLock lock(out);
  ManifestWriter manifest(
      out / "manifest.jsonl");  // first, so that a folder that cannot be written fails at once
  Progress progress({.label = "prepare pairs", .unit = "images"});
  pairs.progress = &progress;
  const PairsResult result = prepare_pairs(pairs);
  progress.finish();
  fs::remove(out / "manifest.jsonl");  // an older one must not stand beside this funnel
  result.funnel.write(out / "funnel.json");
  print_result(options.json ? result.funnel.json() : result.funnel.table());
  result.funnel.check_bad(options.max_bad);
  if (result.studies.empty()) {
    throw Error(ErrorKind::kBadContent, options.root +
                                            ": no study with an image and a report is left; " +
                                            (out / "funnel.json").string() + " says why");
  }
  for (const Study& study : result.studies) manifest.write(study);
  manifest.finish();
  return 0;
}

}  // namespace

int run_prepare(const Arguments& arguments) {
  PrepareOptions options;
  options.pairs.threads = 0;
  CLI::App app(
      "Turns a corpus into OUT/manifest.jsonl (one line a study) and OUT/funnel.json (what was "
      "left out, and why).",
      "biplane prepare");
  std::string corpus;
  app.add_option("corpus", corpus, "pairs: a CSV with a frontal, a lateral and a report in a row")
      ->required()
      ->type_name("CORPUS");
  add_pairs_options(app, options);
  app.footer(kExamples);
  if (!arguments.empty() && arguments.front().rfind('-', 0) != 0 && arguments.front() != "pairs") {
    throw Error(ErrorKind::kUsage,
                "unknown corpus '" + arguments.front() + "'; this version prepares: pairs");
  }
  if (!parse_arguments(app, arguments)) return 0;
  if (!(options.max_bad >= 0 && options.max_bad <= 1))
    throw Error(ErrorKind::kUsage, "--max-bad is a fraction, 0 to 1");
  return prepare(options);
}

}  // namespace biplane::cli

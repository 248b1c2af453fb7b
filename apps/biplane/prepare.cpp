#include <fmt/format.h>

#include <cstdio>
#include <filesystem>

#include "apps/biplane/verbs.h"
#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/core/folder_lock.h"
#include "biplane/core/parallel.h"
#include "biplane/core/progress.h"
#include "biplane/corpus/corpora/corpus.h"
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
    "  biplane prepare pairs --root studies --out prepared --validate 0.1 --test 0.2 --seed 1\n"
    "  biplane prepare nih --root ChestX-ray14 --out prepared --validate 0.1\n"
    "  biplane prepare dicom --root export --reports reports.csv --salt SECRET --out prepared\n"
    "  biplane prepare rsna --help                            (the files that rsna is made of)";
constexpr const char* kPairsOnly = "Options of prepare pairs";
constexpr const char* kDicomOnly = "Options of prepare dicom (also --study and --report)";

struct PrepareCommand {
  std::string corpus, root, csv, reports, out;
  PairsOptions options;  // of the other corpora too, less what is only of pairs
  double max_bad = 0.05;
  bool json = false;
};

void add_pairs_options(CLI::App& app, PrepareCommand& command) {
  const auto add = [&app](const char* name, std::string& target, const char* help,
                          const char* type = "COLUMN") {
    app.add_option(name, target, help)->type_name(type)->group(kPairsOnly);
  };
  PairsColumns& columns = command.options.columns;
  add("--csv", command.csv, "the list of studies; default ROOT/studies.csv", "FILE");
  add("--frontal", columns.frontal,
      "column with the frontal image's path; default frontal (or Path_frontal)");
  add("--lateral", columns.lateral,
      "column with the lateral's path; default lateral (or Path_lateral)");
  add("--report", columns.report, "column with the report's text; default report (or Report)");
  add("--study", columns.study, "column naming the study; default study_id");
  add("--patient", columns.patient, "column naming the patient; default patient_id");
  add("--labels", columns.labels, "column with labels, split at ; , and |; default labels");
}

void add_dicom_options(CLI::App& app, PrepareCommand& command) {
  PacsOptions& pacs = command.options.pacs;
  app.add_option("--reports", command.reports,
                 "table of reports; --study names its column of StudyInstanceUIDs, --report that "
                 "of texts")
      ->type_name("FILE")
      ->group(kDicomOnly);
  app.add_option("--accession", pacs.accession_column, "column with the accession number")
      ->type_name("COLUMN")
      ->group(kDicomOnly);
  app.add_option("--salt", pacs.salt,
                 "secret that the names of studies and patients are made with: the same one gives "
                 "the same names; default: one made of the export's UIDs")
      ->type_name("TEXT")
      ->group(kDicomOnly);
  app.add_flag("--drop-burned-in", pacs.drop_burned_in,
               "leave out images whose header says that texts are burned into them")
      ->group(kDicomOnly);
}

void add_options(CLI::App& app, PrepareCommand& command) {
  app.add_option("corpus", command.corpus, "one of those below")->required()->type_name("CORPUS");
  app.add_option("--root", command.root, "folder of the corpus; image paths are relative to it")
      ->required()
      ->type_name("DIR");
  app.add_option("--out", command.out, "folder for manifest.jsonl and funnel.json")
      ->required()
      ->type_name("DIR");
  app.add_option(
         "--validate", command.options.fractions.validate,
         "fraction of the patients in the split validate, of those that no list of the corpus "
         "puts elsewhere")
      ->capture_default_str();
  app.add_option(
         "--test", command.options.fractions.test,
         "fraction of the patients in the split test, where the corpus has no list of its own; the "
         "rest trains")
      ->capture_default_str();
  app.add_option("--seed", command.options.seed, "of the split")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--threads", command.options.threads, "0: one per core")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--max-bad", command.max_bad,
                 "fraction of bad rows or images from which on this fails (exit 65)")
      ->capture_default_str();
  app.add_flag("--json", command.json, "print the funnel as JSON");
}

// The corpora, or the files of the one that the arguments begin with.
std::string footer(const Arguments& arguments) {
  std::string text;
  for (const Corpus& corpus : corpora()) {
    if (!arguments.empty() && arguments.front() == corpus.name)
      return std::string(corpus.summary) + "\n\nfiles under --root\n" + corpus.tree + "\n" +
             kExamples;
    text += fmt::format("  {:<12}{}\n", corpus.name, corpus.summary);
  }
  return "corpora\n" + text + "\n" + kExamples;
}

// A folder that is not the corpus: shows what it would look like.
void check_root_or_show(const Corpus& corpus, const fs::path& root) {
  try {
    check_root(corpus, root);
  } catch (const Error&) {
    std::fprintf(stderr, "files of %s under --root:\n%s", corpus.name, corpus.tree);
    throw;
  }
}

int prepare(PrepareCommand& command) {
  const Corpus& corpus = find_corpus(command.corpus);
  const fs::path out = command.out;
  PairsOptions& options = command.options;
  options.root = command.root;
  options.csv = command.csv;
  options.out = out;
  options.reports = command.reports;
  options.pacs.study_column = options.columns.study;
  options.pacs.report_column = options.columns.report;
  const PacsOptions& pacs = options.pacs;
  if (command.corpus == "dicom" && command.reports.empty() &&
      !(pacs.study_column + pacs.accession_column + pacs.report_column).empty())
    throw Error(ErrorKind::kUsage, "--study, --accession and --report name columns of --reports");
  options.threads = resolve_threads(options.threads);
  check_root_or_show(corpus, options.root);
  const FolderLock lock(out);
  ManifestWriter manifest(
      out / "manifest.jsonl");  // first, so that a folder that cannot be written fails at once
  Progress progress({.label = "prepare " + command.corpus, .unit = "images"});
  options.progress = &progress;
  const bool pairs = command.corpus == "pairs";
  const PreparedCorpus prepared = pairs ? prepare_pairs(options) : prepare_corpus(corpus, options);
  progress.finish();
  fs::remove(out / "manifest.jsonl");  // an older one must not stand beside this funnel
  prepared.funnel.write(out / "funnel.json");
  print_result(command.json ? prepared.funnel.json() : prepared.funnel.table());
  prepared.funnel.check_bad(command.max_bad);
  if (prepared.studies.empty()) {
    throw Error(ErrorKind::kBadContent, command.root + ": no study with an image" +
                                            (pairs ? " and a report" : "") + " is left; " +
                                            (out / "funnel.json").string() + " says why");
  }
  for (const Study& study : prepared.studies) manifest.write(study);
  manifest.finish();
  return 0;
}

void refuse_options_of_others(const CLI::App& app, const std::string& corpus) {
  for (const CLI::Option* option : app.get_options()) {
    const std::string name = option->get_name();
    const bool pairs = option->get_group() == kPairsOnly, dicom = option->get_group() == kDicomOnly;
    const bool both = name == "--study" || name == "--report";
    const bool taken = (pairs && corpus == "pairs") || ((dicom || both) && corpus == "dicom");
    if ((pairs || dicom) && !taken && option->count() > 0)
      throw Error(ErrorKind::kUsage, name + ": prepare " + corpus +
                                         " has no such option, prepare " +
                                         (pairs ? "pairs" : "dicom") + " has");
  }
}

}  // namespace

int run_prepare(const Arguments& arguments) {
  PrepareCommand command;
  command.options.threads = 0;
  CLI::App app(
      "Turns a corpus into OUT/manifest.jsonl (one line a study) and OUT/funnel.json (what was "
      "left out, and why).",
      "biplane prepare");
  add_options(app, command);
  add_pairs_options(app, command);
  add_dicom_options(app, command);
  app.footer(footer(arguments));
  if (!arguments.empty() && arguments.front().rfind('-', 0) != 0) find_corpus(arguments.front());
  if (!parse_arguments(app, arguments)) return 0;
  refuse_options_of_others(app, find_corpus(command.corpus).name);
  if (!(command.max_bad >= 0 && command.max_bad <= 1))
    throw Error(ErrorKind::kUsage, "--max-bad is a fraction, 0 to 1");
  return prepare(command);
}

}  // namespace biplane::cli

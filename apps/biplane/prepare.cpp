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
    "  biplane prepare chexpert --root CheXpert-v1.0-small --out prepared --uncertain competition\n"
    "  biplane prepare rsna --root rsna --out prepared --split mgca\n"
    "  biplane prepare rsna --help                            (the files that rsna is made of)";
constexpr const char* kPairsOnly = "Options of prepare pairs";

struct PrepareCommand {
  std::string corpus, root, csv, out;
  PairsOptions options;  // of the other corpora too, less what is only of pairs
  double max_bad = 0.05;
  std::string uncertain = "keep", blank = "unknown";
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

void add_split_and_label_options(CLI::App& app, PrepareCommand& command) {
  SplitChoice& split = command.options.split;
  app.add_option("--split", split.rule,
                 "a published split that was made by a program, drawn again number for number: "
                 "mgca of rsna, siim, object-cxr, covidx, chexpert and chexpert-5x200, "
                 "mgca-detection of rsna")
      ->type_name("NAME");
  app.add_option("--split-list", split.lists,
                 "a published list of images or studies (train.txt, val.csv, test_list.txt, or "
                 "SPLIT=FILE); may be given again")
      ->type_name("FILE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--allow-leak", split.allowed_leaks,
                 "take this split although patients or images of it are in two parts: the name "
                 "given to --split, or list")
      ->type_name("NAME")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--uncertain", command.uncertain,
                 "uncertain labels (-1): keep; zeros, ones (absent, present); ignore (left out); "
                 "competition (CheXpert's: present for Atelectasis, Edema and Pleural Effusion, "
                 "absent for Cardiomegaly and Consolidation)")
      ->type_name("POLICY")
      ->capture_default_str();
  app.add_option("--blank", command.blank,
                 "labels of the 14 of CheXpert that a table leaves blank: unknown, or zeros "
                 "(absent, as MGCA has them)")
      ->check(CLI::IsMember({"unknown", "zeros"}))
      ->type_name("POLICY")
      ->capture_default_str();
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
    text += fmt::format("  {:<16}{}\n", corpus.name, corpus.summary);
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

void refuse_options_of_pairs(const CLI::App& app, const std::string& corpus) {
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group() == kPairsOnly && option->count() > 0)
      throw Error(ErrorKind::kUsage, option->get_name() + ": prepare " + corpus +
                                         " has no such option, prepare pairs has");
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
  add_split_and_label_options(app, command);
  add_pairs_options(app, command);
  app.footer(footer(arguments));
  if (!arguments.empty() && arguments.front().rfind('-', 0) != 0) find_corpus(arguments.front());
  if (!parse_arguments(app, arguments)) return 0;
  if (find_corpus(command.corpus).name != std::string("pairs"))
    refuse_options_of_pairs(app, command.corpus);
  if (!(command.max_bad >= 0 && command.max_bad <= 1))
    throw Error(ErrorKind::kUsage, "--max-bad is a fraction, 0 to 1");
  command.options.labels = {parse_uncertain_policy(command.uncertain), command.blank == "zeros"};
  if (!command.options.split.any() && !command.options.split.allowed_leaks.empty())
    throw Error(ErrorKind::kUsage, "--allow-leak is for --split and --split-list");
  return prepare(command);
}

}  // namespace biplane::cli

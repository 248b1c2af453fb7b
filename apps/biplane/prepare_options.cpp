#include "apps/biplane/prepare_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "biplane/core/error.h"
#include "biplane/core/parallel.h"
#include "biplane/corpus/corpora/corpus.h"

namespace biplane::cli {
namespace {

constexpr const char* kExamples =
    "examples\n"
    "  biplane prepare pairs --root studies --out prepared                    (reads "
    "studies/studies.csv)\n"
    "  biplane prepare pairs --root images --csv list.csv --frontal pa --lateral lat --report text "
    "--out prepared\n"
    "  biplane prepare pairs --root studies --out prepared --validate 0.1 --test 0.2 --seed 1\n"
    "  biplane prepare nih --root ChestX-ray14 --out prepared --validate 0.1\n"
    "  biplane prepare nih --root ChestX-ray14 --out prepared --shard 0/4     (on one of four "
    "machines)\n"
    "  biplane prepare mimic --root mimic-cxr-jpg --reports mimic-cxr-reports.zip --images header "
    "--out prepared/mimic\n"
    "  biplane prepare chexpert --root CheXpert-v1.0-small --out prepared --uncertain competition\n"
    "  biplane prepare rsna --root rsna --out prepared --split mgca\n"
    "  biplane prepare dicom --root export --reports reports.csv --salt SECRET --out prepared\n"
    "  biplane prepare rsna --help                            (the files that rsna is made of)";
constexpr const char* kSomeOnly = "Options of some corpora";

// Options as they are given, before they are understood.
struct Words {
  std::string root, csv, reports, views, out;
  std::string pairing = pairing_name(Pairing::kAll), images = "full";
  std::string uncertain = "keep", blank = "unknown";
};

void add_some_options(CLI::App& app, PrepareCommand& command, Words& words) {
  const auto add = [&app](const char* name, std::string& target, const char* help,
                          const char* type = "COLUMN") {
    app.add_option(name, target, help)->type_name(type)->group(kSomeOnly);
  };
  ColumnNames& columns = command.options.columns;
  add("--csv", words.csv,
      "pairs: the list of studies, default ROOT/studies.csv; ms-cxr: the boxes, where they are not "
      "under --root",
      "FILE");
  add("--reports", words.reports,
      "mimic: a folder or zip archive of reports; dicom: a table of them", "PATH");
  add("--labels-from", command.options.labels_from,
      "mimic: chexpert or negbio, the table that labels come from; default the first that is there",
      "NAME");
  add("--frontal", columns.frontal,
      "pairs: column with the frontal image's path; default frontal (or Path_frontal)");
  add("--lateral", columns.lateral,
      "pairs: column with the lateral's path; default lateral (or Path_lateral)");
  add("--report", columns.report,
      "pairs: column with the report's text; default report (or Report); dicom: that of --reports");
  add("--study", columns.study,
      "pairs: column naming the study; default study_id; dicom: the column of --reports with the "
      "StudyInstanceUID");
  add("--patient", columns.patient, "pairs: column naming the patient; default patient_id");
  add("--labels", columns.labels, "pairs: column with labels, split at ; , and |; default labels");
}

void add_choices_of_some(CLI::App& app, PrepareCommand& command, Words& words) {
  app.add_option("--views", words.views,
                 "openi: a table of views that outranks indiana_projections.csv: filename (or "
                 "image_id), projection (or view): Frontal, PA, AP, Lateral, L")
      ->type_name("FILE")
      ->group(kSomeOnly);
  app.add_option(
         "--method-label", command.options.method_label,
         "padchest: only images whose report was labelled by Physician, or by RNN (a network)")
      ->check(CLI::IsMember({"Physician", "RNN"}))
      ->type_name("METHOD")
      ->group(kSomeOnly);
}

void add_choices(CLI::App& app, Words& words) {
  app.add_option(
         "--pairing", words.pairing,
         "of a study with several frontals or laterals: all images; the first of each; both "
         "(the first of each, studies without a lateral or frontal left out); every (each "
         "frontal with each lateral as a study of its own). PA stands before AP")
      ->type_name("all|first|both|every")
      ->capture_default_str();
  app.add_option("--images", words.images,
                 "full: decode and hash each; header: only that it is there and how large; listed: "
                 "believe the tables, where they have sizes")
      ->type_name("full|header|listed")
      ->capture_default_str();
}

void add_split_and_label_options(CLI::App& app, PrepareCommand& command, Words& words) {
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
  app.add_option("--uncertain", words.uncertain,
                 "uncertain labels (-1): keep; zeros, ones (absent, present); ignore (left out); "
                 "competition (CheXpert's: present for Atelectasis, Edema and Pleural Effusion, "
                 "absent for Cardiomegaly and Consolidation)")
      ->type_name("POLICY")
      ->capture_default_str();
  app.add_option("--blank", words.blank,
                 "labels of the 14 of CheXpert that a table leaves blank: unknown, or zeros "
                 "(absent, as MGCA has them)")
      ->check(CLI::IsMember({"unknown", "zeros"}))
      ->type_name("POLICY")
      ->capture_default_str();
}

void add_dicom_options(CLI::App& app, PrepareCommand& command) {
  app.add_option("--accession", command.options.columns.accession,
                 "dicom: column of --reports with the accession number")
      ->type_name("COLUMN")
      ->group(kSomeOnly);
  app.add_option("--salt", command.options.pacs.salt,
                 "dicom: secret that the names of studies and patients are made with: the same one "
                 "gives the same names; default: one made of the export's UIDs")
      ->type_name("TEXT")
      ->group(kSomeOnly);
  app.add_flag("--drop-burned-in", command.options.pacs.drop_burned_in,
               "dicom: leave out images whose header says that texts are burned into them")
      ->group(kSomeOnly);
}

void add_options(CLI::App& app, PrepareCommand& command, Words& words) {
  app.add_option("corpus", command.corpus, "one of those below")->required()->type_name("CORPUS");
  app.add_option("--root", words.root, "folder of the corpus; image paths are relative to it")
      ->required()
      ->type_name("DIR");
  app.add_option("--out", words.out, "folder for manifest.jsonl and funnel.json")
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
      ->check(non_negative(std::ldexp(1.0, 64)))
      ->capture_default_str();
  app.add_option("--threads", command.options.threads, "0: one per core")
      ->check(non_negative())
      ->capture_default_str();
  add_shard_option(app, command.options.share,
                   "of the images, and nothing else; when all parts are done, the same command "
                   "without --shard writes the manifest");
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

ImageReading parse_images(const std::string& name) {
  if (name == "full") return ImageReading::kFull;
  if (name == "header") return ImageReading::kHeader;
  if (name == "listed") return ImageReading::kListed;
  throw Error(ErrorKind::kUsage, "--images: '" + name + "' is not full, header or listed" +
                                     did_you_mean(name, {"full", "header", "listed"}));
}

bool takes(const Corpus& corpus, const std::string& option) {
  return std::find(corpus.takes.begin(), corpus.takes.end(), option) != corpus.takes.end();
}

void refuse_options_of_others(const CLI::App& app, const Corpus& corpus) {
  for (const CLI::Option* option : app.get_options()) {
    const std::string name = option->get_name();
    if (option->get_group() != kSomeOnly || option->count() == 0 || takes(corpus, name)) continue;
    std::string others;
    for (const Corpus& other : corpora())
      if (takes(other, name))
        others += (others.empty() ? "prepare " : " and prepare ") + std::string(other.name);
    throw Error(ErrorKind::kUsage,
                name + ": prepare " + corpus.name + " has no such option; it is for " + others);
  }
}

// Puts the words into the options.
void understand(const Words& words, PrepareCommand& command) {
  PrepareOptions& options = command.options;
  if (!(command.max_bad >= 0 && command.max_bad <= 1))
    throw Error(ErrorKind::kUsage, "--max-bad is a fraction, 0 to 1");
  options.labels = {parse_uncertain_policy(words.uncertain), words.blank == "zeros"};
  if (!options.split.any() && !options.split.allowed_leaks.empty())
    throw Error(ErrorKind::kUsage, "--allow-leak is for --split and --split-list");
  options.root = words.root;
  options.csv = words.csv;
  options.reports = words.reports;
  options.pairing = parse_pairing(words.pairing);
  options.images = parse_images(words.images);
  if (!options.share.is_all() && options.images != ImageReading::kFull)
    throw Error(ErrorKind::kUsage,
                "--shard (or a launcher's RANK and WORLD_SIZE): only with --images full is "
                "there work to share; start one process");
  options.views = words.views;
  options.out = words.out;
  if (command.corpus == "dicom" && words.reports.empty() &&
      !(options.columns.study + options.columns.accession + options.columns.report).empty())
    throw Error(ErrorKind::kUsage, "--study, --accession and --report name columns of --reports");
  options.threads = resolve_threads(options.threads);
}

}  // namespace

std::optional<PrepareCommand> parse_prepare(const Arguments& arguments) {
  PrepareCommand command;
  Words words;
  command.options.threads = 0;
  CLI::App app(
      "Turns a corpus into OUT/manifest.jsonl (one line a study) and OUT/funnel.json (what was "
      "left out, and why).",
      "biplane prepare");
  add_options(app, command, words);
  add_choices(app, words);
  add_split_and_label_options(app, command, words);
  add_some_options(app, command, words);
  add_choices_of_some(app, command, words);
  add_dicom_options(app, command);
  app.footer(footer(arguments));
  if (!arguments.empty() && arguments.front().rfind('-', 0) != 0) find_corpus(arguments.front());
  if (!parse_arguments(app, arguments)) return std::nullopt;
  refuse_options_of_others(app, find_corpus(command.corpus));
  understand(words, command);
  return command;
}

}  // namespace biplane::cli

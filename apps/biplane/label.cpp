#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "apps/biplane/verbs.h"
#include "biplane/core/error.h"
#include "biplane/core/parallel.h"
#include "biplane/core/progress.h"
#include "biplane/corpus/report_labels.h"

namespace biplane::cli {
namespace {

constexpr const char* kFooter =
    "Values: 1 present, 0 absent, -1 uncertain, blank not mentioned. docs/labels.md says by which "
    "rules.\n"
    "Exit codes: 0 done, 2 bad option or label file, 65 a damaged file or more bad rows than "
    "--max-bad, 66 missing input,\n"
    "74 input or output failed.\n\n"
    "examples\n"
    "  biplane label --text 'No pneumothorax. Small left effusion.'\n"
    "  biplane label --csv reports.csv --column report --out labels.csv\n"
    "  biplane label --csv reports.csv --column report --compare reference.csv\n"
    "  biplane label --manifest prepared/manifest.jsonl --out prepared/labelled.jsonl";

struct LabelOptions {
  std::string text, csv, manifest, column = "report", out, compare, labels = "chexpert";
  std::vector<std::string> id;
  double max_bad = 0.05;
  int threads = 0;
  bool json = false, stated_only = false;
};

void add_options(CLI::App& app, LabelOptions& options) {
  auto* inputs = app.add_option_group("input", "one of");
  inputs->add_option("--text", options.text, "one report: its mentions are printed");
  inputs->add_option("--csv", options.csv, "a CSV with a report in each row")->type_name("FILE");
  inputs->add_option("--manifest", options.manifest, "manifest.jsonl or its folder")
      ->type_name("MANIFEST");
  inputs->require_option(1);
  app.add_option("--labels", options.labels, "chexpert, phantom, or a label file")
      ->capture_default_str();
  app.add_option("--column", options.column, "of the CSV: the report")->capture_default_str();
  app.add_option("--id", options.id,
                 "of the CSV: column that names the row and is copied; may be repeated; default "
                 "the first")
      ->type_name("COLUMN");
  app.add_option("--out", options.out,
                 "CSV or manifest with the labels; image paths in a manifest stay relative to the "
                 "old one's folder")
      ->type_name("FILE");
  app.add_option("--compare", options.compare,
                 "CSV or manifest with reference labels: prints precision, recall and F1 of the "
                 "value 1")
      ->type_name("FILE");
  app.add_flag("--stated-only", options.stated_only,
               "of a reference manifest of the phantom: leave out findings that the report hedges "
               "or does not mention");
  app.add_option("--max-bad", options.max_bad,
                 "fraction of bad rows from which on this fails (exit 65)")
      ->capture_default_str();
  app.add_option("--threads", options.threads, "0: one per core")
      ->check(non_negative())
      ->capture_default_str();
  app.add_flag("--json", options.json, "print the result as JSON");
  app.footer(kFooter);
}

void check(const LabelOptions& options) {
  if (!(options.max_bad >= 0 && options.max_bad <= 1))
    throw Error(ErrorKind::kUsage, "--max-bad is a fraction, 0 to 1");
  if (!options.text.empty()) {
    if (!options.out.empty() || !options.compare.empty())
      throw Error(ErrorKind::kUsage,
                  "--text prints one report; --out and --compare need --csv or "
                  "--manifest");
  } else if (options.out.empty() && options.compare.empty()) {
    throw Error(ErrorKind::kUsage, "--out or --compare is missing: the labels would go nowhere");
  }
}

std::string value_word(int value) {
  return value == 1 ? "present" : value == 0 ? "absent" : "uncertain";
}

std::string report_table(const LabelledReport& report) {
  std::string text;
  for (std::size_t i = 0; i < report.sentences.size(); ++i)
    text += fmt::format("{:>3}  {}\n", i + 1, report.sentences[i]);
  text += fmt::format("\n{:<28} {:<10} {:>8}  {:<28} {}\n", "mention of", "value", "sentence",
                      "phrase", "trigger");
  for (const LabelMention& mention : report.mentions) {
    text += fmt::format("{:<28} {:<10} {:>8}  {:<28} {}\n",
                        mention.label.empty() ? "(other finding)" : mention.label,
                        value_word(mention.value), mention.sentence + 1, mention.phrase,
                        mention.trigger.empty() ? "-" : mention.trigger);
  }
  text += "\nlabels\n";
  for (const auto& [label, value] : report.labels)
    text += fmt::format("  {:<26} {:>2}  {}\n", label, value, value_word(value));
  return text;
}

std::string report_json(const LabelledReport& report) {
  using nlohmann::ordered_json;
  ordered_json mentions = ordered_json::array();
  for (const LabelMention& mention : report.mentions) {
    mentions.push_back(
        {{"label", mention.label.empty() ? ordered_json() : ordered_json(mention.label)},
         {"value", mention.value},
         {"sentence", mention.sentence},
         {"phrase", mention.phrase},
         {"trigger", mention.trigger}});
  }
  const ordered_json document = {
      {"sentences", report.sentences}, {"mentions", mentions}, {"labels", report.labels}};
  return document.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

int label_files(const Labeler& labeler, const LabelOptions& options) {
  Progress progress({.label = "label", .unit = "reports"});
  ReportLabelOptions bulk;
  bulk.in = options.csv.empty() ? options.manifest : options.csv;
  bulk.out = options.out;
  bulk.report_column = options.column;
  bulk.id_columns = options.id;
  bulk.threads = resolve_threads(options.threads);
  bulk.max_bad = options.max_bad;
  bulk.progress = &progress;
  std::optional<LabelReference> reference;
  std::optional<LabelAgreement> agreement;
  if (!options.compare.empty()) {
    reference = LabelReference::read(options.compare, options.id.empty() ? "" : options.id.front(),
                                     labeler.labels(), options.stated_only);
    agreement.emplace(reference->labels());
    bulk.reference = &*reference;
    bulk.agreement = &*agreement;
  }
  const Funnel funnel =
      options.csv.empty() ? label_manifest(labeler, bulk) : label_csv(labeler, bulk);
  progress.finish();
  if (options.json) {
    print_result(agreement ? agreement->json() : funnel.json());
  } else {
    print_result(funnel.table() + (agreement ? "\n" + agreement->table() : ""));
  }
  return 0;
}

}  // namespace

int run_label(const Arguments& arguments) {
  LabelOptions options;
  CLI::App app(
      "Finds labels in reports by rules: phrases, negation, uncertainty, and how far they reach.",
      "biplane label");
  add_options(app, options);
  if (!parse_arguments(app, arguments)) return 0;
  check(options);
  const Labeler labeler = Labeler::named(options.labels);
  if (options.text.empty()) return label_files(labeler, options);
  const LabelledReport report = labeler.explain(options.text);
  print_result(options.json ? report_json(report) : report_table(report));
  return 0;
}

}  // namespace biplane::cli

#include "biplane/phantom/phantom.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "apps/biplane/verbs.h"
#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/imaging/encode.h"
#include "biplane/phantom/layouts/layout.h"
#include "biplane/phantom/phantom_folder.h"
#include "biplane/phantom/preview.h"

namespace biplane::cli {
namespace {

constexpr const char* kExamples =
    "examples\n"
    "  biplane phantom --out phantom --studies 1000 --size 256\n"
    "  biplane phantom --out large --studies 9000 --test 1000 --size 96 --seed 1 --preview "
    "large/preview.png\n"
    "  biplane phantom --out new --studies 4000 --hold-out mass,tube --co-occurrence clinical "
    "--missing biased\n"
    "  biplane phantom --out pairs_of_one --studies 1000 --counterfactual --preview sheet.html\n"
    "  biplane phantom --out mimic --studies 1000 --layout mimic\n"
    "  biplane phantom --out pairs --studies 200 --layout pairs && biplane prepare pairs --root "
    "pairs --out prepared";

std::string summary_table(const PhantomSummary& summary, std::int64_t studies) {
  std::string text = fmt::format(
      "studies   {} (train {}, validate {}, test {}), {} patients, {} images\n\n{:<32} {:>8} "
      "{:>8}\n",
      studies, summary.studies.train, summary.studies.validate, summary.studies.test,
      summary.patients, summary.images, "finding", "studies", "share");
  for (const auto& [finding, count] : summary.positives) {
    text += fmt::format("{:<32} {:>8} {:>7.1f}%\n", finding, count,
                        100.0 * static_cast<double>(count) / static_cast<double>(studies));
  }
  if (summary.counterfactuals > 0)
    text += fmt::format("\ncounterfactual studies   {}\n", summary.counterfactuals);
  if (summary.minimal_pairs > 0)
    text += fmt::format("\nflipped reports          {}\n", summary.minimal_pairs);
  return text;
}

std::string summary_json(const PhantomSummary& summary, std::int64_t studies) {
  using nlohmann::ordered_json;
  ordered_json findings = ordered_json::array();
  for (const auto& [finding, count] : summary.positives)
    findings.push_back({{"finding", finding},
                        {"studies", count},
                        {"share", static_cast<double>(count) / static_cast<double>(studies)}});
  const ordered_json document = {{"studies", studies},
                                 {"splits",
                                  {{"train", summary.studies.train},
                                   {"validate", summary.studies.validate},
                                   {"test", summary.studies.test}}},
                                 {"patients", summary.patients},
                                 {"images", summary.images},
                                 {"counterfactuals", summary.counterfactuals},
                                 {"minimal_pairs", summary.minimal_pairs},
                                 {"findings", findings}};
  return document.dump(2) + "\n";
}

// The layouts with the formats of their images, the default first.
std::string layout_table() {
  std::string text = "layouts (the manifest with the truth is always written too)\n";
  for (const Layout& layout : phantom_layouts())
    text += fmt::format("  {:<11} {} ({})\n", layout.name, layout.summary,
                        fmt::join(layout.formats, ", "));
  return text + "\n";
}

// By the ending; another one is an error before anything is made.
bool is_page(const std::filesystem::path& preview) {
  const std::string ending = preview.extension().string();
  if (ending != ".png" && ending != ".html")
    throw Error(ErrorKind::kUsage, "--preview: " + preview.string() + " must end in .png or .html");
  return ending == ".html";
}

// Which findings and views studies have.
void add_content_options(CLI::App& app, PhantomOptions& options) {
  app.add_option("--missing", options.missing,
                 "independent, or biased: training studies with severe findings lack the lateral "
                 "more often")
      ->capture_default_str();
  app.add_option("--co-occurrence", options.co_occurrence,
                 "independent, or clinical: edema with cardiomegaly, lines with tubes, ...")
      ->capture_default_str();
  app.add_option("--hold-out", options.hold_out, "findings that only test studies have")
      ->delimiter(',')
      ->type_name("FINDING,FINDING");
  app.add_option("--hold-out-styles", options.hold_out_styles,
                 "acquisition styles that only test studies have")
      ->delimiter(',')
      ->type_name("STYLE,STYLE");
  app.add_flag(
      "--counterfactual", options.counterfactual,
      "also write every test study without each of its findings: OUT/counterfactual.jsonl");
  app.add_flag("--minimal-pairs", options.minimal_pairs,
               "also write reports of test studies that are wrong in one thing (negation, side, "
               "size, site): OUT/minimal_pairs.jsonl");
}

// A phantom is made again by the options that made it; anything else in its place stays.
void check_free(const PhantomOptions& options, const std::filesystem::path& out) {
  if (!std::filesystem::exists(out / "manifest.jsonl") || holds_phantom(options, out)) return;
  throw Error(ErrorKind::kUsage, out.string() +
                                     ": holds a manifest that was made otherwise, or by an "
                                     "earlier version; use another --out, or delete the folder "
                                     "first");
}

}  // namespace

int run_phantom(const Arguments& arguments) {
  PhantomOptions options;
  std::string out, preview;
  bool json = false;
  CLI::App app(
      "Makes radiographic phantom studies: one body in 3D, a frontal and a lateral view of it, a "
      "report, and the truth.",
      "biplane phantom");
  app.add_option("--out", out, "folder for manifest.jsonl, funnel.json and images")
      ->required()
      ->type_name("DIR");
  app.add_option("--studies", options.studies, "studies in all splits together")
      ->capture_default_str();
  app.add_option("--seed", options.seed, "the same seed gives the same files")
      ->capture_default_str();
  app.add_option("--size", options.size, "side of the images in pixels")->capture_default_str();
  app.add_option("--threads", options.threads, "0: one per core; the files do not depend on it")
      ->capture_default_str();
  app.add_option("--layout", options.layout, "tree and tables of a corpus, see below")
      ->capture_default_str();
  app.add_option("--format", options.format, "jpeg, png or dicom, as far as the layout has it");
  app.add_option("--test", options.test, "studies of the test split; -1: a tenth")
      ->capture_default_str();
  app.add_option("--validate", options.validate, "studies of the validate split; -1: a twentieth")
      ->capture_default_str();
  add_content_options(app, options);
  app.add_option("--preview", preview,
                 "also write a contact sheet of 24 studies: a .png picture or an .html page")
      ->type_name("FILE");
  app.add_flag("--json", json, "print the summary as JSON");
  app.footer(layout_table() + kExamples);
  if (!parse_arguments(app, arguments)) return 0;

  check_phantom(options);
  check_free(options, out);
  const bool page = !preview.empty() && is_page(preview);
  Progress progress({.label = "phantom", .unit = "studies", .total = options.studies});
  const PhantomSummary summary = write_described_phantom(options, out, &progress);
  progress.finish();
  if (!preview.empty())
    write_file_atomically(
        preview, page ? phantom_preview_html(options) : encode_png(phantom_preview(options)));
  print_result(json ? summary_json(summary, options.studies)
                    : summary_table(summary, options.studies));
  return 0;
}

}  // namespace biplane::cli

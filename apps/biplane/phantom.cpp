#include "biplane/phantom/phantom.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "apps/biplane/verbs.h"
#include "biplane/core/files.h"
#include "biplane/imaging/encode.h"
#include "biplane/phantom/preview.h"

namespace biplane::cli {
namespace {

constexpr const char* kExamples =
    "examples\n"
    "  biplane phantom --out phantom --studies 1000 --size 256\n"
    "  biplane phantom --out phantom --studies 9000 --test 1000 --size 96 --seed 1 --preview "
    "phantom/preview.png\n"
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
                                 {"findings", findings}};
  return document.dump(2) + "\n";
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
  app.add_option("--layout", options.layout, "native, or pairs: also a studies.csv")
      ->capture_default_str();
  app.add_option("--format", options.format, "jpeg or png")->capture_default_str();
  app.add_option("--test", options.test, "studies of the test split; -1: a tenth")
      ->capture_default_str();
  app.add_option("--validate", options.validate, "studies of the validate split; -1: a twentieth")
      ->capture_default_str();
  app.add_option("--preview", preview, "also write a contact sheet of some studies")
      ->type_name("PNG");
  app.add_flag("--json", json, "print the summary as JSON");
  app.footer(kExamples);
  if (!parse_arguments(app, arguments)) return 0;

  check_phantom(options);
  Progress progress({.label = "phantom", .unit = "studies", .total = options.studies});
  const PhantomSummary summary = write_phantom(options, out, &progress);
  progress.finish();
  if (!preview.empty()) write_file_atomically(preview, encode_png(phantom_preview(options)));
  print_result(json ? summary_json(summary, options.studies)
                    : summary_table(summary, options.studies));
  return 0;
}

}  // namespace biplane::cli

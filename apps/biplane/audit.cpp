#include "biplane/corpus/audit.h"

#include "apps/biplane/verbs.h"
#include "biplane/core/error.h"
#include "biplane/core/parallel.h"
#include "biplane/core/progress.h"

namespace biplane::cli {

int run_audit(const Arguments& arguments) {
  std::string manifest_path, root;
  int threads = 0;
  bool json = false;
  CLI::App app(
      "Proves that every file of a manifest exists and decodes and that no patient, image or study "
      "is in two splits, and "
      "counts the rest. Exit 1: a leak; 65: a missing or broken file.",
      "biplane audit");
  app.add_option("manifest", manifest_path, "manifest.jsonl or its folder")
      ->required()
      ->type_name("MANIFEST");
  app.add_option("--root", root, "folder of the images; default the manifest's own")
      ->type_name("DIR");
  app.add_option("--threads", threads, "0: one per core")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_flag("--json", json, "print the result as JSON");
  app.footer("example\n  biplane audit prepared/manifest.jsonl");
  if (!parse_arguments(app, arguments)) return 0;

  const Manifest manifest = Manifest::read(manifest_path, root);
  Progress progress({.label = "audit",
                     .unit = "studies",
                     .total = static_cast<std::int64_t>(manifest.studies().size())});
  const AuditReport report =
      audit(manifest, {.threads = resolve_threads(threads), .progress = &progress});
  progress.finish();
  print_result(json ? audit_json(report) : audit_table(report));
  const std::string summary = manifest.path().string() + ": " + std::to_string(report.leaks) +
                              " leaks, " + std::to_string(report.bad_files) +
                              " bad files; the first: ";
  if (report.clean()) return 0;
  for (const AuditFinding& finding : report.findings) {
    if (report.leaks > 0 && !finding.is_leak) continue;
    throw Error(report.leaks > 0 ? ErrorKind::kFailure : ErrorKind::kBadContent,
                summary + finding.kind + ": " + finding.detail);
  }
  return 0;
}

}  // namespace biplane::cli

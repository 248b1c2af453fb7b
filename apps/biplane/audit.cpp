#include "biplane/corpus/audit.h"

#include <algorithm>
#include <deque>
#include <filesystem>
#include <optional>
#include <set>

#include "apps/biplane/verbs.h"
#include "biplane/core/error.h"
#include "biplane/core/parallel.h"
#include "biplane/core/progress.h"
#include "biplane/core/share.h"
#include "biplane/corpus/check_store.h"
#include "biplane/corpus/named_manifest.h"

namespace biplane::cli {
namespace {

namespace fs = std::filesystem;

const char* const kDescription =
    "Proves that every file of a manifest exists and decodes and that nothing leaks from one split "
    "into another: no patient, no study, no image file, no re-encoded or resized copy of an image. "
    "Counts the rest. Of several manifests it also proves that the splits of one hold nothing of "
    "other splits of another. Exit 1: a leak; 65: a missing or broken file.";

const char* const kFooter =
    "CORPUS=MANIFEST says which corpus a manifest is of; without it the name of the manifest's "
    "folder is taken where it is one of share/corpora/relations.yaml. Names of patients and "
    "studies "
    "are compared where that file says that the corpora have the same ones (ms-cxr and mimic), and "
    "within one corpus; files and images are compared always.\n\n"
    "examples\n"
    "  biplane audit prepared/manifest.jsonl\n"
    "  biplane audit mimic=prepared/mimic ms-cxr=prepared/ms-cxr --allow-leak patient\n"
    "  biplane audit nih=a/manifest.jsonl rsna=b/manifest.jsonl --json\n"
    "  biplane audit prepared --checks checks --shard 0/4                (on one of four machines; "
    "then, when all are done:)\n"
    "  biplane audit prepared --checks checks";

struct Options {
  std::vector<std::string> manifests, allowed;
  std::string root, checks;
  WorkShare share;
  int threads = 0;
  bool json = false;
};

std::vector<AuditInput> name_inputs(const std::deque<NamedManifest>& manifests,
                                    const CorpusRelations& relations) {
  std::vector<AuditInput> inputs;
  for (const NamedManifest& named : manifests) {
    const auto same_corpus = [&](const NamedManifest& other) {
      return other.corpus == named.corpus;
    };
    const bool one = std::count_if(manifests.begin(), manifests.end(), same_corpus) == 1;
    // Manifests of an unknown corpus have the same patients where they lie in the same folder.
    const fs::path folder = fs::absolute(named.manifest.path()).parent_path();
    inputs.push_back({&named.manifest, one && !named.corpus.empty() ? named.corpus : named.given,
                      named.corpus.empty() ? "folder " + folder.lexically_normal().string()
                                           : relations.name_space(named.corpus),
                      &relations});
  }
  if (inputs.size() == 1) inputs[0].name.clear();
  return inputs;
}

bool names_patients_of(const NamedManifest& named, const std::string& corpus) {
  const std::vector<StudySummary>& studies = named.manifest.summaries();
  return std::any_of(studies.begin(), studies.end(),
                     [&](const StudySummary& study) { return study.patient_in.contains(corpus); });
}

// What an audit of several manifests cannot see, one sentence each.
std::set<std::string> blind_spots(const std::deque<NamedManifest>& manifests,
                                  const CorpusRelations& relations) {
  std::set<std::string> notes;
  for (const NamedManifest& a : manifests) {
    if (manifests.size() > 1 && a.corpus.empty()) {
      notes.insert(a.given +
                   ": its corpus is not known, so its patients are compared with those of its own "
                   "folder only; say CORPUS=" +
                   a.given);
    }
    if (!a.corpus.empty() && !relations.knows(a.corpus)) {
      notes.insert("the corpus '" + a.corpus +
                   "' is not known: its patients are compared with those of the same name only" +
                   did_you_mean(a.corpus, relations.corpora()));
    }
    for (const NamedManifest& b : manifests) {
      if (a.corpus >= b.corpus || !relations.share_patients(a.corpus, b.corpus)) continue;
      if (relations.name_space(a.corpus) == relations.name_space(b.corpus)) continue;
      if (names_patients_of(a, b.corpus) || names_patients_of(b, a.corpus)) continue;
      notes.insert(a.corpus + " and " + b.corpus +
                   " have patients in common under other names: only their images tell");
    }
  }
  return notes;
}

std::optional<Options> parse(const Arguments& arguments) {
  Options options;
  CLI::App app(kDescription, "biplane audit");
  app.add_option("manifest", options.manifests, "manifest.jsonl or its folder, one or several")
      ->required()
      ->type_name("[CORPUS=]MANIFEST");
  app.add_option("--root", options.root,
                 "folder of the images; default the manifest's own; with one manifest only")
      ->type_name("DIR");
  app.add_option("--allow-leak", options.allowed,
                 "patient, study, image or copy: a leak of this kind is shown but no failure; may "
                 "be given several times")
      ->type_name("KIND")
      ->allow_extra_args(false);
  app.add_option("--threads", options.threads, "0: one per core")
      ->check(non_negative())
      ->capture_default_str();
  app.add_option("--checks", options.checks,
                 "folder that keeps what was found out about each image, so that an audit that was "
                 "interrupted goes on; files that changed are read again")
      ->type_name("DIR");
  add_shard_option(app, options.share, "of the images, into --checks; print no result");
  app.add_flag("--json", options.json, "print the result as JSON");
  app.footer(kFooter);
  if (!parse_arguments(app, arguments)) return std::nullopt;
  if (!options.root.empty() && options.manifests.size() > 1)
    throw Error(ErrorKind::kUsage, "--root: with one manifest only");
  if (!options.share.is_all() && options.checks.empty())
    throw Error(ErrorKind::kUsage, "--shard: needs --checks, the folder that all parts share");
  const std::vector<std::string> kinds(kLeakKinds.begin(), kLeakKinds.end());
  for (const std::string& kind : options.allowed) {
    if (std::find(kinds.begin(), kinds.end(), kind) != kinds.end()) continue;
    throw Error(ErrorKind::kUsage,
                "--allow-leak: unknown kind '" + kind + "'" +
                    did_you_mean(kind, kinds, "; the kinds are patient, study, image, copy"));
  }
  return options;
}

// Throws the Error that the exit code follows from: for the first leak, else the first bad file.
void refuse_unclean(const AuditReport& report, const std::string& manifests) {
  for (const AuditFinding& finding : report.findings) {
    if (finding.allowed || (report.leaks > 0 && !finding.is_leak)) continue;
    throw Error(report.leaks > 0 ? ErrorKind::kFailure : ErrorKind::kBadContent,
                manifests + ": " + std::to_string(report.leaks) + " leaks, " +
                    std::to_string(report.bad_files) + " bad files; the first: " + finding.kind +
                    ": " + finding.detail);
  }
}

}  // namespace

int run_audit(const Arguments& arguments) {
  const std::optional<Options> options = parse(arguments);
  if (!options) return 0;
  const CorpusRelations relations = CorpusRelations::read(share_file("corpora/relations.yaml"));
  std::deque<NamedManifest> manifests;
  std::int64_t images = 0;
  std::string paths;
  for (const std::string& argument : options->manifests) {
    const NamedManifest& named =
        manifests.emplace_back(read_named_manifest(argument, options->root, relations));
    for (const StudySummary& study : named.manifest.summaries()) images += study.views;
    paths += (paths.empty() ? "" : ", ") + named.manifest.path().string();
  }
  const std::vector<AuditInput> inputs = name_inputs(manifests, relations);
  Progress progress({.label = "audit", .unit = "images", .total = images});
  std::optional<CheckStore> checks;
  if (!options->checks.empty()) checks.emplace(options->checks, options->share);
  const AuditOptions how = {.threads = resolve_threads(options->threads),
                            .progress = &progress,
                            .allowed = options->allowed,
                            .checks = checks ? &*checks : nullptr};
  if (!options->share.is_all()) {
    audit_shard(inputs, how, options->share);
    return 0;
  }
  AuditReport report = audit(inputs, how);
  progress.finish();
  for (const std::string& note : blind_spots(manifests, relations)) report.notes.push_back(note);
  print_result(options->json ? audit_json(report) : audit_table(report));
  refuse_unclean(report, paths);
  return 0;
}

}  // namespace biplane::cli

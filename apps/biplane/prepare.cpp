#include <cstdio>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "apps/biplane/prepare_options.h"
#include "apps/biplane/verbs.h"
#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/core/folder_lock.h"
#include "biplane/core/progress.h"
#include "biplane/corpus/check_store.h"
#include "biplane/corpus/corpora/corpus.h"
#include "biplane/corpus/manifest.h"
#include "biplane/corpus/named_manifest.h"

namespace biplane::cli {
namespace {

namespace fs = std::filesystem;

// A folder that is not the corpus: shows what it would look like.
void check_root_or_show(const Corpus& corpus, const fs::path& root) {
  try {
    check_root(corpus, root);
  } catch (const Error&) {
    std::fprintf(stderr, "files of %s under --root:\n%s", corpus.name, corpus.tree);
    throw;
  }
}

// Who a task would train on, choose by and test on.
std::string splits_line(const std::vector<Study>& studies) {
  std::map<Split, std::int64_t> counts;
  for (const Study& study : studies) ++counts[study.split];
  std::string text;
  for (const auto& [split, count] : counts)
    text += std::string(text.empty() ? "splits   " : ", ") + split_name(split) + " " +
            std::to_string(count);
  return text.empty() ? text : text + "\n";
}

// A manifest of other studies is not written over.
void check_out(const fs::path& out, const std::string& corpus) {
  const fs::path manifest = out / "manifest.jsonl";
  const std::string before = fs::exists(manifest) ? prepared_corpus(manifest) : std::string();
  if (before.empty() || before == corpus) return;
  throw Error(ErrorKind::kUsage, manifest.string() + ": is the manifest of " + before +
                                     "; choose another --out for " + corpus);
}

int prepare(PrepareCommand& command) {
  const Corpus& corpus = find_corpus(command.corpus);
  const fs::path out = command.options.out;
  PrepareOptions& options = command.options;
  check_root_or_show(corpus, options.root);
  check_out(out, corpus.name);
  Progress progress({.label = "prepare " + command.corpus, .unit = "images"});
  options.progress = &progress;
  CheckStore checks(out, options.share);
  options.checks = &checks;
  if (!options.share.is_all()) {
    prepare_corpus(corpus, options);
    return 0;
  }
  const FolderLock lock(out);
  ManifestWriter manifest(
      out / "manifest.jsonl");  // first, so that a folder that cannot be written fails at once
  PreparedCorpus prepared = prepare_corpus(corpus, options);
  prepared.funnel.record(kCorpusChoice, corpus.name);
  progress.finish();
  fs::remove(out / "manifest.jsonl");  // an older one must not stand beside this funnel
  prepared.funnel.write(out / "funnel.json");
  print_result(command.json ? prepared.funnel.json()
                            : prepared.funnel.table() + splits_line(prepared.studies));
  prepared.funnel.check_bad(command.max_bad);
  if (prepared.studies.empty()) {
    throw Error(ErrorKind::kBadContent, options.root.string() + ": no study is left whole; " +
                                            (out / "funnel.json").string() + " says why");
  }
  for (const Study& study : prepared.studies) manifest.write(study);
  manifest.finish();
  checks.remove();
  return 0;
}

}  // namespace

int run_prepare(const Arguments& arguments) {
  std::optional<PrepareCommand> command = parse_prepare(arguments);
  return command ? prepare(*command) : 0;
}

}  // namespace biplane::cli

#include "biplane/eval/suite.h"

#include <algorithm>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/core/folder_lock.h"
#include "biplane/eval/evaluation.h"
#include "biplane/eval/json_lines.h"
#include "biplane/eval/origin.h"
#include "biplane/eval/suite_parts.h"
#include "biplane/eval/suite_report.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// Does it, and names the head in its errors, of whatever kind.
template <class Work>
auto named(const SuiteHead& head, const Work& work) {
  const std::string name = "--finetune " + head.corpus + "=" + head.protocol + ": ";
  try {
    return work();
  } catch (const Error& error) {
    throw Error(error.kind(), name + error.what());
  } catch (const std::exception& error) {  // out of memory, on a device too
    const std::string text = error.what();
    throw Error(ErrorKind::kFailure, name + text.substr(0, text.find('\n')));
  }
}

class Suite {
 public:
  Suite(const SuiteOptions& options, Progress* progress) : options_(options), progress_(progress) {
    const fs::path& out = options.evaluate.out;
    result_.results_file = out / "results.jsonl";
    result_.report_file = out / "report.html";
    result_.csv_file = out / "results.csv";
    result_.latex_file = out / "table.tex";
  }

  void measure(const EvaluateOptions& manifest) {
    const Json& terms = terms_[manifest.corpus] = part_terms(manifest);
    std::optional<Evaluation> evaluation;  // only where a part is missing
    SuiteResult::Corpus corpus{manifest.corpus};
    for (const std::string& task : manifest.tasks) {
      const auto part = part_of(manifest.corpus, task, part_key(terms, task), [&] {
        if (!evaluation) evaluation.emplace(manifest, progress_);
        return std::optional(measure_part(*evaluation, task));
      });
      corpus = {manifest.corpus, part->studies, part->broken};  // all parts have the same
    }
    result_.corpora.push_back(corpus);
  }

  // False where it was stopped.
  bool train(const SuiteHead& head, const EvaluateOptions& manifest) {
    Json terms = head_terms(head, terms_.at(head.corpus));
    // More seeds and other repeats go on in the same folder.
    terms["several"] = !head.seeds.empty();
    const fs::path out = options_.evaluate.out / "heads" /
                         part_name(head.corpus, head.protocol, part_key(terms, head.protocol));
    terms["seeds"] = head.seeds;
    terms["bootstrap"] = manifest.bootstrap;
    const std::string key = part_key(terms, head.protocol);
    bool failed = false;
    const auto make = [&]() -> std::optional<SuitePart> {
      try {
        return named(head, [&] { return head.run(manifest, out); });
      } catch (const Error& error) {
        failed = true;
        note_failure(head, error);
        return std::nullopt;
      }
    };
    result_.stopped = !part_of(head.corpus, head.protocol, key, make, /*of_head=*/true) && !failed;
    return !result_.stopped;
  }

  SuiteResult stopped() { return std::move(result_); }

  SuiteResult finish(const std::vector<ReferenceFigure>& references) {
    const ResultOrigin origin = common_origin();
    SuiteContent content{run_of(options_.evaluate.model).filename().string(), result_.rows,
                         references, result_.notes, origin};
    for (std::string& note : reference_notes(content)) result_.notes.push_back(std::move(note));
    content.notes = result_.notes;
    write_file_atomically(result_.report_file, suite_page(content));
    write_file_atomically(result_.csv_file, suite_csv(content));
    write_file_atomically(result_.latex_file, suite_latex(content));
    return std::move(result_);
  }

 private:
  static SuitePart measure_part(Evaluation& evaluation, const std::string& task) {
    EvaluationOutput output;
    output.notes = evaluation.notes();
    evaluation.run(task, output);
    SuitePart part{std::move(output.notes), {}, evaluation.studies(), evaluation.broken()};
    const ResultOrigin origin = evaluation.origin();
    for (const ResultRow& row : output.rows) part.lines.push_back(result_to_json(row, origin));
    return part;
  }

  // Of a corpus: read where it was done before, else made. Nothing where the making was stopped.
  std::optional<SuitePart> part_of(const std::string& corpus, const std::string& name,
                                   const std::string& key,
                                   const std::function<std::optional<SuitePart>()>& make,
                                   bool of_head = false) {
    const fs::path file =
        options_.evaluate.out / "parts" / (part_name(corpus, name, key) + ".jsonl");
    std::optional<SuitePart> part = read_part(file);
    const bool before = part.has_value();
    if (!before) {
      part = make();
      if (!part) return std::nullopt;
      write_part(file, *part);
    }
    (before ? result_.kept : result_.measured) += 1;
    append_missing_lines(result_.results_file, part->lines);
    take(*part, of_head ? corpus + ", " + name : corpus);
    if (options_.log)
      options_.log(corpus + ", " + name +
                   (part->lines.empty() ? ": nothing to measure"
                    : before            ? " was done"
                                        : " done"));
    return part;
  }

  void note_failure(const SuiteHead& head, const Error& error) {
    result_.notes.push_back(head.corpus + ": failed: " + error.what());
    if (options_.log) options_.log(result_.notes.back());
    if (!result_.failure) result_.failure = error;
  }

  // `of`: what its notes are of.
  void take(const SuitePart& part, const std::string& of) {
    for (const std::string& line : part.lines) {
      result_.rows.push_back(result_from_json(line));
      result_.lines.push_back(line);
    }
    for (const std::string& note : part.notes) {
      const std::string named = of + ": " + note;
      if (std::find(result_.notes.begin(), result_.notes.end(), named) == result_.notes.end())
        result_.notes.push_back(named);
    }
  }

  // What the rows of the model itself have in common; heads, which have weights of their own, come
  // last.
  ResultOrigin common_origin() const {
    ResultOrigin origin;
    origin.code = options_.evaluate.code;
    if (result_.lines.empty()) return origin;
    const Json json = Json::parse(result_.lines.front());
    origin.weights_sha256 = json.value("weights_sha256", "");
    origin.preprocess_sha256 = json.value("preprocess_sha256", "");
    return origin;
  }

  const SuiteOptions& options_;
  Progress* progress_;
  std::map<std::string, Json> terms_;  // of each corpus: hashing weights takes long
  SuiteResult result_;
};

// Options of every manifest. Two of one corpus would stand in the tables as one.
std::vector<EvaluateOptions> each_manifest(const SuiteOptions& options) {
  if (options.manifests.empty()) throw Error(ErrorKind::kUsage, "--suite needs a --manifest");
  std::vector<EvaluateOptions> each;
  std::set<std::string> corpora;
  for (const fs::path& manifest : options.manifests) {
    each.push_back(options.evaluate);
    each.back().manifest = manifest;
    each.back().corpus = corpus_of(manifest);
    if (!fs::exists(manifest_file(manifest)))
      throw Error(ErrorKind::kMissingInput, manifest.string() + ": no such manifest");
    if (!corpora.insert(each.back().corpus).second)
      throw Error(ErrorKind::kUsage, "--manifest " + manifest.string() + ": '" +
                                         each.back().corpus +
                                         "' is the name of two folders; rename one, the rows "
                                         "name a corpus by its folder");
  }
  return each;
}

// The manifest of each head.
std::vector<const EvaluateOptions*> manifests_of_heads(const SuiteOptions& options,
                                                       const std::vector<EvaluateOptions>& each) {
  std::vector<const EvaluateOptions*> found;
  std::set<std::pair<std::string, std::string>> heads;
  for (const SuiteHead& head : options.heads) {
    const std::string given = head.corpus + "=" + head.protocol;
    const auto manifest =
        std::find_if(each.begin(), each.end(),
                     [&](const EvaluateOptions& options) { return options.corpus == head.corpus; });
    if (manifest == each.end()) {
      std::string names;
      for (const EvaluateOptions& options : each)
        names += (names.empty() ? "" : ", ") + options.corpus;
      throw Error(ErrorKind::kUsage, "--finetune " + given + ": no manifest of '" + head.corpus +
                                         "' is measured; there are: " + names);
    }
    if (!heads.emplace(head.corpus, head.protocol).second)
      throw Error(ErrorKind::kUsage, "--finetune " + given + ": stands there twice");
    found.push_back(&*manifest);
  }
  return found;
}

}  // namespace

const std::vector<std::string>& suite_tasks() {
  static const std::vector<std::string> kTasks{
      "zero_shot", "supervised", "linear",        "finetune",    "segmentation", "detection",
      "retrieval", "grounding",  "minimal_pairs", "calibration", "subgroups"};
  return kTasks;
}

SuiteResult run_suite(const SuiteOptions& options, Progress* progress) {
  if (!options.evaluate.against.empty())
    throw Error(ErrorKind::kUsage, "--against: a suite measures one model; leave out --suite");
  Evaluation::check(options.evaluate);
  const std::vector<EvaluateOptions> each = each_manifest(options);
  const std::vector<const EvaluateOptions*> head_manifests = manifests_of_heads(options, each);
  std::vector<ReferenceFigure> references;  // read before the work: it may be wrong
  if (!options.reference.empty()) references = read_reference_figures(options.reference);
  make_folder(options.evaluate.out / "parts");
  const FolderLock lock(options.evaluate.out);
  for (std::size_t i = 0; i < options.heads.size(); ++i)
    named(options.heads[i], [&] { options.heads[i].check(*head_manifests[i]); });
  Suite suite(options, progress);
  for (const EvaluateOptions& manifest : each) suite.measure(manifest);
  for (std::size_t i = 0; i < options.heads.size(); ++i)
    if (!suite.train(options.heads[i], *head_manifests[i])) return suite.stopped();
  return suite.finish(references);
}

}  // namespace biplane

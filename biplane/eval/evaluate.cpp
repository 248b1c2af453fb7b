#include "biplane/eval/evaluate.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <set>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/corpus/exclusion.h"
#include "biplane/eval/detection.h"
#include "biplane/eval/grounding.h"
#include "biplane/eval/head_evaluator.h"
#include "biplane/eval/modules.h"
#include "biplane/eval/origin.h"
#include "biplane/eval/report.h"
#include "biplane/eval/retrieval.h"
#include "biplane/eval/segmentation.h"
#include "biplane/eval/supervised.h"
#include "biplane/eval/zero_shot.h"
#include "biplane/model/model_card.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBrokenNamed = 3;  // broken studies named in the notes

std::vector<std::unique_ptr<Evaluator>> make_evaluators(const std::vector<std::string>& tasks) {
  std::vector<std::unique_ptr<Evaluator>> evaluators;
  for (const std::string& task : tasks) {
    if (task == "zero_shot") {
      evaluators.push_back(std::make_unique<ZeroShotEvaluator>());
    } else if (task == "retrieval") {
      evaluators.push_back(std::make_unique<RetrievalEvaluator>());
    } else if (task == "grounding") {
      evaluators.push_back(std::make_unique<GroundingEvaluator>());
    } else if (task == "supervised") {
      evaluators.push_back(std::make_unique<SupervisedEvaluator>());
    } else if (task == "modules") {
      evaluators.push_back(std::make_unique<ModulesEvaluator>());
    } else if (task == "linear" || task == "finetune") {
      evaluators.push_back(std::make_unique<HeadEvaluator>(task));
    } else if (task == "segmentation") {
      evaluators.push_back(std::make_unique<SegmentationEvaluator>());
    } else if (task == "detection") {
      evaluators.push_back(std::make_unique<DetectionEvaluator>());
    } else {
      throw Error(ErrorKind::kUsage,
                  "--tasks: '" + task +
                      "' is none of: zero_shot, retrieval, grounding, supervised, modules, linear, "
                      "finetune, segmentation, detection");
    }
  }
  return evaluators;
}

std::set<std::string> labels_of(const Manifest& manifest) {
  std::set<std::string> labels;
  for (std::int64_t i = 0; i < manifest.size(); ++i) {
    const Study study = manifest.study(i);
    for (const auto& [label, value] : study.labels) labels.insert(label);
  }
  return labels;
}

// Number of findings of a prompt set that some study has a label for.
std::int64_t known_findings(const PromptSet& prompts, const std::set<std::string>& labels) {
  return std::count_if(prompts.classes.begin(), prompts.classes.end(),
                       [&](const auto& one) { return labels.contains(one.finding); });
}

// The prompts asked for, else those of the model that know most of the corpus's labels.
std::optional<PromptSet> choose_prompts(const EvaluateOptions& options,
                                        const ModelDescription& model, const Manifest& manifest) {
  if (!options.prompts.empty()) return read_prompts(options.prompts);
  const std::set<std::string> labels = labels_of(manifest);
  std::optional<PromptSet> best;
  std::int64_t most = 0;
  for (const fs::path& file : model.prompts) {
    PromptSet prompts = read_prompts(file);
    const std::int64_t known = known_findings(prompts, labels);
    if (known <= most) continue;
    most = known;
    best = std::move(prompts);
  }
  return best;
}

std::string corpus_name(const EvaluateOptions& options) {
  return options.corpus.empty() ? corpus_of(options.manifest) : options.corpus;
}

std::string split_text(const StudyFilter& filter) {
  return filter.split.empty() ? "all" : filter.split;
}

ResultOrigin make_origin(const EvaluateOptions& options, const EvaluationInput& input) {
  ResultOrigin origin =
      model_origin(input.engine, options.model, input.manifest, input.features.studies);
  if (input.prompts != nullptr) origin.prompts_sha256 = input.prompts->sha256;
  origin.code = options.code;
  return origin;
}

void note_broken(const StudyFeatures& features, std::vector<std::string>& notes) {
  if (features.broken.empty()) return;
  std::string note = std::to_string(features.broken.size()) +
                     " studies were left out because an image cannot be read";
  for (std::size_t i = 0; i < std::min(kBrokenNamed, features.broken.size()); ++i)
    note += "; " + features.broken[i].reason;
  notes.push_back(note);
}

void describe(const EvaluateOptions& options, const EvaluationInput& input, ReportData& report) {
  const ModelDescription& model = input.engine.description();
  std::set<std::string> patients;
  for (const std::int64_t index : input.features.studies)
    patients.insert(input.manifest.summary(index).patient_id);
  report.title = run_of(options.model).filename().string() + " on " + corpus_name(options);
  report.facts = {
      {"Model", run_of(options.model).filename().string()},
      {"Corpus", corpus_name(options) + ", split " + split_text(options.studies)},
      {"Studies", std::to_string(input.features.size())},
      {"With both views",
       std::to_string(
           (input.features.has_frontal & input.features.has_lateral).sum().item<std::int64_t>())},
      {"Patients", std::to_string(patients.size())},
      {"Trained on", training_summary(model.provenance)},
      {"Intervals", std::to_string(options.bootstrap) + " bootstrap repeats over patients, 95 %"}};
  if (input.prompts != nullptr) {
    report.facts.emplace_back(
        "Prompts", input.prompts->name + ", version " + std::to_string(input.prompts->version));
  }
  report.learning = read_learning_curves(run_of(options.model));
}

void write_all(const EvaluateOptions& options, const EvaluationOutput& output,
               EvaluateResult& result) {
  result.results_file = options.out / "results.jsonl";
  result.report_file = options.out / "report.html";
  append_results(result.results_file, result.rows, result.origin);
  write_file_atomically(result.report_file,
                        render_report({output.report, result.rows, result.notes, result.origin}));
}

}  // namespace

EvaluateResult evaluate(const EvaluateOptions& options, Progress* progress) {
  const std::vector<std::unique_ptr<Evaluator>> evaluators = make_evaluators(options.tasks);
  if (options.pool < 2 || options.bootstrap < 1) {
    throw Error(ErrorKind::kUsage, "--pool must be 2 or more and --bootstrap 1 or more");
  }
  const Manifest manifest = Manifest::read(options.manifest, options.root);
  const PatientExclusion exclusion = exclude_patients(manifest, options.exclude_patients_of);
  make_folder(options.out);  // before the work: a folder that cannot be made must not cost minutes
  const std::vector<std::int64_t> chosen =
      select_studies(manifest, options.studies, exclusion.studies);
  if (chosen.empty()) {
    throw Error(ErrorKind::kUsage, manifest.path().string() + ": no study of split '" +
                                       split_text(options.studies) +
                                       "' is left to evaluate; --split all takes every one");
  }
  const Engine engine = Engine::open(options.model, {.threads = options.threads});
  const std::optional<PromptSet> prompts = choose_prompts(options, engine.description(), manifest);
  const StudyFeatures features = engine.encode(manifest, chosen, progress);
  const std::vector<Study> studies = manifest.studies(features.studies);
  EvaluationInput input{
      .engine = engine, .manifest = manifest, .features = features, .studies = studies};
  input.prompts = prompts ? &*prompts : nullptr;
  input.pool = options.pool;
  input.bootstrap.repeats = options.bootstrap;
  input.bootstrap.draws = options.draws;

  EvaluationOutput output;
  output.notes = exclusion.lines();
  note_broken(features, output.notes);
  for (const std::unique_ptr<Evaluator>& evaluator : evaluators) evaluator->run(input, output);
  for (ResultRow& row : output.rows) {
    row.corpus = corpus_name(options);
    row.split = split_text(options.studies);
  }
  describe(options, input, output.report);
  EvaluateResult result;
  result.origin = make_origin(options, input);
  result.rows = std::move(output.rows);
  result.notes = std::move(output.notes);
  result.studies = static_cast<std::int64_t>(chosen.size());
  result.broken = static_cast<std::int64_t>(features.broken.size());
  write_all(options, output, result);
  return result;
}

}  // namespace biplane

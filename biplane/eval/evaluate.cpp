#include "biplane/eval/evaluate.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <set>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/core/one_of.h"
#include "biplane/core/share.h"
#include "biplane/corpus/exclusion.h"
#include "biplane/corpus/exposure.h"
#include "biplane/corpus/named_manifest.h"
#include "biplane/eval/choosing_studies.h"
#include "biplane/eval/detection.h"
#include "biplane/eval/evaluation.h"
#include "biplane/eval/grounding.h"
#include "biplane/eval/head_evaluator.h"
#include "biplane/eval/minimal_pairs.h"
#include "biplane/eval/model_comparison.h"
#include "biplane/eval/modules.h"
#include "biplane/eval/origin.h"
#include "biplane/eval/prompt_choice.h"
#include "biplane/eval/report.h"
#include "biplane/eval/retrieval.h"
#include "biplane/eval/score_evaluators.h"
#include "biplane/eval/segmentation.h"
#include "biplane/eval/subgroups.h"
#include "biplane/eval/supervised.h"
#include "biplane/eval/zero_shot.h"
#include "biplane/model/model_card.h"
#include "biplane/nn/one_thread.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBrokenNamed = 3;  // broken studies named in the notes

std::unique_ptr<Evaluator> make_evaluator(const std::string& task) {
  if (task == "zero_shot") return std::make_unique<ZeroShotEvaluator>();
  if (task == "retrieval") return std::make_unique<RetrievalEvaluator>();
  if (task == "grounding") return std::make_unique<GroundingEvaluator>();
  if (task == "supervised") return std::make_unique<SupervisedEvaluator>();
  if (task == "modules") return std::make_unique<ModulesEvaluator>();
  if (task == "minimal_pairs") return std::make_unique<MinimalPairEvaluator>();
  if (task == "calibration") return std::make_unique<CalibrationEvaluator>();
  if (task == "subgroups") return std::make_unique<SubgroupEvaluator>();
  if (task == "linear" || task == "finetune") return std::make_unique<HeadEvaluator>(task);
  if (task == "segmentation") return std::make_unique<SegmentationEvaluator>();
  if (task == "detection") return std::make_unique<DetectionEvaluator>();
  throw Error(ErrorKind::kUsage,
              "--tasks: '" + task +
                  "' is none of: zero_shot, retrieval, grounding, supervised, modules, "
                  "minimal_pairs, calibration, subgroups, linear, finetune, segmentation, "
                  "detection");
}

std::string corpus_name(const EvaluateOptions& options) {
  return options.corpus.empty() ? corpus_of(options.manifest) : options.corpus;
}

// The name of a run, with that of its folder where the other one has the same name (seed-42).
std::string name_beside(const fs::path& run, const fs::path& other) {
  const fs::path whole = run_of(run);
  const std::string name = whole.filename().string();
  return name == run_of(other).filename().string()
             ? whole.parent_path().filename().string() + "/" + name
             : name;
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
  if (!options.against.empty())
    report.facts.emplace_back("Compared with", name_beside(options.against, options.model));
  report.learning = read_learning_curves(run_of(options.model));
}

// Thresholds that the test chose would say nothing about other studies.
void check_choice(const EvaluateOptions& options) {
  if (options.choose_on == "train" || options.choose_on == "validate") return;
  throw Error(ErrorKind::kUsage,
              "--choose-on " + options.choose_on +
                  ": thresholds and calibration are chosen on the split validate (or train), never "
                  "on the test");
}

void check_groups(const EvaluateOptions& options) {
  std::set<std::string> named;
  for (const std::string& field : options.subgroups) {
    require_one_of("--subgroups", field, manifest_groups());
    if (!named.insert(field).second)
      throw Error(ErrorKind::kUsage, "--subgroups names '" + field + "' twice");
  }
}

void write_all(const EvaluateOptions& options, const EvaluationOutput& output,
               EvaluateResult& result) {
  result.results_file = options.out / "results.jsonl";
  result.report_file = options.out / "report.html";
  append_results(result.results_file, result.rows, result.origin);
  write_file_atomically(result.report_file,
                        render_report({output.report, result.rows, result.notes, result.origin}));
}

std::string exposed_note(const std::string& exposed) {
  if (exposed == "full") return "exposed: training has seen all images of this corpus or split";
  if (exposed == "part") return "exposed: training may have seen some images of this corpus";
  if (exposed == "train") return "exposed: training has seen the training split of this corpus";
  return {};
}

}  // namespace

struct Evaluation::State {
  State(const EvaluateOptions& asked, Progress* progress)
      : options(asked),
        manifest(Manifest::read(options.manifest, options.root)),
        exclusion(exclude_patients(manifest, options.exclude_patients_of)),
        chosen(choose(options, manifest, exclusion)),
        choosing(select_choosing(options, manifest, chosen)),
        engine(Engine::open(options.model, {.threads = options.threads})),
        prompts(prompts_of(engine, options, manifest)),
        against(open_against(options, manifest)),
        features(engine.encode(manifest, chosen, progress)),
        studies(manifest.studies(features.studies)),
        input{.engine = engine, .manifest = manifest, .features = features, .studies = studies} {
    input.prompts = prompts ? &*prompts : nullptr;
    input.pool = options.pool;
    input.gradient_studies = options.gradient_studies;
    input.bootstrap.repeats = options.bootstrap;
    input.bootstrap.draws = options.draws;
    input.at_sensitivity = options.at_sensitivity;
    input.at_specificity = options.at_specificity;
    input.subgroups = options.subgroups;
    input.group_table = options.group_table;
    input.smallest_subgroup = options.smallest_subgroup;
    const CorpusRelations relations = CorpusRelations::read(share_file("corpora/relations.yaml"));
    const std::string corpus = counted_corpus(options.corpus, manifest.path(), relations),
                      split = split_text(options.studies);
    exposed = exposure_of(relations, corpus, split, engine.description().provenance.corpora);
    if (against)
      against_exposed =
          exposure_of(relations, corpus, split, against->engine.description().provenance.corpora);
    task = read_task(engine.package().folder);
    if (task) head_exposed = exposure_of(relations, corpus, split, task->start.corpora);
  }

  static std::vector<std::int64_t> choose(const EvaluateOptions& options, const Manifest& manifest,
                                          const PatientExclusion& exclusion) {
    make_folder(options.out);  // now: a folder that cannot be made must not cost minutes
    std::vector<std::int64_t> chosen = select_studies(manifest, options.studies, exclusion.studies);
    if (chosen.empty()) {
      throw Error(ErrorKind::kUsage, manifest.path().string() + ": no study of split '" +
                                         split_text(options.studies) +
                                         "' is left to evaluate; --split all takes every one");
    }
    return chosen;
  }

  static std::optional<PromptSet> prompts_of(const Engine& engine, const EvaluateOptions& options,
                                             const Manifest& manifest) {
    return choose_prompts({options.prompts, engine.description().prompts, corpus_name(options)},
                          manifest);
  }

  // Now: that the other model is missing or damaged must not cost minutes.
  static std::optional<ComparedModel> open_against(const EvaluateOptions& options,
                                                   const Manifest& manifest) {
    if (options.against.empty()) return std::nullopt;
    Engine engine = Engine::open(options.against, {.threads = options.threads});
    std::optional<PromptSet> prompts = prompts_of(engine, options, manifest);
    return ComparedModel{name_beside(options.against, options.model), std::move(engine),
                         std::move(prompts)};
  }

  // Now: that patients cannot be told apart must not cost minutes.
  static std::optional<ChoosingStudies> select_choosing(const EvaluateOptions& options,
                                                        const Manifest& manifest,
                                                        const std::vector<std::int64_t>& chosen) {
    if (std::count(options.tasks.begin(), options.tasks.end(), "calibration") == 0)
      return std::nullopt;
    return ChoosingStudies(options, manifest, chosen);
  }

  // The features of the studies that choose, read when they are first needed.
  void add_choosing(std::vector<std::string>& notes) {
    if (!choosing) choosing.emplace(options, manifest, chosen);
    choosing->encode(engine);
    if (choosing->left_out > 0)
      notes.push_back("calibration: " + std::to_string(choosing->left_out) +
                      " studies of the split '" + options.choose_on +
                      "' choose nothing, their patients are measured or, under other names, "
                      "their images");
    if (choosing->studies.empty()) return;
    choosing_input.emplace(EvaluationInput{.engine = engine,
                                           .manifest = choosing->manifest,
                                           .features = choosing->features,
                                           .studies = choosing->studies});
    choosing_input->prompts = input.prompts;
    input.choosing = &*choosing_input;
  }

  // First, for all that follows: what shares work between threads does so itself, and the rest is
  // small, so threads within an operation would only wait for cores that others use.
  OneThreadPerOperation one_thread;
  EvaluateOptions options;
  Manifest manifest;
  PatientExclusion exclusion;
  std::vector<std::int64_t> chosen;
  std::optional<ChoosingStudies> choosing;
  Engine engine;
  std::optional<PromptSet> prompts;
  std::optional<ComparedModel> against;
  StudyFeatures features;
  std::vector<Study> studies;
  EvaluationInput input;
  std::optional<EvaluationInput> choosing_input;
  std::string exposed;  // of the model, its fine-tuning too
  std::string against_exposed;
  std::optional<TaskDescription> task;
  std::string head_exposed;  // of what the fine-tuning began with
};

Evaluation::Evaluation(const EvaluateOptions& options, Progress* progress)
    : state_(std::make_unique<State>(options, progress)) {}
Evaluation::~Evaluation() = default;

void Evaluation::check(const EvaluateOptions& options) {
  for (const std::string& task : options.tasks) make_evaluator(task);
  if (options.pool < 2) throw Error(ErrorKind::kUsage, "--pool must be 2 or more");
  check_repeats(options.bootstrap);
  check_choice(options);
  check_groups(options);
}

void Evaluation::run(const std::string& task, EvaluationOutput& output) {
  if (task == "calibration") state_->add_choosing(output.notes);
  run(*make_evaluator(task), output);
}

void Evaluation::compare(EvaluationOutput& output, Progress* progress) {
  if (!state_->against) return;
  if (const std::string note = exposed_note(state_->against_exposed); !note.empty())
    output.notes.push_back("comparison: of " + state_->against->name + ", " + note);
  run(ModelComparison(*state_->against, progress), output);
}

void Evaluation::run(const Evaluator& evaluator, EvaluationOutput& output) {
  const State& state = *state_;
  const std::size_t before = output.rows.size();
  evaluator.run(state.input, output);
  const std::string split = split_text(state.options.studies);
  bool of_head = false;
  for (std::size_t i = before; i < output.rows.size(); ++i) {
    output.rows[i].corpus = corpus_name(state.options);
    output.rows[i].split = split;
    output.rows[i].exposed = state.exposed;
    if (!state.task || !is_of_head(output.rows[i], state.task->task)) continue;
    of_head = true;
    say_training(state.task->start, state.head_exposed, output.rows[i]);
  }
  if (of_head && split != "test")
    output.notes.push_back(state.task->task + ": figures of the split " + split +
                           ", not of the test: epoch and thresholds of the head may have been "
                           "chosen on these studies, or it was trained on them");
}

ResultOrigin Evaluation::origin() const { return make_origin(state_->options, state_->input); }

std::vector<std::string> Evaluation::notes() const {
  std::vector<std::string> notes = state_->exclusion.lines();
  note_broken(state_->features, notes);
  if (const std::string note = exposed_note(state_->exposed); !note.empty()) notes.push_back(note);
  return notes;
}

std::int64_t Evaluation::studies() const {
  return static_cast<std::int64_t>(state_->chosen.size());
}
std::int64_t Evaluation::broken() const {
  return static_cast<std::int64_t>(state_->features.broken.size());
}

void Evaluation::describe(ReportData& report) const {
  biplane::describe(state_->options, state_->input, report);
}

EvaluateResult evaluate(const EvaluateOptions& options, Progress* progress) {
  Evaluation::check(options);
  Evaluation evaluation(options, progress);
  EvaluationOutput output;
  output.notes = evaluation.notes();
  for (const std::string& task : options.tasks) evaluation.run(task, output);
  evaluation.compare(output, progress);
  evaluation.describe(output.report);
  EvaluateResult result;
  result.origin = evaluation.origin();
  result.rows = std::move(output.rows);
  result.notes = std::move(output.notes);
  result.studies = evaluation.studies();
  result.broken = evaluation.broken();
  write_all(options, output, result);
  return result;
}

}  // namespace biplane

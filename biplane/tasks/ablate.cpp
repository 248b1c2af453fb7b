#include "biplane/tasks/ablate.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "biplane/core/config.h"
#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/core/progress.h"
#include "biplane/core/sha256.h"
#include "biplane/corpus/manifest.h"
#include "biplane/eval/evaluate.h"
#include "biplane/model/checkpoint.h"
#include "biplane/model/package.h"
#include "biplane/tasks/ablation_record.h"
#include "biplane/tasks/ablation_rows.h"
#include "biplane/tasks/ablation_runs.h"
#include "biplane/train/config_keys.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

// The studies that all runs share.
struct TestData {
  std::string manifest_sha256;
  std::int64_t studies = 0, patients = 0;
};

TestData read_test_data(const fs::path& path) {
  const Manifest manifest = Manifest::read(path);
  TestData data;
  data.manifest_sha256 = sha256_file(manifest.path());
  std::set<std::string> patients;
  for (const StudySummary& study : manifest.summaries()) {
    if (study.split != Split::kTest) continue;
    ++data.studies;
    patients.insert(study.patient_id);
  }
  data.patients = static_cast<std::int64_t>(patients.size());
  return data;
}

// Mean time of a step from the run's metrics; the first one also starts the loader.
double seconds_per_step(const fs::path& run) {
  const fs::path file = run / "metrics.jsonl";
  std::istringstream lines(read_file(file));
  double first = 0, sum = 0, count = 0;
  std::int64_t number = 0;
  for (std::string text; std::getline(lines, text);) {
    ++number;
    try {
      const auto line = nlohmann::json::parse(text);
      const double seconds = line.at("time/step").get<double>();
      if (line.at("step").get<std::int64_t>() == 1) {
        first = seconds;
        continue;
      }
      sum += seconds;
      count += 1;
    } catch (const nlohmann::json::exception& error) {  // names the key
      throw Error(ErrorKind::kBadContent,
                  fmt::format("{}:{}: {}", file.string(), number, error.what()));
    }
  }
  return count > 0 ? sum / count : first;
}

// One ablation in progress.
class Ablation {
 public:
  Ablation(const AblationConfig& config, const AblateOptions& options, const TrainHooks& hooks)
      : config_(config), options_(options), hooks_(hooks), data_(read_test_data(options.manifest)) {
    if (data_.studies == 0)
      throw Error(
          ErrorKind::kUsage,
          options.manifest.string() + ": no study is in the split test, so no run can be tested");
    for (const AblationRecord& line : read_ablation(options_.results))
      check_line(line, "manifest", line.manifest_sha256, data_.manifest_sha256, options_);
  }

  // The next run that is not done; nothing where all are that can be.
  std::optional<PlannedRun> next() const {
    const std::vector<AblationRecord> lines = read_ablation(options_.results);
    const std::vector<PlannedRun> plan = plan_runs(config_, lines);
    check_only(plan, options_.only);
    for (const PlannedRun& run : plan) {
      if (!run.waits_for.empty() || !is_wanted(run, options_.only)) continue;
      const AblationRecord* line = find_line(lines, run);
      if (line == nullptr) return run;
      check_configuration(*line, resolve(config_, options_, run), options_);
    }
    return std::nullopt;
  }

  TrainOutcome run(const PlannedRun& run) const {
    const PretrainConfig config = resolve(config_, options_, run);
    if (take_over(run, config)) return TrainOutcome::kDone;
    const std::vector<std::string> tasks = tasks_of(config.loss);
    const fs::path folder = run_folder(options_, run);
    hooks_.log("ablation run " + run.name());
    const PretrainResult trained = pretrain(config, folder, hooks_);
    if (trained.outcome != TrainOutcome::kDone) return trained.outcome;
    AblationRecord record = describe(run, config);
    record.steps = trained.steps;
    record.train_seconds = seconds_per_step(folder) * static_cast<double>(trained.steps);
    record.steps_per_second = static_cast<double>(trained.steps) / record.train_seconds;
    measure(folder, tasks, record);
    append(record);
    hooks_.log("finished " + run.name());
    return TrainOutcome::kDone;
  }

 private:
  void append(const AblationRecord& record) const {
    make_folder(fs::absolute(options_.results).parent_path());
    LineAppender(options_.results).append(record_to_json(record));
  }

  // A run of another design that is the same one (configuration and seed) is not done again.
  bool take_over(const PlannedRun& run, const PretrainConfig& config) const {
    const std::vector<AblationRecord> lines = read_ablation(options_.results);
    const AblationRecord* same = find_same(lines, config);
    if (same == nullptr) return false;
    hooks_.log("ablation run " + run.name() + " is " + same->name());
    AblationRecord record = *same;
    record.design = run.design;
    record.run = run.run;
    record.levels = run.levels;
    append(record);
    return true;
  }

  AblationRecord describe(const PlannedRun& run, const PretrainConfig& config) const {
    AblationRecord record;
    record.design = run.design;
    record.run = run.run;
    record.levels = run.levels;
    record.seed = run.seed;
    record.data = options_.data;
    record.manifest_sha256 = data_.manifest_sha256;
    record.config_sha256 = config_hash(config_keys(config));
    record.code = options_.code;
    record.device = config.train.device;
    record.test_studies = data_.studies;
    record.test_patients = data_.patients;
    return record;
  }

  void measure(const fs::path& folder, const std::vector<std::string>& tasks,
               AblationRecord& record) const {
    EvaluateOptions evaluation;
    evaluation.model = folder;
    evaluation.manifest = options_.manifest;
    evaluation.out = folder / "evaluation";
    evaluation.tasks = tasks;
    evaluation.pool = config_.pool;
    evaluation.gradient_studies = 0;  // lines have no figure of these maps
    evaluation.bootstrap = config_.replicates;
    evaluation.draws = BootstrapDraws::kPoisson;
    evaluation.threads = static_cast<int>(options_.threads);
    evaluation.code = options_.code;
    fs::remove_all(evaluation.out);  // of a run that was stopped while it was evaluated
    Progress progress({.label = "evaluate", .unit = "studies", .enabled = hooks_.progress});
    const double started = monotonic_seconds();
    const EvaluateResult result = evaluate(evaluation, &progress);
    record.evaluate_seconds = monotonic_seconds() - started;
    const ModelProvenance provenance = read_model_description(find_model(folder)).provenance;
    for (const ResultRow& row : result.rows) add_result_row(row, provenance, record);
  }

  const AblationConfig& config_;
  const AblateOptions& options_;
  const TrainHooks& hooks_;
  TestData data_;
};

}  // namespace

std::vector<std::unique_ptr<FolderLock>> lock_ablation(const AblateOptions& options) {
  std::vector<std::unique_ptr<FolderLock>> locks;
  const fs::path results = fs::absolute(options.results).parent_path();
  locks.push_back(std::make_unique<FolderLock>(options.out));
  if (fs::weakly_canonical(results) != fs::weakly_canonical(options.out))
    locks.push_back(std::make_unique<FolderLock>(results));
  return locks;
}

TrainOutcome ablate(const AblationConfig& config, const AblateOptions& options,
                    const TrainHooks& hooks) {
  check_ablation(config);
  const Ablation ablation(config, options, hooks);
  while (const std::optional<PlannedRun> run = ablation.next()) {
    if (ablation.run(*run) != TrainOutcome::kDone || hooks.stop_requested())
      return TrainOutcome::kCheckpointed;
  }
  return TrainOutcome::kDone;
}

}  // namespace biplane

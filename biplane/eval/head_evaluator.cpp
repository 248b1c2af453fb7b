#include "biplane/eval/head_evaluator.h"

#include <algorithm>

#include "biplane/corpus/selection.h"
#include "biplane/eval/columns.h"
#include "biplane/eval/head_curves.h"

namespace biplane {
namespace {

// A head's columns of the studies at hand.
class HeadColumns {
 public:
  HeadColumns(const Engine& engine, const TaskDescription& task, const Manifest& manifest,
              const StudyParts& encoded)
      : engine_(engine),
        config_(task.classifier),
        manifest_(manifest),
        encoded_(encoded),
        head_(read_head(engine.package().folder, task, engine.description().config)) {}

  std::vector<PredictedColumn> make() const {
    const ViewParts& parts = encoded_.parts;
    const std::vector<std::int64_t> paired = rows_where(parts.has_frontal & parts.has_lateral);
    std::vector<PredictedColumn> columns;
    if (!paired.empty()) {
      columns.push_back(column(paired, config_.views, "", /*hidden=*/false));
      if (config_.views == "both")
        columns.push_back(column(paired, "lateral_missing", "", /*hidden=*/true));
    }
    const std::vector<std::int64_t> all = rows_where(readable());
    if (all.size() > paired.size()) columns.push_back(column(all, config_.views, "all", false));
    return columns;
  }

 private:
  // (N) bool: studies that have what the head reads.
  torch::Tensor readable() const {
    const ViewParts& parts = encoded_.parts;
    if (config_.views == "frontal") return parts.has_frontal;
    if (config_.views == "lateral") return parts.has_lateral;
    return parts.has_frontal | parts.has_lateral;
  }

  // Why the absence of a view among these means nothing to the head; empty where it does.
  std::string untrained(const ViewParts& parts) const {
    if (config_.views != "both") return "";
    const auto lacks = [](const torch::Tensor& has) { return !has.all().item<bool>(); };
    if (lacks(parts.has_frontal) && !config_.absent_frontal_trained)
      return "training never saw a study without a frontal";
    if (lacks(parts.has_lateral) && !config_.absent_lateral_trained)
      return "training never saw a study without a lateral";
    return "";
  }

  PredictedColumn column(const std::vector<std::int64_t>& rows, const std::string& views,
                         const std::string& population, bool hidden) const {
    ViewParts parts = select_parts(encoded_.parts, index_tensor(rows));
    if (hidden) parts = hide_lateral(parts);
    PredictedColumn column;
    const std::string note = untrained(parts);
    if (note.empty()) {
      const torch::NoGradGuard no_grad;
      std::vector<std::int64_t> studies;
      for (const std::int64_t row : rows)
        studies.push_back(encoded_.studies[static_cast<std::size_t>(row)]);
      column = predicted_column(manifest_, studies,
                                head_->forward(join_parts(engine_.model(), parts, config_)),
                                config_.labels);
    }
    column.views = views;
    column.population = population;
    column.note = note;
    return column;
  }

  const Engine& engine_;
  const ClassifierConfig& config_;
  const Manifest& manifest_;
  const StudyParts& encoded_;
  std::shared_ptr<ClassifierHead> head_;
};

}  // namespace

PredictedColumn predicted_column(const Manifest& manifest, const std::vector<std::int64_t>& studies,
                                 const torch::Tensor& logits, const TaskLabels& labels) {
  const torch::Tensor exact = logits.to(torch::kCPU, torch::kFloat64);
  const torch::Tensor probability =
      (labels.kind == "multilabel" ? exact.sigmoid() : exact.softmax(1)).contiguous();
  PredictedColumn column;
  for (const std::int64_t index : studies) {
    const Study study = manifest.study(index);
    column.studies.push_back(study.study_id);
    column.patients.push_back(study.patient_id);
    for (const float value : label_row(labels, study)) column.truth.push_back(value);
  }
  const double* values = probability.const_data_ptr<double>();
  column.probability.assign(values, values + probability.numel());
  return column;
}

HeadPredictions predict_head(const Engine& engine, const TaskDescription& task,
                             const Manifest& manifest, const std::vector<std::int64_t>& studies,
                             const StudyBatchOptions& options, std::vector<BrokenStudy>* broken) {
  const auto dataset = engine.read_studies(manifest, studies);
  StudyParts encoded = encode_parts(engine.model(), *dataset, task.classifier, options);
  HeadPredictions predictions;
  predictions.task = task.task;
  predictions.kind = task.classifier.labels.kind;
  predictions.classes = task.classifier.labels.names;
  predictions.thresholds = task.classifier.thresholds;
  predictions.columns = HeadColumns(engine, task, manifest, encoded).make();
  if (broken != nullptr) *broken = std::move(encoded.broken);
  return predictions;
}

void measure_head(
    const EvaluationInput& input, EvaluationOutput& output, const std::string& task,
    const std::string& needed,
    const std::function<std::vector<ResultRow>(const TaskDescription& task)>& measure) {
  const auto described = read_task(input.engine.package().folder);
  if (!described || described->task != task) {
    output.notes.push_back(task +
                           ": skipped, the model has no head of this task (biplane finetune)");
    return;
  }
  const std::vector<ResultRow> rows = measure(*described);
  if (rows.empty()) output.notes.push_back(task + ": skipped, no study " + needed);
  output.rows.insert(output.rows.end(), rows.begin(), rows.end());
}

bool is_of_head(const ResultRow& row, const std::string& task) {
  return row.task == task || row.condition == task;
}

void say_training(const TaskStart& start, const std::string& exposed, ResultRow& row) {
  row.protocol = start.protocol;
  row.fraction = start.fraction;
  row.train_sha256 = start.train_sha256;
  row.exposed = exposed;
}

void HeadEvaluator::run(const EvaluationInput& input, EvaluationOutput& output) const {
  measure_head(input, output, task_, "has the view that the head reads",
               [&](const TaskDescription& described) {
                 const HeadPredictions told =
                     predict_head(input.engine, described, input.manifest, input.features.studies,
                                  {.threads = input.engine.threads()});
                 output.report.heads.push_back(head_curves(told));
                 for (ConfusionTable& table : head_confusions(told))
                   output.report.confusions.push_back(std::move(table));
                 return head_rows(told, input.bootstrap, input.engine.threads());
               });
}

}  // namespace biplane

#include "biplane/tasks/detection.h"

#include <memory>
#include <optional>

#include "biplane/eval/detection.h"
#include "biplane/tasks/dense_training.h"
#include "biplane/tasks/detection_loss.h"
#include "biplane/tasks/head_training.h"

namespace biplane {
namespace {

DetectorConfig detector_of(const SeedJob& job) {
  const DetectionConfig& wanted = job.config.detection;
  DetectorConfig detector;
  detector.names = job.data.labels.names;
  detector.views = job.config.data.views;
  detector.head = wanted.head;
  detector.layers = dense_layers(job, wanted.head == "yolov3");
  detector.channels = job.config.dense.channels;
  detector.confidence = wanted.confidence;
  detector.nms = wanted.nms;
  return detector;
}

// Training of a detection head with one seed.
class DetectionTraining {
 public:
  DetectionTraining(const SeedJob& job, std::optional<BoxTruth>& truth)
      : job_(job),
        detector_(detector_of(job)),
        model_(make_start(job.start, job.config)),
        head_(std::make_shared<DetectionHead>(
            detector_, tower_of_view(job.start.description.config, detector_.views))),
        image_(dense_image(job)),
        select_(task_dataset(job, job.data.studies.select, image_, false)) {
    head_->initialise(Initializer(static_cast<std::uint64_t>(job.config.seed)).child("task_head"));
    if (!truth)
      truth =
          read_box_truth(*job.data.manifest, learning_studies(job), detector_, image_, job.threads);
    truth_ = &*truth;
  }

  FitResult fit() {
    DenseProblem problem;
    problem.head = head_;
    problem.layers = detector_.layers;
    problem.terms = [this](const DensePart& part) {
      BatchBoxes boxes;
      for (std::size_t i = 0; i < part.studies.size(); ++i)
        boxes.push_back(change_boxes(truth_->at(part.studies[i]), part.changes[i], image_.crop));
      return terms(head_->forward(part.maps), boxes);
    };
    problem.loss = [this](const torch::Tensor& sum) { return loss(sum); };
    problem.select = [this] { return score(); };
    return fit_dense(job_, *model_, problem);
  }

  void save() const {
    TaskDescription task = task_description(job_);
    task.detector = detector_;
    save_task_model(job_, task, image_, *model_, *head_);
  }

 private:
  bool yolo() const { return detector_.head == "yolov3"; }
  torch::Tensor terms(const DetectionHead::Output& output, const BatchBoxes& boxes) const {
    return yolo() ? yolo_terms(output.yolo, boxes, image_.crop) : fcos_terms(output.levels, boxes);
  }
  torch::Tensor loss(const torch::Tensor& sum) const {
    return yolo() ? yolo_loss(sum) : fcos_loss(sum);
  }

  SelectionScore score() const {
    DetectOptions options;
    options.batches.threads = job_.threads;
    options.terms = [this](const DetectionHead::Output& output,
                           const std::vector<std::int64_t>& studies) {
      BatchBoxes boxes;
      for (const std::int64_t study : studies) boxes.push_back(truth_->at(study));
      return terms(output, boxes).to(torch::kFloat64);
    };
    const DetectedBoxes found = detect({*model_, *head_, detector_}, *select_, *truth_, options);
    return {loss(found.terms).item<double>(), detection_map(found.predictions)};
  }

  const SeedJob& job_;
  DetectorConfig detector_;
  std::shared_ptr<MultiviewModel> model_;
  std::shared_ptr<DetectionHead> head_;
  PreprocessOptions image_;
  std::unique_ptr<StudyDataset> select_;
  const BoxTruth* truth_ = nullptr;
};

}  // namespace

DownstreamTask detection_task() {
  const auto truth = std::make_shared<std::optional<BoxTruth>>();
  DownstreamTask task;
  task.prepare = prepare_dense;
  task.train = [truth](const SeedJob& job) {
    DetectionTraining training(job, *truth);
    return fit_and_save<DetectionTraining>(job, training, [](auto& one) { return one.fit(); });
  };
  HeadMeasure<DetectionPredictions>{[](const Engine& engine, const TaskDescription& described,
                                       const SeedJob& job, std::vector<BrokenStudy>* broken) {
                                      return predict_detection(engine, described,
                                                               *job.data.manifest,
                                                               job.data.studies.test, broken);
                                    },
                                    write_detection, read_detection, detection_rows}
      .add_to(task);
  return task;
}

}  // namespace biplane

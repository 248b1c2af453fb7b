#include "biplane/tasks/detection.h"

#include <memory>
#include <optional>

#include "biplane/eval/detection.h"
#include "biplane/tasks/dense_training.h"
#include "biplane/tasks/detection_loss.h"
#include "biplane/tasks/head_training.h"

namespace biplane {
namespace {

bool on_one_layer(const SeedJob& job) { return job.config.detection.head == "yolov3"; }

DetectorConfig detector_of(const SeedJob& job, const DenseTower& tower) {
  const DetectionConfig& wanted = job.config.detection;
  DetectorConfig detector;
  tower.describe(detector, wanted.head);
  detector.confidence = wanted.confidence;
  detector.nms = wanted.nms;
  return detector;
}

// What seeds have in common.
struct Shared {
  std::optional<BoxTruth> truth;
  SharedBySeeds<FrozenMaps> maps;
};

// Training of a detection head with one seed.
class DetectionTraining {
 public:
  DetectionTraining(const SeedJob& job, Shared& shared)
      : job_(job),
        tower_(job, on_one_layer(job), shared.maps),
        detector_(detector_of(job, tower_)),
        head_(std::make_shared<DetectionHead>(detector_, tower_.config())) {
    head_->initialise(Initializer(static_cast<std::uint64_t>(job.config.seed)).child("task_head"));
    if (!shared.truth)
      shared.truth = read_box_truth(*job.data.manifest, learning_studies(job), detector_,
                                    tower_.image(), job.threads);
    truth_ = &*shared.truth;
  }

  FitResult fit() {
    DenseProblem problem;
    problem.head = head_;
    problem.terms = [this](const DensePart& part) {
      BatchBoxes boxes;
      for (std::size_t i = 0; i < part.studies.size(); ++i)
        boxes.push_back(change_boxes(truth_->at(part.studies[i]), part.changes[i], side()));
      return terms(head_->forward(part.maps), boxes);
    };
    problem.loss = [this](const torch::Tensor& sum) { return loss(sum); };
    problem.select = [this] { return score(); };
    return tower_.fit(problem);
  }

  void save() const {
    TaskDescription task = task_description(job_);
    task.detector = detector_;
    tower_.save(task, *head_);
  }

 private:
  bool yolo() const { return detector_.head == "yolov3"; }
  std::int64_t side() const { return tower_.image().crop; }
  torch::Tensor terms(const DetectionHead::Output& output, const BatchBoxes& boxes) const {
    return yolo() ? yolo_terms(output.yolo, boxes, side()) : fcos_terms(output.levels, boxes);
  }
  torch::Tensor loss(const torch::Tensor& sum) const {
    return yolo() ? yolo_loss(sum) : fcos_loss(sum);
  }

  SelectionScore score() const {
    const BoxTerms of_batch = [this](const DetectionHead::Output& output,
                                     const std::vector<std::int64_t>& studies) {
      BatchBoxes boxes;
      for (const std::int64_t study : studies) boxes.push_back(truth_->at(study));
      return terms(output, boxes).to(torch::kFloat64);
    };
    const DetectedBoxes found =
        detect({*head_, detector_}, tower_.select_maps(), *job_.data.manifest, *truth_, of_batch);
    return {loss(found.terms).item<double>(), detection_map(found.predictions)};
  }

  const SeedJob& job_;
  DenseTower tower_;
  DetectorConfig detector_;
  std::shared_ptr<DetectionHead> head_;
  const BoxTruth* truth_ = nullptr;
};

}  // namespace

DownstreamTask detection_task() {
  const auto shared = std::make_shared<Shared>();
  DownstreamTask task;
  task.prepare = prepare_dense;
  task.train = [shared](const SeedJob& job) {
    DetectionTraining training(job, *shared);
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

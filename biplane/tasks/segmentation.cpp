#include "biplane/tasks/segmentation.h"

#include <memory>
#include <optional>

#include "biplane/eval/columns.h"
#include "biplane/eval/segmentation.h"
#include "biplane/tasks/dense_training.h"
#include "biplane/tasks/head_training.h"
#include "biplane/tasks/segmentation_loss.h"

namespace biplane {
namespace {

constexpr int kThresholds = 19;  // 0.05, 0.10 ... 0.95

SegmenterConfig segmenter_of(const SeedJob& job) {
  const SegmentationConfig& wanted = job.config.segmentation;
  SegmenterConfig segmenter;
  segmenter.names = job.data.labels.names;
  segmenter.views = job.config.data.views;
  segmenter.head = wanted.head;
  segmenter.layers = dense_layers(job, wanted.head == "setr_pup");
  segmenter.channels = job.config.dense.channels;
  segmenter.exclusive = wanted.loss != "focal_dice";
  segmenter.auxiliary = wanted.auxiliary > 0;
  segmenter.auxiliary_layer = wanted.auxiliary_layer;
  segmenter.auxiliary_channels = wanted.auxiliary_channels;
  segmenter.batch = wanted.batch;
  return segmenter;
}

std::vector<double> candidates(double fixed) {
  if (fixed > 0) return {fixed};
  std::vector<double> thresholds;
  for (int i = 1; i <= kThresholds; ++i) thresholds.push_back(i / double(kThresholds + 1));
  return thresholds;
}

// Training of a segmentation head with one seed.
class SegmentationTraining {
 public:
  SegmentationTraining(const SeedJob& job, std::optional<MaskTruth>& truth)
      : job_(job),
        segmenter_(segmenter_of(job)),
        loss_(segmentation_loss(job.config.segmentation.loss, job.config.segmentation.auxiliary)),
        model_(make_start(job.start, job.config)),
        head_(std::make_shared<SegmentationHead>(
            segmenter_, tower_of_view(job.start.description.config, segmenter_.views))),
        image_(dense_image(job)),
        select_(task_dataset(job, job.data.studies.select, image_, false)) {
    head_->initialise(Initializer(static_cast<std::uint64_t>(job.config.seed)).child("task_head"));
    if (!truth)
      truth.emplace(*job.data.manifest, learning_studies(job), segmenter_, image_, job.threads);
    truth_ = &*truth;
  }

  FitResult fit() {
    DenseProblem problem;
    problem.head = head_;
    problem.layers = segmenter_.layers;
    problem.terms = [this](const DensePart& part) {
      // Of a mask that was resized a pixel is inside where at least half of it is.
      const torch::Tensor truth =
          change_planes(truth_->masks(part.studies), part.changes, image_.crop).ge(0.5);
      const KeyedDropout dropout{job_.config.segmentation.dropout,
                                 static_cast<std::uint64_t>(job_.config.seed), part.step, 0,
                                 index_tensor(part.studies)};
      return loss_.terms(head_->forward(part.maps, image_.crop, &dropout),
                         truth.to(torch::kFloat32));
    };
    problem.loss = loss_.loss;
    problem.select = [this] { return score(); };
    return fit_dense(job_, *model_, problem);
  }

  void save() const {
    TaskDescription task = task_description(job_);
    task.segmenter = segmenter_;
    save_task_model(job_, task, image_, *model_, *head_);
  }

 private:
  // Chooses the thresholds too.
  SelectionScore score() {
    const std::vector<double> thresholds = candidates(job_.config.segmentation.threshold);
    ThresholdOptions options;
    options.thresholds.assign(segmenter_.names.size(), thresholds);
    options.terms = [this](const SegmentationLogits& logits, const torch::Tensor& truth) {
      return loss_.terms(logits, truth).to(torch::kFloat64);
    };
    options.batches.threads = job_.threads;
    const ThresholdCounts counts =
        count_masks({*model_, *head_, segmenter_}, *select_, *truth_, options);
    SelectionScore score;
    score.loss = loss_.loss(counts.terms).item<double>();
    segmenter_.thresholds.clear();
    double sum = 0, defined = 0;
    for (std::size_t finding = 0; finding < segmenter_.names.size(); ++finding) {
      std::optional<double> best;
      double chosen = thresholds[thresholds.size() / 2];
      for (std::size_t t = 0; t < thresholds.size(); ++t) {
        const std::optional<double> dice = pooled_dice(counts.counts[t][finding]);
        if (!dice || (best && *dice <= *best)) continue;
        best = dice;
        chosen = thresholds[t];
      }
      segmenter_.thresholds.push_back(chosen);
      sum += best.value_or(0);
      defined += best.has_value();
    }
    if (defined > 0) score.metric = sum / defined;
    return score;
  }

  const SeedJob& job_;
  SegmenterConfig segmenter_;
  SegmentationLoss loss_;
  std::shared_ptr<MultiviewModel> model_;
  std::shared_ptr<SegmentationHead> head_;
  PreprocessOptions image_;
  std::unique_ptr<StudyDataset> select_;
  const MaskTruth* truth_ = nullptr;
};

}  // namespace

DownstreamTask segmentation_task() {
  const auto truth = std::make_shared<std::optional<MaskTruth>>();
  DownstreamTask task;
  task.prepare = prepare_dense;
  task.train = [truth](const SeedJob& job) {
    SegmentationTraining training(job, *truth);
    return fit_and_save<SegmentationTraining>(job, training, [](auto& one) { return one.fit(); });
  };
  HeadMeasure<SegmentationPredictions>{[](const Engine& engine, const TaskDescription& described,
                                          const SeedJob& job, std::vector<BrokenStudy>* broken) {
                                         return predict_segmentation(engine, described,
                                                                     *job.data.manifest,
                                                                     job.data.studies.test, broken);
                                       },
                                       write_segmentation, read_segmentation, segmentation_rows}
      .add_to(task);
  return task;
}

}  // namespace biplane

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

bool on_one_layer(const SeedJob& job) { return job.config.segmentation.head == "setr_pup"; }

SegmenterConfig segmenter_of(const SeedJob& job, const DenseTower& tower) {
  const SegmentationConfig& wanted = job.config.segmentation;
  SegmenterConfig segmenter;
  tower.describe(segmenter, wanted.head);
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

// What seeds have in common.
struct Shared {
  std::optional<MaskTruth> truth;
  SharedBySeeds<FrozenMaps> maps;
};

// Training of a segmentation head with one seed.
class SegmentationTraining {
 public:
  SegmentationTraining(const SeedJob& job, Shared& shared)
      : job_(job),
        tower_(job, on_one_layer(job), shared.maps),
        segmenter_(segmenter_of(job, tower_)),
        loss_(segmentation_loss(job.config.segmentation.loss, job.config.segmentation.auxiliary)),
        head_(std::make_shared<SegmentationHead>(segmenter_, tower_.config())) {
    head_->initialise(Initializer(static_cast<std::uint64_t>(job.config.seed)).child("task_head"));
    if (!shared.truth)
      shared.truth.emplace(*job.data.manifest, learning_studies(job), segmenter_, tower_.image(),
                           job.threads);
    truth_ = &*shared.truth;
  }

  FitResult fit() {
    DenseProblem problem;
    problem.head = head_;
    problem.terms = [this](const DensePart& part) {
      // Of a mask that was resized a pixel is inside where at least half of it is.
      const torch::Tensor truth =
          change_planes(truth_->masks(part.studies), part.changes, side()).ge(0.5);
      const KeyedDropout dropout{job_.config.segmentation.dropout,
                                 static_cast<std::uint64_t>(job_.config.seed), part.step, 0,
                                 index_tensor(part.studies)};
      return loss_.terms(head_->forward(part.maps, side(), &dropout), truth.to(torch::kFloat32));
    };
    problem.loss = loss_.loss;
    problem.select = [this] { return score(); };
    return tower_.fit(problem);
  }

  void save() const {
    TaskDescription task = task_description(job_);
    task.segmenter = segmenter_;
    tower_.save(task, *head_);
  }

 private:
  std::int64_t side() const { return tower_.image().crop; }

  // Chooses the thresholds too.
  SelectionScore score() {
    const std::vector<double> thresholds = candidates(job_.config.segmentation.threshold);
    ThresholdOptions options;
    options.thresholds.assign(segmenter_.names.size(), thresholds);
    options.terms = [this](const SegmentationLogits& logits, const torch::Tensor& truth) {
      return image_terms(loss_, logits, truth);
    };
    const ThresholdCounts counts = count_masks(*head_, tower_.select_maps(), *truth_, options);
    SelectionScore score;
    score.loss = mean_batch_loss(loss_, counts.terms, job_.config.train.batch);
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
  DenseTower tower_;
  SegmenterConfig segmenter_;
  SegmentationLoss loss_;
  std::shared_ptr<SegmentationHead> head_;
  const MaskTruth* truth_ = nullptr;
};

}  // namespace

DownstreamTask segmentation_task() {
  const auto shared = std::make_shared<Shared>();
  DownstreamTask task;
  task.prepare = prepare_dense;
  task.train = [shared](const SeedJob& job) {
    SegmentationTraining training(job, *shared);
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

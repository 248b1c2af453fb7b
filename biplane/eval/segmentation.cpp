#include "biplane/eval/segmentation.h"

#include <algorithm>

#include "biplane/core/parallel.h"
#include "biplane/eval/dense_truth.h"
#include "biplane/eval/head_evaluator.h"
#include "biplane/formats/rle.h"

namespace biplane {
namespace {

// (K) numbers of a tensor on the CPU.
std::vector<double> numbers(const torch::Tensor& values) {
  const torch::Tensor exact = values.to(torch::kCPU, torch::kFloat64).contiguous();
  const double* first = exact.const_data_ptr<double>();
  return {first, first + exact.numel()};
}

// Counts of one finding, a row an image: probability and truth (B,side,side).
std::vector<MaskCounts> count(const torch::Tensor& probability, const torch::Tensor& truth,
                              double threshold) {
  const torch::Tensor inside = probability.ge(threshold), there = truth.gt(0.5);
  const std::vector<double> predicted = numbers(inside.sum({1, 2})),
                            true_ = numbers(there.sum({1, 2})),
                            both = numbers((inside & there).sum({1, 2}));
  std::vector<MaskCounts> counts;
  for (std::size_t i = 0; i < predicted.size(); ++i)
    counts.push_back({static_cast<std::int64_t>(predicted[i]), static_cast<std::int64_t>(true_[i]),
                      static_cast<std::int64_t>(both[i])});
  return counts;
}

using Counts = std::vector<std::vector<std::vector<MaskCounts>>>;

Counts count_batch(const torch::Tensor& probability, const torch::Tensor& truth,
                   const std::vector<std::vector<double>>& thresholds) {
  Counts counts(thresholds.front().size());
  for (std::size_t t = 0; t < counts.size(); ++t) {
    for (std::int64_t finding = 0; finding < truth.size(1); ++finding) {
      counts[t].push_back(count(probability.select(1, finding), truth.select(1, finding),
                                thresholds[static_cast<std::size_t>(finding)][t]));
    }
  }
  return counts;
}

struct BatchCounts {
  std::vector<std::int64_t> studies;
  Counts counts;
  torch::Tensor terms;
};

void add(const BatchCounts& batch, ThresholdCounts& all) {
  if (batch.studies.empty()) return;
  all.studies.insert(all.studies.end(), batch.studies.begin(), batch.studies.end());
  all.counts.resize(batch.counts.size());
  for (std::size_t t = 0; t < batch.counts.size(); ++t) {
    all.counts[t].resize(batch.counts[t].size());
    for (std::size_t c = 0; c < batch.counts[t].size(); ++c)
      all.counts[t][c].insert(all.counts[t][c].end(), batch.counts[t][c].begin(),
                              batch.counts[t][c].end());
  }
  if (batch.terms.defined())
    all.terms = all.terms.defined() ? at::cat({all.terms, batch.terms}) : batch.terms;
}

}  // namespace

MaskTruth::MaskTruth(const Manifest& manifest, const std::vector<std::int64_t>& studies,
                     const SegmenterConfig& config, const PreprocessOptions& image, int threads)
    : side_(image.crop), findings_(static_cast<std::int64_t>(config.names.size())) {
  std::vector<std::vector<std::vector<std::int64_t>>> runs(studies.size());
  parallel_for(
      static_cast<std::int64_t>(studies.size()), resolve_threads(threads), [&](std::int64_t i) {
        const auto place = static_cast<std::size_t>(i);
        runs[place] =
            finding_masks(manifest.study(studies[place]), config.lateral(), config.names, image);
      });
  for (std::size_t i = 0; i < studies.size(); ++i) runs_.emplace(studies[i], std::move(runs[i]));
}

torch::Tensor MaskTruth::masks(const std::vector<std::int64_t>& studies) const {
  const auto count = static_cast<std::int64_t>(studies.size());
  torch::Tensor truth = torch::zeros({count, findings_, side_, side_}, torch::kUInt8);
  auto* out = truth.mutable_data_ptr<std::uint8_t>();
  for (const std::int64_t study : studies) {
    for (const std::vector<std::int64_t>& runs : runs_.at(study)) {
      const std::vector<std::uint8_t> mask = decode_rle(runs, side_, side_);
      out = std::copy(mask.begin(), mask.end(), out);
    }
  }
  return truth.to(torch::kFloat32);
}

ThresholdCounts count_masks(const SegmentationHead& head, const MapSource& maps,
                            const MaskTruth& truth, const ThresholdOptions& options) {
  std::vector<BatchCounts> batches(static_cast<std::size_t>(maps.batches));
  ThresholdCounts all;
  all.broken = maps.each([&](std::int64_t number, const MapBatch& batch) {
    BatchCounts& own = batches[static_cast<std::size_t>(number)];
    const SegmentationLogits logits = head.forward(batch.maps, maps.side);
    own.studies = batch.studies;
    const torch::Tensor masks = truth.masks(own.studies);
    own.counts = count_batch(head.probability(logits.main), masks, options.thresholds);
    if (options.terms) own.terms = options.terms(logits, masks);
  });
  for (const BatchCounts& batch : batches) add(batch, all);
  return all;
}

SegmentationPredictions predict_segmentation(const Engine& engine, const TaskDescription& task,
                                             const Manifest& manifest,
                                             const std::vector<std::int64_t>& studies,
                                             std::vector<BrokenStudy>* broken) {
  const SegmenterConfig& config = task.segmenter;
  const PreprocessOptions& image = engine.description().preprocess;
  SegmentationPredictions predictions;
  predictions.views = config.views;
  predictions.classes = config.names;
  predictions.pixels = image.crop * image.crop;
  predictions.exclusive = config.exclusive;
  predictions.batch = config.batch;
  const std::vector<std::int64_t> chosen =
      with_known_places(manifest, studies, config.names, config.lateral());
  if (chosen.empty()) return predictions;
  const auto head =
      read_segmentation_head(engine.package().folder, task, engine.description().config);
  ThresholdOptions options;
  for (const double threshold : config.thresholds) options.thresholds.push_back({threshold});
  const auto dataset = engine.read_studies(manifest, chosen);
  ThresholdCounts counts =
      count_masks(*head,
                  computed_maps({engine.model(), config.lateral(), config.layers}, *dataset,
                                {.batch = kMapBatch, .threads = engine.threads()}),
                  MaskTruth(manifest, chosen, config, image, engine.threads()), options);
  for (std::size_t i = 0; i < counts.studies.size(); ++i) {
    std::vector<MaskCounts> own;
    for (const auto& finding : counts.counts.front()) own.push_back(finding[i]);
    predictions.studies.push_back(
        {head_study(manifest.summary(counts.studies[i])), std::move(own)});
  }
  if (broken != nullptr) *broken = std::move(counts.broken);
  return predictions;
}

void SegmentationEvaluator::run(const EvaluationInput& input, EvaluationOutput& output) const {
  measure_head(
      input, output, task(), "has the view of the head and tells where its findings are",
      [&](const TaskDescription& described) {
        return segmentation_rows(
            predict_segmentation(input.engine, described, input.manifest, input.features.studies),
            input.bootstrap, input.engine.threads());
      });
}

}  // namespace biplane

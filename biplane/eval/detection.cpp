#include "biplane/eval/detection.h"

#include <iterator>

#include "biplane/core/parallel.h"
#include "biplane/eval/head_evaluator.h"

namespace biplane {
namespace {

DetectionBox box_of(const float* corners) {
  return {corners[0], corners[1], corners[2] - corners[0], corners[3] - corners[1]};
}

std::vector<ScoredBox> scored_boxes(const ImageBoxes& kept) {
  const torch::Tensor boxes = kept.boxes.to(torch::kCPU, torch::kFloat32).contiguous(),
                      scores = kept.scores.to(torch::kCPU, torch::kFloat32).contiguous();
  const float* corners = boxes.const_data_ptr<float>();
  std::vector<ScoredBox> all;
  for (std::int64_t i = 0; i < boxes.size(0); ++i)
    all.push_back({{kept.findings[i].item<std::int64_t>(), box_of(corners + 4 * i)},
                   scores[i].item<double>()});
  return all;
}

}  // namespace

BoxTruth read_box_truth(const Manifest& manifest, const std::vector<std::int64_t>& studies,
                        const DetectorConfig& config, const PreprocessOptions& image, int threads) {
  std::vector<std::vector<FindingBox>> boxes(studies.size());
  parallel_for(
      static_cast<std::int64_t>(studies.size()), resolve_threads(threads), [&](std::int64_t i) {
        const auto place = static_cast<std::size_t>(i);
        boxes[place] =
            finding_boxes(manifest.study(studies[place]), config.lateral(), config.names, image);
      });
  BoxTruth truth;
  for (std::size_t i = 0; i < studies.size(); ++i) truth.emplace(studies[i], std::move(boxes[i]));
  return truth;
}

DetectedBoxes detect(const BoxReader& reader, const MapSource& maps, const Manifest& manifest,
                     const BoxTruth& truth, const BoxTerms& terms) {
  struct Batch {
    std::vector<DetectedStudy> studies;
    torch::Tensor terms;
  };
  std::vector<Batch> batches(static_cast<std::size_t>(maps.batches));
  DetectedBoxes all;
  all.broken = maps.each([&](std::int64_t number, const MapBatch& batch) {
    Batch& own = batches[static_cast<std::size_t>(number)];
    const DetectionHead::Output output = reader.head.forward(batch.maps);
    for (std::size_t i = 0; i < batch.studies.size(); ++i) {
      const std::int64_t index = batch.studies[i];
      own.studies.push_back(
          {head_study(manifest.summary(index)), truth.at(index),
           scored_boxes(keep_best_boxes(reader.head.candidates(output, std::int64_t(i), maps.side),
                                        reader.config))});
    }
    if (terms) own.terms = terms(output, batch.studies);
  });
  all.predictions.views = reader.config.views;
  all.predictions.classes = reader.config.names;
  for (Batch& batch : batches) {
    std::move(batch.studies.begin(), batch.studies.end(),
              std::back_inserter(all.predictions.studies));
    if (batch.terms.defined())
      all.terms = all.terms.defined() ? all.terms + batch.terms : batch.terms;
  }
  return all;
}

DetectionPredictions predict_detection(const Engine& engine, const TaskDescription& task,
                                       const Manifest& manifest,
                                       const std::vector<std::int64_t>& studies,
                                       std::vector<BrokenStudy>* broken) {
  const DetectorConfig& config = task.detector;
  const std::vector<std::int64_t> chosen =
      with_known_places(manifest, studies, config.names, config.lateral());
  DetectionPredictions none;
  none.views = config.views;
  none.classes = config.names;
  if (chosen.empty()) return none;
  const auto head = read_detection_head(engine.package().folder, task, engine.description().config);
  const auto dataset = engine.read_studies(manifest, chosen);
  DetectedBoxes found = detect(
      {*head, config},
      computed_maps({engine.model(), config.lateral(), config.layers}, *dataset,
                    {.batch = kMapBatch, .threads = engine.threads()}),
      manifest,
      read_box_truth(manifest, chosen, config, engine.description().preprocess, engine.threads()));
  if (broken != nullptr) *broken = std::move(found.broken);
  return std::move(found.predictions);
}

void DetectionEvaluator::run(const EvaluationInput& input, EvaluationOutput& output) const {
  measure_head(input, output, task(), "has the view of the head and tells where its findings are",
               [&](const TaskDescription& described) {
                 return detection_rows(predict_detection(input.engine, described, input.manifest,
                                                         input.features.studies),
                                       input.bootstrap, input.engine.threads());
               });
}

}  // namespace biplane

#include "biplane/eval/detection_predictions.h"

#include <algorithm>
#include <memory>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/eval/figure_rows.h"
#include "biplane/eval/json_lines.h"

namespace biplane {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kCandidates = 64;  // true boxes that a constant predictor is chosen from

Json box_values(const FindingBox& one) {
  return {one.finding, one.box.x, one.box.y, one.box.w, one.box.h};
}

FindingBox parse_box(const Json& json, std::size_t classes) {
  const FindingBox box{json.at(0), {json.at(1), json.at(2), json.at(3), json.at(4)}};
  if (box.finding < 0 || box.finding >= static_cast<std::int64_t>(classes))
    throw Error(ErrorKind::kBadContent, "a box of a class that the first line does not name");
  return box;
}

Json study_line(const DetectedStudy& study) {
  Json truth = Json::array(), predictions = Json::array();
  for (const FindingBox& one : study.truth) truth.push_back(box_values(one));
  for (const ScoredBox& one : study.predictions) {
    predictions.push_back(box_values(one.box));
    predictions.back().push_back(one.score);
  }
  Json line = head_study_json(study);
  line["truth"] = truth;
  line["predictions"] = predictions;
  return line;
}

DetectedStudy parse_study(const Json& json, std::size_t classes) {
  DetectedStudy study{parse_head_study(json), {}, {}};
  for (const Json& one : json.at("truth")) study.truth.push_back(parse_box(one, classes));
  for (const Json& one : json.at("predictions"))
    study.predictions.push_back({parse_box(one, classes), one.at(5)});
  return study;
}

using Studies = std::vector<const DetectedStudy*>;

// The boxes of one finding, as a single category.
struct FindingBoxes {
  std::vector<TruthBox> truth;
  std::vector<PredictedBox> predictions;
};

FindingBoxes boxes_of(const Studies& studies, std::int64_t finding) {
  FindingBoxes boxes;
  for (std::size_t i = 0; i < studies.size(); ++i) {
    const auto image = static_cast<std::int64_t>(i);
    for (const FindingBox& one : studies[i]->truth)
      if (one.finding == finding) boxes.truth.push_back({image, 0, one.box});
    for (const ScoredBox& one : studies[i]->predictions)
      if (one.box.finding == finding)
        boxes.predictions.push_back({image, 0, one.box.box, one.score});
  }
  return boxes;
}

std::vector<PredictedBox> in_every_image(const std::vector<ScoredBox>& boxes, std::int64_t images) {
  std::vector<PredictedBox> all;
  for (std::int64_t image = 0; image < images; ++image)
    for (const ScoredBox& one : boxes) all.push_back({image, 0, one.box.box, one.score});
  return all;
}

double constant_map(const std::vector<TruthBox>& truth, const std::vector<ScoredBox>& boxes,
                    std::int64_t images) {
  return DetectionMatches(truth, in_every_image(boxes, images), {.images = images})
      .mean_average_precision()
      .value_or(0);
}

std::vector<ScoredBox> best_constant(const std::vector<TruthBox>& truth, std::int64_t finding,
                                     std::int64_t images, std::int64_t most) {
  std::vector<DetectionBox> candidates;
  const std::size_t step = std::max<std::size_t>((truth.size() + kCandidates - 1) / kCandidates, 1);
  for (std::size_t i = 0; i < truth.size(); i += step) candidates.push_back(truth[i].box);
  std::vector<ScoredBox> chosen;
  double reached = 0;
  while (static_cast<std::int64_t>(chosen.size()) < most) {
    std::optional<DetectionBox> best;
    const double score = 1.0 / static_cast<double>(chosen.size() + 1);
    for (const DetectionBox& candidate : candidates) {
      std::vector<ScoredBox> with = chosen;
      with.push_back({{finding, candidate}, score});
      const double value = constant_map(truth, with, images);
      if (value <= reached) continue;
      reached = value;
      best = candidate;
    }
    if (!best) break;
    chosen.push_back({{finding, *best}, score});
  }
  return chosen;
}

Statistic map_of(const FindingBoxes& boxes, std::int64_t images, bool published) {
  DetectionOptions options;
  options.images = images;
  options.only_images_with_both = published;
  const auto matches =
      std::make_shared<const DetectionMatches>(boxes.truth, boxes.predictions, options);
  return [matches](Values weight) { return matches->mean_average_precision(weight); };
}

std::vector<Figure> finding_figures(const Studies& studies, std::int64_t finding,
                                    const std::string& name) {
  const FindingBoxes boxes = boxes_of(studies, finding);
  const auto images = static_cast<std::int64_t>(studies.size());
  std::int64_t positives = 0;
  for (const DetectedStudy* study : studies)
    positives += std::any_of(study->truth.begin(), study->truth.end(),
                             [&](const FindingBox& one) { return one.finding == finding; });
  FindingBoxes constant{boxes.truth, {}};
  constant.predictions =
      in_every_image(best_constant(boxes.truth, finding, images, /*most=*/4), images);
  const std::string none = boxes.truth.empty() ? "no image shows it" : "";
  std::vector<Figure> figures = {
      {"map", name, map_of(boxes, images, false), images, positives, none},
      {"map_published", name, map_of(boxes, images, true), images, positives, none},
      {"map_constant_box", name, map_of(constant, images, false), images, positives, none}};
  Figure& published = figures[1];
  if (none.empty() && !published.statistic({}))
    published.note = "no image has both truth and predictions";
  return figures;
}

Studies all_studies(const DetectionPredictions& predictions) {
  Studies studies;
  for (const DetectedStudy& study : predictions.studies) studies.push_back(&study);
  return studies;
}

}  // namespace

void write_detection(const std::filesystem::path& file, const DetectionPredictions& predictions) {
  write_file_atomically(file, [&](std::ostream& out) {
    out << json_line(
        {{"task", "detection"}, {"views", predictions.views}, {"classes", predictions.classes}});
    for (const DetectedStudy& study : predictions.studies) out << json_line(study_line(study));
  });
}

DetectionPredictions read_detection(const std::filesystem::path& file) {
  DetectionPredictions predictions;
  read_json_lines(file, [&](const Json& json, std::int64_t number) {
    if (number > 1) {
      predictions.studies.push_back(parse_study(json, predictions.classes.size()));
      return;
    }
    predictions.views = json.at("views");
    predictions.classes = json.at("classes").get<std::vector<std::string>>();
  });
  return predictions;
}

std::vector<ResultRow> detection_rows(const DetectionPredictions& predictions,
                                      const BootstrapOptions& bootstrap, int threads) {
  ResultRow base;
  base.task = "detection";
  base.views = predictions.views;
  const auto figures = [&](const Studies& studies) {
    std::vector<Figure> all;
    for (std::size_t c = 0; c < predictions.classes.size(); ++c) {
      for (Figure& figure :
           finding_figures(studies, static_cast<std::int64_t>(c), predictions.classes[c]))
        all.push_back(std::move(figure));
    }
    return all;
  };
  return rows_of_populations(predictions.studies, base, figures, bootstrap, threads);
}

std::optional<double> detection_map(const DetectionPredictions& predictions) {
  const Studies studies = all_studies(predictions);
  double sum = 0, defined = 0;
  for (std::size_t c = 0; c < predictions.classes.size(); ++c) {
    const auto value = map_of(boxes_of(studies, static_cast<std::int64_t>(c)),
                              static_cast<std::int64_t>(studies.size()), false)({});
    sum += value.value_or(0);
    defined += value.has_value();
  }
  return defined > 0 ? std::optional<double>(sum / defined) : std::nullopt;
}

std::vector<ScoredBox> constant_boxes(const DetectionPredictions& predictions, std::int64_t finding,
                                      std::int64_t most) {
  const Studies studies = all_studies(predictions);
  return best_constant(boxes_of(studies, finding).truth, finding,
                       static_cast<std::int64_t>(studies.size()), most);
}

}  // namespace biplane

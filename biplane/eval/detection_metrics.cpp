#include "biplane/eval/detection_metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <utility>

#include "biplane/core/error.h"

namespace biplane {
namespace {

constexpr int kRecallPoints = 101;
// An IoU that equals the threshold but for rounding counts.
constexpr double kSlack = 1e-10;

void check_place(std::int64_t image, std::int64_t category, const DetectionOptions& options) {
  if (image < 0 || image >= options.images || category < 0 || category >= options.categories) {
    throw Error(ErrorKind::kUsage, "detection: image " + std::to_string(image) + ", category " +
                                       std::to_string(category) + " of " +
                                       std::to_string(options.images) + " images and " +
                                       std::to_string(options.categories) + " categories");
  }
}

void check_finite(const DetectionBox& box) {
  if (std::isfinite(box.x) && std::isfinite(box.y) && std::isfinite(box.w) && std::isfinite(box.h))
    return;
  throw Error(ErrorKind::kFailure, "detection: a box is not finite");
}

// Which predictions, by falling score, find a truth box of their own.
std::vector<bool> match(const DetectionImage& boxes, double threshold) {
  std::vector<bool> hits, taken(boxes.truth.size(), false);
  for (const PredictedBox& prediction : boxes.predictions) {
    double best = std::min(threshold, 1 - kSlack);
    std::optional<std::size_t> found;
    for (std::size_t i = 0; i < boxes.truth.size(); ++i) {
      const double iou = taken[i] ? -1 : box_iou(prediction.box, boxes.truth[i]);
      if (iou < best) continue;
      best = iou;
      found = i;
    }
    if (found) taken[*found] = true;
    hits.push_back(found.has_value());
  }
  return hits;
}

// The best-scored predictions, by falling score; of equal ones the earlier first.
void keep_best(std::vector<PredictedBox>& predictions, std::int64_t count) {
  std::stable_sort(predictions.begin(), predictions.end(),
                   [](const PredictedBox& a, const PredictedBox& b) { return a.score > b.score; });
  if (std::ssize(predictions) > count) predictions.resize(static_cast<std::size_t>(count));
}

// The boxes of every category and image; of predictions those that count.
std::vector<std::vector<DetectionImage>> group(std::span<const TruthBox> truth,
                                               std::span<const PredictedBox> predictions,
                                               const DetectionOptions& options) {
  std::vector<std::vector<DetectionImage>> boxes(
      static_cast<std::size_t>(options.categories),
      std::vector<DetectionImage>(static_cast<std::size_t>(options.images)));
  const auto place = [&](std::int64_t image, std::int64_t category) -> DetectionImage& {
    check_place(image, category, options);
    return boxes[static_cast<std::size_t>(category)][static_cast<std::size_t>(image)];
  };
  for (const TruthBox& one : truth) {
    check_finite(one.box);
    place(one.image, one.category).truth.push_back(one.box);
  }
  for (const PredictedBox& one : predictions) {
    check_finite(one.box);
    if (!std::isfinite(one.score))
      throw Error(ErrorKind::kFailure, "detection: a score is not finite");
    place(one.image, one.category).predictions.push_back(one);
  }
  for (std::vector<DetectionImage>& images : boxes) {
    for (DetectionImage& image : images) keep_best(image.predictions, options.per_image);
  }
  return boxes;
}

// Empties the images that lack truth or predictions, of all categories together.
void clear_one_sided(std::vector<std::vector<DetectionImage>>& boxes) {
  for (std::size_t image = 0; !boxes.empty() && image < boxes.front().size(); ++image) {
    bool truth = false, predicted = false;
    for (const std::vector<DetectionImage>& images : boxes) {
      truth = truth || !images[image].truth.empty();
      predicted = predicted || !images[image].predictions.empty();
    }
    if (truth && predicted) continue;
    for (std::vector<DetectionImage>& images : boxes) images[image] = {};
  }
}

double weight_of(std::int64_t image, std::span<const double> weight) {
  return weight.empty() ? 1.0 : weight[static_cast<std::size_t>(image)];
}

// Mean over the recall points of the highest precision at that recall or above.
double mean_precision(const std::vector<double>& recall, std::vector<double> precision) {
  for (std::size_t i = precision.size(); i-- > 1;)
    precision[i - 1] = std::max(precision[i - 1], precision[i]);
  double sum = 0;
  for (int point = 0; point < kRecallPoints; ++point) {
    const auto place = std::lower_bound(recall.begin(), recall.end(), point * 0.01);
    if (place != recall.end()) sum += precision[static_cast<std::size_t>(place - recall.begin())];
  }
  return sum / kRecallPoints;
}

}  // namespace

double box_iou(const DetectionBox& a, const DetectionBox& b) {
  const double w = std::min(a.x + a.w, b.x + b.w) - std::max(a.x, b.x);
  const double h = std::min(a.y + a.h, b.y + b.h) - std::max(a.y, b.y);
  if (w <= 0 || h <= 0) return 0;
  const double both = w * h;
  return both / (a.w * a.h + b.w * b.h - both);
}

std::vector<double> detection_thresholds() {
  std::vector<double> thresholds;
  for (int percent = 40; percent <= 75; percent += 5) thresholds.push_back(percent / 100.0);
  return thresholds;
}

DetectionMatches::DetectionMatches(std::span<const TruthBox> truth,
                                   std::span<const PredictedBox> predictions,
                                   const DetectionOptions& options)
    : options_(options) {
  std::vector<std::vector<DetectionImage>> boxes = group(truth, predictions, options);
  if (options.only_images_with_both) clear_one_sided(boxes);
  for (const std::vector<DetectionImage>& images : boxes) categories_.push_back(match_all(images));
}

DetectionMatches::Category DetectionMatches::match_all(
    const std::vector<DetectionImage>& images) const {
  std::vector<std::pair<double, Entry>> scored;
  Category category;
  for (std::size_t image = 0; image < images.size(); ++image) {
    const DetectionImage& own = images[image];
    category.truth.insert(category.truth.end(), own.truth.size(), static_cast<std::int64_t>(image));
    const std::size_t first = scored.size();
    for (const PredictedBox& prediction : own.predictions)
      scored.push_back({prediction.score, {static_cast<std::int64_t>(image), {}}});
    for (const double threshold : options_.thresholds) {
      const std::vector<bool> hits = match(own, threshold);
      for (std::size_t i = 0; i < hits.size(); ++i) scored[first + i].second.hit.push_back(hits[i]);
    }
  }
  std::stable_sort(scored.begin(), scored.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  for (auto& [score, entry] : scored) category.predictions.push_back(std::move(entry));
  return category;
}

const DetectionMatches::Category& DetectionMatches::at(std::int64_t category,
                                                       std::span<const double> weight) const {
  if (!weight.empty() && std::ssize(weight) != options_.images) {
    throw Error(ErrorKind::kUsage, "detection: " + std::to_string(weight.size()) + " weights for " +
                                       std::to_string(options_.images) + " images");
  }
  return categories_.at(static_cast<std::size_t>(category));
}

double DetectionMatches::truth_weight(const Category& category,
                                      std::span<const double> weight) const {
  double sum = 0;
  for (const std::int64_t image : category.truth) sum += weight_of(image, weight);
  return sum;
}

std::optional<double> DetectionMatches::average_precision(std::size_t threshold,
                                                          std::int64_t category,
                                                          std::span<const double> weight) const {
  const Category& own = at(category, weight);
  const double truth = truth_weight(own, weight);
  if (truth <= 0) return std::nullopt;
  std::vector<double> recall, precision;
  double found = 0, seen = 0;
  for (const Entry& entry : own.predictions) {
    const double w = weight_of(entry.image, weight);
    if (w <= 0) continue;
    seen += w;
    if (entry.hit[threshold]) found += w;
    recall.push_back(found / truth);
    precision.push_back(found / (seen + std::numeric_limits<double>::epsilon()));
  }
  return mean_precision(recall, std::move(precision));
}

std::optional<double> DetectionMatches::recall(std::size_t threshold, std::int64_t category,
                                               std::span<const double> weight) const {
  const Category& own = at(category, weight);
  const double truth = truth_weight(own, weight);
  if (truth <= 0) return std::nullopt;
  double found = 0;
  for (const Entry& entry : own.predictions) {
    if (entry.hit[threshold]) found += weight_of(entry.image, weight);
  }
  return found / truth;
}

std::optional<double> DetectionMatches::mean_average_precision(
    std::span<const double> weight) const {
  double sum = 0, count = 0;
  for (std::int64_t category = 0; category < options_.categories; ++category) {
    for (std::size_t threshold = 0; threshold < options_.thresholds.size(); ++threshold) {
      const std::optional<double> value = average_precision(threshold, category, weight);
      if (!value) continue;
      sum += *value;
      ++count;
    }
  }
  if (count == 0) return std::nullopt;
  return sum / count;
}

}  // namespace biplane

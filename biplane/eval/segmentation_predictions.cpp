#include "biplane/eval/segmentation_predictions.h"

#include <memory>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/eval/figure_rows.h"
#include "biplane/eval/json_lines.h"

namespace biplane {
namespace {

using Json = nlohmann::ordered_json;

double ratio(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 1.0 : static_cast<double>(part) / static_cast<double>(whole);
}

Json head_line(const SegmentationPredictions& predictions) {
  return {{"task", "segmentation"},
          {"views", predictions.views},
          {"classes", predictions.classes},
          {"pixels", predictions.pixels},
          {"exclusive", predictions.exclusive},
          {"batch", predictions.batch}};
}

Json study_line(const SegmentedStudy& study) {
  Json counts = Json::array();
  for (const MaskCounts& one : study.counts) counts.push_back({one.predicted, one.truth, one.both});
  Json line = head_study_json(study);
  line["predicted_truth_both"] = counts;
  return line;
}

SegmentationPredictions parse_head(const Json& json) {
  SegmentationPredictions predictions;
  predictions.views = json.at("views");
  predictions.classes = json.at("classes").get<std::vector<std::string>>();
  predictions.pixels = json.at("pixels");
  predictions.exclusive = json.at("exclusive");
  predictions.batch = json.at("batch");
  return predictions;
}

SegmentedStudy parse_study(const Json& json, std::size_t classes) {
  SegmentedStudy study{parse_head_study(json), {}};
  for (const Json& one : json.at("predicted_truth_both"))
    study.counts.push_back({one.at(0), one.at(1), one.at(2)});
  if (study.counts.size() != classes)
    throw Error(ErrorKind::kBadContent, "three counts a class are needed");
  return study;
}

// One finding's counts in the images of a column.
using Images = std::shared_ptr<const std::vector<MaskCounts>>;

double weight_of(Values weight, std::size_t image) { return weight.empty() ? 1.0 : weight[image]; }

// Weighted mean of value(counts) over the images that count.
template <class Counts, class Value>
Statistic mean_over(const Images& images, Counts counts, Value value) {
  return [=](Values weight) -> std::optional<double> {
    double sum = 0, total = 0;
    for (std::size_t i = 0; i < images->size(); ++i) {
      const double w = weight_of(weight, i);
      if (w == 0 || !counts((*images)[i])) continue;
      sum += w * value((*images)[i]);
      total += w;
    }
    return total > 0 ? std::optional<double>(sum / total) : std::nullopt;
  };
}

// Mean over batches of the mean Dice of their images.
Statistic mean_of_batches(const Images& images, std::int64_t batch) {
  return [=](Values weight) -> std::optional<double> {
    double means = 0, batches = 0;
    const auto size = static_cast<std::size_t>(batch);
    for (std::size_t begin = 0; begin < images->size(); begin += size) {
      double sum = 0, total = 0;
      for (std::size_t i = begin; i < std::min(begin + size, images->size()); ++i) {
        sum += weight_of(weight, i) * dice_of((*images)[i]);
        total += weight_of(weight, i);
      }
      if (total == 0) continue;
      means += sum / total;
      batches += 1;
    }
    return batches > 0 ? std::optional<double>(means / batches) : std::nullopt;
  };
}

// Dice of the finding and of the background over all pixels, and their mean.
Statistic mean_of_both_classes(const Images& images, std::int64_t pixels) {
  return [=](Values weight) -> std::optional<double> {
    double predicted = 0, truth = 0, both = 0, all = 0;
    for (std::size_t i = 0; i < images->size(); ++i) {
      const double w = weight_of(weight, i);
      const MaskCounts& one = (*images)[i];
      predicted += w * static_cast<double>(one.predicted);
      truth += w * static_cast<double>(one.truth);
      both += w * static_cast<double>(one.both);
      all += w * static_cast<double>(pixels);
    }
    const double neither = all - predicted - truth + both, outside = 2 * all - predicted - truth;
    if (predicted + truth <= 0 || outside <= 0) return std::nullopt;
    return (2 * both / (predicted + truth) + 2 * neither / outside) / 2;
  };
}

std::vector<Figure> finding_figures(const SegmentationPredictions& head, const std::string& name,
                                    const Images& images) {
  const auto n = static_cast<std::int64_t>(images->size());
  std::int64_t positives = 0;
  for (const MaskCounts& one : *images) positives += one.truth > 0;
  const auto shows = [](const MaskCounts& one) { return one.truth > 0; };
  const auto every = [](const MaskCounts&) { return true; };
  const std::string none = positives > 0 ? "" : "no image shows it";
  std::vector<Figure> figures = {
      {"dice_positives", name, mean_over(images, shows, dice_of), positives, positives, none},
      {"iou", name, mean_over(images, shows, iou_of), positives, positives, none},
      {"dice_with_empty_rule", name, mean_over(images, every, dice_of), n, positives}};
  if (head.batch > 1)
    figures.push_back(
        {"dice_with_empty_rule_by_batch", name, mean_of_batches(images, head.batch), n, positives});
  if (head.exclusive)
    figures.push_back(
        {"mean_dice", name, mean_of_both_classes(images, head.pixels), n, positives, none});
  return figures;
}

}  // namespace

double dice_of(const MaskCounts& counts) {
  return ratio(2 * counts.both, counts.predicted + counts.truth);
}

double iou_of(const MaskCounts& counts) {
  return ratio(counts.both, counts.predicted + counts.truth - counts.both);
}

void write_segmentation(const std::filesystem::path& file,
                        const SegmentationPredictions& predictions) {
  write_file_atomically(file, [&](std::ostream& out) {
    out << json_line(head_line(predictions));
    for (const SegmentedStudy& study : predictions.studies) out << json_line(study_line(study));
  });
}

SegmentationPredictions read_segmentation(const std::filesystem::path& file) {
  SegmentationPredictions predictions;
  read_json_lines(file, [&](const Json& json, std::int64_t number) {
    if (number == 1) {
      predictions = parse_head(json);
    } else {
      predictions.studies.push_back(parse_study(json, predictions.classes.size()));
    }
  });
  return predictions;
}

std::vector<ResultRow> segmentation_rows(const SegmentationPredictions& predictions,
                                         const BootstrapOptions& bootstrap, int threads) {
  ResultRow base;
  base.task = "segmentation";
  base.views = predictions.views;
  const auto figures = [&](const std::vector<const SegmentedStudy*>& studies) {
    std::vector<Figure> all;
    for (std::size_t c = 0; c < predictions.classes.size(); ++c) {
      std::vector<MaskCounts> counts;
      for (const SegmentedStudy* study : studies) counts.push_back(study->counts[c]);
      const auto images = std::make_shared<const std::vector<MaskCounts>>(std::move(counts));
      for (Figure& figure : finding_figures(predictions, predictions.classes[c], images))
        all.push_back(std::move(figure));
    }
    return all;
  };
  return rows_of_populations(predictions.studies, base, figures, bootstrap, threads);
}

std::optional<double> pooled_dice(std::span<const MaskCounts> images) {
  MaskCounts sum;
  for (const MaskCounts& one : images) {
    sum.predicted += one.predicted;
    sum.truth += one.truth;
    sum.both += one.both;
  }
  if (sum.truth == 0) return std::nullopt;
  return dice_of(sum);
}

}  // namespace biplane

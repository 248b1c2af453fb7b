#include "biplane/eval/grounding.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>

#include "biplane/corpus/selection.h"
#include "biplane/eval/columns.h"
#include "biplane/eval/example_images.h"
#include "biplane/eval/metrics.h"
#include "biplane/eval/truth_mask.h"
#include "biplane/imaging/heatmap.h"

namespace biplane {
namespace {

constexpr std::array<const char*, 2> kMaps{"attention", "cosine"};
constexpr std::array<const char*, 3> kMetrics{"pointing_game", "mean_iou", "cnr"};
constexpr Colour kTruthColour{64, 224, 208};

// One finding in one view of one study: the value of every metric, nothing where undefined.
struct Item {
  std::int64_t row = 0;  // of StudyFeatures
  std::string finding;
  bool lateral = false;
  double chance = 0;
  std::array<std::array<std::optional<double>, kMetrics.size()>, kMaps.size()> values;
};

using Phrases = std::map<std::string, PhraseFeatures>;  // finding -> phrase

const FloatImage& map_of(const PhraseMap& map, std::size_t kind) {
  return kind == 0 ? map.attention : map.cosine;
}

std::vector<double> stretched(const FloatImage& map, int side) {
  const FloatImage large = upsample_bilinear(map, side, side);
  const auto [low, high] = std::minmax_element(large.pixels.begin(), large.pixels.end());
  const double base = *low, range = *high > *low ? static_cast<double>(*high) - *low : 1.0;
  std::vector<double> heat;
  heat.reserve(large.pixels.size());
  for (const float value : large.pixels) heat.push_back((value - base) / range);
  return heat;
}

Item measure(const PhraseMap& maps, const std::vector<std::uint8_t>& truth, int side) {
  Item item;
  item.chance = static_cast<double>(std::count(truth.begin(), truth.end(), 1)) /
                static_cast<double>(truth.size());
  for (std::size_t kind = 0; kind < kMaps.size(); ++kind) {
    const std::vector<double> heat = stretched(map_of(maps, kind), side);
    item.values[kind] = {pointing_hit(heat, truth) ? 1.0 : 0.0, mean_iou(heat, truth),
                         contrast_to_noise(heat, truth)};
  }
  return item;
}

std::vector<Item> measure_study(const EvaluationInput& input, const Phrases& phrases,
                                std::int64_t row) {
  const Study& study = study_of(input, row);
  const PreprocessOptions& options = input.engine.description().preprocess;
  std::vector<Item> items;
  for (const bool lateral : {false, true}) {
    const std::optional<std::int64_t> view = first_view(study, lateral);
    const std::vector<std::string> findings =
        view ? marked_findings(study, *view) : std::vector<std::string>{};
    std::optional<ViewFeatures> features;
    for (const std::string& finding : findings) {
      if (!phrases.contains(finding)) continue;
      const std::vector<std::uint8_t> truth = truth_mask(study, *view, finding, options);
      if (std::count(truth.begin(), truth.end(), 1) == 0) continue;  // cut off by the crop
      if (!features)
        features = input.engine.encode_view(model_input(input, study, lateral), lateral);
      items.push_back(measure(input.engine.ground(phrases.at(finding), *features), truth,
                              static_cast<int>(options.crop)));
      items.back().row = row;
      items.back().finding = finding;
      items.back().lateral = lateral;
    }
  }
  return items;
}

std::vector<Item> measure_all(const EvaluationInput& input, const Phrases& phrases) {
  std::vector<std::vector<Item>> parts(static_cast<std::size_t>(input.features.size()));
  input.engine.for_each(input.features.size(), [&](std::int64_t row) {
    parts[static_cast<std::size_t>(row)] = measure_study(input, phrases, row);
  });
  std::vector<Item> items;
  for (std::vector<Item>& part : parts)
    std::move(part.begin(), part.end(), std::back_inserter(items));
  return items;
}

// Values of one metric over items, undefined ones left out of the (weighted) mean.
std::optional<double> mean(const std::vector<std::optional<double>>& values, Values weight) {
  double sum = 0, count = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double w = weight.empty() ? 1.0 : weight[i];
    if (!values[i] || w == 0) continue;
    sum += w * *values[i];
    count += w;
  }
  return count > 0 ? std::optional<double>(sum / count) : std::nullopt;
}

// The items of one view, with what their figures are made of.
class ViewTable {
 public:
  ViewTable(const EvaluationInput& input, std::vector<Item> items, bool lateral)
      : items_(std::move(items)),
        bootstrap_(patients(input, items_), input.bootstrap),
        lateral_(lateral) {
    for (const Item& item : items_) findings_.insert(item.finding);
  }

  // One metric per finding and over all findings. value(item) -> what it is for one item.
  template <class Value>
  void add(const std::string& metric, const std::string& map, const Value& value,
           std::vector<ResultRow>& rows) const {
    std::vector<Replicates> repeats;
    double sum = 0, defined = 0;
    for (const std::string& finding : findings_) {
      std::vector<std::optional<double>> values;
      std::int64_t n = 0;
      for (const Item& item : items_) {
        const bool own = item.finding == finding;
        values.push_back(own ? value(item) : std::nullopt);
        n += own;
      }
      rows.push_back(make_row(metric, map, finding, n));
      rows.back().value = mean(values, {});
      if (!rows.back().value) {
        rows.back().note = "the map does not vary in any image";
        continue;
      }
      repeats.push_back(bootstrap_.replicate([&](Values weight) { return mean(values, weight); }));
      set_repeats(rows.back(), repeats.back());
      sum += *rows.back().value;
      defined += 1;
    }
    rows.push_back(make_row(metric, map, "macro", static_cast<std::int64_t>(items_.size())));
    if (defined > 0) {
      rows.back().value = sum / defined;
      set_repeats(rows.back(), mean_of(repeats));
    } else {
      rows.back().note = "no finding is defined";
    }
  }

 private:
  static std::vector<std::string> patients(const EvaluationInput& input,
                                           const std::vector<Item>& items) {
    std::vector<std::string> names;
    for (const Item& item : items) names.push_back(study_of(input, item.row).patient_id);
    return names;
  }

  ResultRow make_row(const std::string& metric, const std::string& map, const std::string& label,
                     std::int64_t n) const {
    ResultRow row;
    row.task = "grounding";
    row.views = lateral_ ? "lateral" : "frontal";
    row.metric = metric;
    row.label = label;
    row.map = map;
    row.n = n;
    return row;
  }

  std::vector<Item> items_;
  std::set<std::string> findings_;
  PatientBootstrap bootstrap_;
  bool lateral_;
};

void add_view(const EvaluationInput& input, const std::vector<Item>& all, bool lateral,
              std::vector<ResultRow>& rows) {
  std::vector<Item> items;
  std::copy_if(all.begin(), all.end(), std::back_inserter(items),
               [&](const Item& item) { return item.lateral == lateral; });
  if (items.empty()) return;
  const ViewTable table(input, std::move(items), lateral);
  const bool attention = input.engine.description().provenance.alignment_trained;
  for (std::size_t kind = attention ? 0 : 1; kind < kMaps.size(); ++kind) {
    for (std::size_t metric = 0; metric < kMetrics.size(); ++metric) {
      table.add(
          kMetrics[metric], kMaps[kind],
          [&](const Item& item) { return item.values[kind][metric]; }, rows);
    }
  }
  table.add(
      "pointing_chance", {}, [](const Item& item) { return std::optional<double>(item.chance); },
      rows);
}

GroundingView example_view(const EvaluationInput& input, const Study& study,
                           const std::string& finding, const PhraseFeatures& phrase, bool lateral) {
  const PreprocessOptions& options = input.engine.description().preprocess;
  const PhraseMap maps = input.engine.ground(
      phrase, input.engine.encode_view(model_input(input, study, lateral), lateral));
  const std::size_t kind = input.engine.description().provenance.alignment_trained ? 0 : 1;
  const GreyImage grey = example_image(input, study, lateral);
  GroundingView view{lateral ? "lateral" : "frontal",
                     to_rgb(grey),
                     overlay_heatmap(grey, map_of(maps, kind)),
                     kMaps[kind],
                     {}};
  const std::int64_t place = *first_view(study, lateral);
  const std::vector<std::uint8_t> truth = truth_mask(study, place, finding, options);
  if (std::count(truth.begin(), truth.end(), 1) == 0) return view;
  view.hit = pointing_hit(stretched(map_of(maps, kind), static_cast<int>(options.crop)), truth);
  const std::vector<std::uint8_t> outline =
      truth_mask(study, place, finding, display_options(options, kDisplaySide));
  draw_mask_outline(view.image, outline, kTruthColour);
  draw_mask_outline(view.overlay, outline, kTruthColour);
  return view;
}

// The first study of each finding in the order of the file, findings in turn; not chosen for their
// looks.
void add_examples(const EvaluationInput& input, const std::vector<Item>& items,
                  const Phrases& phrases, ReportData& report) {
  std::set<std::string> done;
  for (const Item& item : items) {
    if (static_cast<std::int64_t>(report.grounding.size()) >= input.examples) return;
    if (!done.insert(item.finding).second) continue;
    const Study& study = study_of(input, item.row);
    GroundingExample example{study.study_id, item.finding, study.report.text, {}};
    for (const bool lateral : {false, true}) {
      if (!first_view(study, lateral)) continue;
      example.views.push_back(
          example_view(input, study, item.finding, phrases.at(item.finding), lateral));
    }
    report.grounding.push_back(std::move(example));
  }
}

}  // namespace

void GroundingEvaluator::run(const EvaluationInput& input, EvaluationOutput& output) const {
  if (input.prompts == nullptr) {
    output.notes.emplace_back(
        "grounding: skipped, there is no prompt file for the labels of this corpus");
    return;
  }
  Phrases phrases;
  for (const PromptClass& one : input.prompts->classes)
    phrases.emplace(one.finding, input.engine.encode_phrase(one.positive));
  const std::vector<Item> items = measure_all(input, phrases);
  if (items.empty()) {
    output.notes.emplace_back(
        "grounding: skipped, no study has a mask or box of a finding with prompts");
    return;
  }
  if (!input.engine.description().provenance.alignment_trained) {
    output.notes.emplace_back(
        "grounding: the alignment decoder was not trained, so only the cosine map is measured");
  }
  for (const bool lateral : {false, true}) add_view(input, items, lateral, output.rows);
  add_examples(input, items, phrases, output.report);
}

}  // namespace biplane

#include "biplane/eval/grounding.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <numeric>
#include <optional>
#include <set>

#include "biplane/corpus/selection.h"
#include "biplane/eval/columns.h"
#include "biplane/eval/drawn_rows.h"
#include "biplane/eval/example_images.h"
#include "biplane/eval/metrics.h"
#include "biplane/eval/truth_mask.h"
#include "biplane/imaging/heatmap.h"
#include "biplane/inference/phrase_gradient.h"

namespace biplane {
namespace {

constexpr std::size_t kGradient = 3;  // of the pictures: what the contrast trains
constexpr std::array<const char*, 3> kMetrics{"pointing_game", "mean_iou", "cnr"};
constexpr Colour kTruthColour{64, 224, 208};

// One finding in one view of one study: the value of every metric, nothing where undefined.
struct Item {
  std::int64_t row = 0;  // of StudyFeatures
  Mark mark;
  bool lateral = false;
  bool gradient = false;  // its gradient map was drawn
  double chance = 0;
  std::array<std::array<std::optional<double>, kMetrics.size()>, kMapNames.size()> values;
};

struct MeasuredMarks {
  std::vector<Item> items;
  std::int64_t cut_off = 0;  // marks outside of what the model is shown

  void take(MeasuredMarks more) {
    std::move(more.items.begin(), more.items.end(), std::back_inserter(items));
    cut_off += more.cut_off;
  }
};

using Phrases = std::map<std::string, PhraseFeatures>;  // finding -> its prompts
using Maps = std::array<FloatImage, kMapNames.size()>;

// One view of a study.
struct StudyView {
  const Study& study;
  bool lateral = false;
  bool gradient = true;  // draw that map, too
};

// The maps of phrases over a view, in the order of kMapNames; one that is not drawn is empty.
std::vector<Maps> draw_maps(const EvaluationInput& input, const StudyView& of,
                            const std::vector<PhraseFeatures>& phrases) {
  const FloatImage image = model_input(input, of.study, of.lateral);
  const ViewFeatures view = input.engine.encode_view(image, of.lateral);
  std::vector<torch::Tensor> globals;
  for (const PhraseFeatures& phrase : phrases) globals.push_back(phrase.global);
  std::vector<FloatImage> gradients(phrases.size());
  if (of.gradient)
    gradients = gradient_maps(input.engine.model(), image, of.lateral, torch::stack(globals));
  std::vector<Maps> maps;
  for (std::size_t i = 0; i < phrases.size(); ++i) {
    PhraseMap tokens = input.engine.ground(phrases[i], view);
    maps.push_back({std::move(tokens.attention), std::move(tokens.cosine),
                    std::move(tokens.sentence), std::move(gradients[i])});
  }
  return maps;
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

Item measure(const Maps& maps, const std::vector<std::uint8_t>& truth, int side) {
  Item item;
  item.chance = static_cast<double>(std::count(truth.begin(), truth.end(), 1)) /
                static_cast<double>(truth.size());
  for (std::size_t kind = 0; kind < kMapNames.size(); ++kind) {
    if (maps[kind].pixels.empty()) continue;
    const std::vector<double> heat = stretched(maps[kind], side);
    item.values[kind] = {pointing_hit(heat, truth) ? 1.0 : 0.0, mean_iou(heat, truth),
                         contrast_to_noise(heat, truth)};
  }
  return item;
}

// What is asked for a mark: its own words, else the finding's prompts.
PhraseFeatures query_of(const EvaluationInput& input, const Phrases& phrases, const Mark& mark) {
  return mark.phrase.empty() ? phrases.at(mark.finding) : input.engine.encode_phrase({mark.phrase});
}

// The marks of one view that have a query.
MeasuredMarks measure_view(const EvaluationInput& input, const Phrases& phrases,
                           const StudyView& of) {
  MeasuredMarks result;
  const auto& [study, lateral, gradient] = of;
  const PreprocessOptions& options = input.engine.description().preprocess;
  const std::optional<std::int64_t> view = first_view(study, lateral);
  if (!view) return result;
  std::vector<Mark> marks;
  std::vector<std::vector<std::uint8_t>> truths;
  std::vector<PhraseFeatures> queries;
  for (Mark& mark : marks_of(study, *view)) {
    if (mark.phrase.empty() && !phrases.contains(mark.finding)) continue;
    std::vector<std::uint8_t> truth = mark_mask(study, *view, mark, options);
    if (std::count(truth.begin(), truth.end(), 1) == 0) {
      ++result.cut_off;
      continue;
    }
    queries.push_back(query_of(input, phrases, mark));
    marks.push_back(std::move(mark));
    truths.push_back(std::move(truth));
  }
  if (marks.empty()) return result;
  const std::vector<Maps> maps = draw_maps(input, of, queries);
  for (std::size_t i = 0; i < marks.size(); ++i) {
    Item& item =
        result.items.emplace_back(measure(maps[i], truths[i], static_cast<int>(options.crop)));
    item.mark = std::move(marks[i]);
    item.lateral = lateral;
    item.gradient = gradient;
  }
  return result;
}

MeasuredMarks measure_study(const EvaluationInput& input, const Phrases& phrases, std::int64_t row,
                            bool gradient) {
  MeasuredMarks result;
  for (const bool lateral : {false, true})
    result.take(measure_view(input, phrases, {study_of(input, row), lateral, gradient}));
  for (Item& item : result.items) item.row = row;
  return result;
}

// Per row: whether its gradient maps are drawn.
std::vector<std::uint8_t> gradient_rows(const EvaluationInput& input) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(input.features.size()));
  std::iota(rows.begin(), rows.end(), 0);
  std::vector<std::uint8_t> drawn(rows.size(), 0);
  for (const std::int64_t place : drawn_places(input, rows, input.gradient_studies))
    drawn[static_cast<std::size_t>(place)] = 1;
  return drawn;
}

MeasuredMarks measure_all(const EvaluationInput& input, const Phrases& phrases) {
  const std::vector<std::uint8_t> drawn = gradient_rows(input);
  std::vector<MeasuredMarks> parts(static_cast<std::size_t>(input.features.size()));
  input.engine.for_each(input.features.size(), [&](std::int64_t row) {
    const auto place = static_cast<std::size_t>(row);
    parts[place] = measure_study(input, phrases, row, drawn[place] != 0);
  });
  MeasuredMarks all;
  for (MeasuredMarks& part : parts) all.take(std::move(part));
  return all;
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
    for (const Item& item : items_) {
      Extent& extent = findings_[item.mark.finding];
      ++extent.masks;
      extent.covered += item.chance;
    }
  }

  // One metric per finding and its means over findings. value(item) -> what it is for one item.
  template <class Value>
  void add(const std::string& metric, const std::string& map, const Value& value,
           std::vector<ResultRow>& rows) const {
    std::vector<ResultRow> all, small;
    for (const auto& [finding, extent] : findings_) {
      std::vector<std::optional<double>> values;
      ResultRow row = make_row(metric, map, finding);
      std::int64_t drawn = 0;
      for (const Item& item : items_) {
        const bool own =
            item.mark.finding == finding && (map != kMapNames[kGradient] || item.gradient);
        values.push_back(own ? value(item) : std::nullopt);
        drawn += own;
        row.n += values.back().has_value();
      }
      if (drawn == 0) continue;  // no gradient map of this finding
      row.value = mean(values, {});
      if (row.n < drawn)
        row.note = fmt::format("{} of {} maps do not vary and are left out", drawn - row.n, drawn);
      if (row.value) {
        set_repeats(row, bootstrap_.replicate([&](Values weight) { return mean(values, weight); }));
      } else {
        row.note = "the map does not vary in any image";
      }
      all.push_back(row);
      if (extent.share() <= kSmallShare) small.push_back(row);
    }
    rows.insert(rows.end(), all.begin(), all.end());
    rows.push_back(macro(make_row(metric, map, "macro"), all));
    rows.push_back(macro(make_row(metric, map, "macro_small"), small));
  }

 private:
  static std::vector<std::string> patients(const EvaluationInput& input,
                                           const std::vector<Item>& items) {
    std::vector<std::string> names;
    for (const Item& item : items) names.push_back(study_of(input, item.row).patient_id);
    return names;
  }

  // Masks of a finding, and the sum of the shares of the image that they cover.
  struct Extent {
    std::int64_t masks = 0;
    double covered = 0;
    double share() const { return covered / static_cast<double>(masks); }
  };

  ResultRow make_row(const std::string& metric, const std::string& map,
                     const std::string& label) const {
    ResultRow row;
    row.task = "grounding";
    row.views = lateral_ ? "lateral" : "frontal";
    row.metric = metric;
    row.label = label;
    row.map = map;
    return row;
  }

  // The mean over findings rests on all their masks.
  static ResultRow macro(ResultRow row, const std::vector<ResultRow>& findings) {
    row = mean_row(std::move(row), findings);
    row.n = 0;
    for (const ResultRow& finding : findings) row.n += finding.n;
    return row;
  }

  std::vector<Item> items_;
  std::map<std::string, Extent> findings_;
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
  for (std::size_t kind = attention ? 0 : 1; kind < kMapNames.size(); ++kind) {
    if (kind == kGradient && input.gradient_studies == 0) continue;
    for (std::size_t metric = 0; metric < kMetrics.size(); ++metric) {
      table.add(
          kMetrics[metric], kMapNames[kind],
          [&](const Item& item) { return item.values[kind][metric]; }, rows);
    }
  }
  const auto chance = [](const Item& item) { return std::optional<double>(item.chance); };
  table.add("pointing_chance", {}, chance, rows);
  if (input.gradient_studies > 0)  // of the masks that its maps are drawn of
    table.add("pointing_chance", kMapNames[kGradient], chance, rows);
}

GroundingView example_view(const EvaluationInput& input, const Study& study, const Mark& mark,
                           const PhraseFeatures& phrase, bool lateral) {
  const PreprocessOptions& options = input.engine.description().preprocess;
  const FloatImage map = std::move(draw_maps(input, {study, lateral}, {phrase})[0][kGradient]);
  const GreyImage grey = example_image(input, study, lateral);
  GroundingView view{lateral ? "lateral" : "frontal",
                     to_rgb(grey),
                     overlay_heatmap(grey, map),
                     kMapNames[kGradient],
                     {}};
  const std::int64_t place = *first_view(study, lateral);
  const std::vector<std::uint8_t> truth = mark_mask(study, place, mark, options);
  if (std::count(truth.begin(), truth.end(), 1) == 0) return view;
  view.hit = pointing_hit(stretched(map, static_cast<int>(options.crop)), truth);
  const std::vector<std::uint8_t> outline =
      mark_mask(study, place, mark, display_options(options, kDisplaySide));
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
    const Mark& mark = item.mark;
    if (!done.insert(mark.finding).second) continue;
    const Study& study = study_of(input, item.row);
    GroundingExample example{study.study_id, mark.finding, study.report.text, {}};
    if (!mark.phrase.empty()) example.finding += ": " + mark.phrase;
    const PhraseFeatures query = query_of(input, phrases, mark);
    for (const bool lateral : {false, true}) {
      if (!first_view(study, lateral)) continue;
      example.views.push_back(example_view(input, study, mark, query, lateral));
    }
    report.grounding.push_back(std::move(example));
  }
}

}  // namespace

void GroundingEvaluator::run(const EvaluationInput& input, EvaluationOutput& output) const {
  Phrases phrases;
  if (input.prompts != nullptr)
    for (const PromptClass& one : input.prompts->classes)
      phrases.emplace(one.finding, input.engine.encode_phrase(one.positive));
  const MeasuredMarks measured = measure_all(input, phrases);
  const std::vector<Item>& items = measured.items;
  if (measured.cut_off > 0) {
    output.notes.push_back(fmt::format(
        "grounding: {} masks or boxes lie outside of what the model is shown (it crops) "
        "and are left out",
        measured.cut_off));
  }
  if (items.empty()) {
    output.notes.emplace_back(
        input.prompts == nullptr
            ? "grounding: skipped, there is no prompt file for the labels of this corpus"
            : "grounding: skipped, no study has a mask or box of a finding with prompts");
    return;
  }
  if (const auto own = std::count_if(items.begin(), items.end(),
                                     [](const Item& item) { return !item.mark.phrase.empty(); });
      own > 0) {
    output.notes.push_back(fmt::format(
        "grounding: {} of {} places are asked for by the words of their boxes, not by prompts", own,
        items.size()));
  }
  if (!input.engine.description().provenance.alignment_trained) {
    output.notes.emplace_back(
        "grounding: the alignment decoder was not trained, so there is no attention map");
  }
  for (const bool lateral : {false, true}) add_view(input, items, lateral, output.rows);
  add_examples(input, items, phrases, output.report);
}

}  // namespace biplane

#include <algorithm>
#include <cmath>

#include "biplane/eval/module_measures.h"
#include "biplane/imaging/heatmap.h"
#include "biplane/inference/tensor_image.h"
#include "biplane/model/losses.h"
#include "biplane/model/view_alignment.h"

namespace biplane {
namespace {

bool is_finding_word(std::int64_t word_class) {
  return word_class == static_cast<std::int64_t>(WordClass::kEntity) ||
         word_class == static_cast<std::int64_t>(WordClass::kDevice);
}

// The reports of a batch read from one view of each study.
struct Reading {
  torch::Tensor words;      // (n,T,D)
  torch::Tensor attention;  // (n,T,N)
};

Reading read(const MultiviewModel& model, const ModuleBatch& batch, const ViewFeatures& view) {
  Reading reading;
  AlignInput input;
  input.tokens = batch.own.report.whole;
  input.token_mask = batch.batch.attention_mask;
  input.patches = view.patches;
  reading.words = model.align(input, &reading.attention);
  return reading;
}

// Maps (N) over a view for the words of one finding.
struct WordMaps {
  torch::Tensor attention, cosine;
};

WordMaps word_maps(const Reading& reading, const torch::Tensor& tokens, const ViewFeatures& view,
                   std::int64_t row, const torch::Tensor& words) {
  const auto mean = [&](const torch::Tensor& x) {  // (T,C) -> (C)
    return x.masked_select(words.unsqueeze(1)).view({-1, x.size(1)}).mean(0);
  };
  return {mean(reading.attention[row]), unit(view.patches[row]).matmul(unit(mean(tokens[row])))};
}

bool hits(const torch::Tensor& map, const Region& region, const ViewFeatures& view) {
  const FloatImage small = to_image(map.view({view.grid_rows, view.grid_columns}));
  const int side =
      static_cast<int>(std::lround(std::sqrt(static_cast<double>(region.truth.size()))));
  const FloatImage large = upsample_bilinear(small, side, side);
  const std::vector<double> heat(large.pixels.begin(), large.pixels.end());
  return pointing_hit(heat, region.truth);
}

AlignmentItem::Hits measure(const WordMaps& maps, const Region& region, const ViewFeatures& view) {
  AlignmentItem::Hits result;
  result.attention = hits(maps.attention, region, view) ? 1 : 0;
  result.cosine = hits(maps.cosine, region, view) ? 1 : 0;
  const torch::Tensor attention = maps.attention.to(torch::kFloat64).contiguous();
  for (std::size_t i = 0; i < region.cover.size(); ++i)
    result.energy += region.cover[i] * attention.const_data_ptr<double>()[i];
  return result;
}

// A view of the studies, that of their partners, and the own reports read from each.
struct ViewReadings {
  const ViewFeatures& own_view;
  const ViewFeatures& other_view;
  Reading own, other;
};

class Measurer {
 public:
  Measurer(const ModuleBatch& batch, const FindingWords& words, AlignmentItems& items)
      : batch_(batch), words_(words), items_(items) {}

  void add(const ViewReadings& readings, const std::string& views, std::int64_t row,
           const Region& region) {
    const auto keys = words_.find(region.finding);
    if (keys == words_.end()) return;
    const torch::Tensor words = words_about(batch_.batch, row, keys->second);
    if (!words.any().item<bool>()) {
      ++items_.unnamed;
      return;
    }
    AlignmentItem item;
    item.study = batch_.first + row;
    item.finding = region.finding;
    item.views = views;
    item.chance = static_cast<double>(std::count(region.truth.begin(), region.truth.end(), 1)) /
                  static_cast<double>(region.truth.size());
    const torch::Tensor& tokens = batch_.own.report.whole;
    item.own = measure(word_maps(readings.own, tokens, readings.own_view, row, words), region,
                       readings.own_view);
    item.other = measure(word_maps(readings.other, tokens, readings.other_view, row, words), region,
                         readings.other_view);
    items_.regions.push_back(std::move(item));
  }

 private:
  const ModuleBatch& batch_;
  const FindingWords& words_;
  AlignmentItems& items_;
};

// One study's part of the units.
ReportUnits units_of(const ReportUnits& units, std::int64_t row) {
  ReportUnits one;
  one.valid = units.valid.narrow(0, row, 1);
  one.key = units.key.narrow(0, row, 1);
  one.focus = units.focus.narrow(0, row, 1);
  return one;
}

double value_of(const WeightedSum& sum) {
  const double weight = sum.weight.item<double>();
  return weight > 0 ? sum.sum.item<double>() / weight : 0;
}

// L_fla of every study in a batch of two, itself and its partner, with the laterals exchanged less
// as they are (method section 4).
void add_gaps(const ModuleBatch& batch, const ViewReadings& frontal, const ViewReadings& lateral,
              std::vector<ShuffleGap>& gaps) {
  const std::int64_t count = batch.batch.size();
  const ReportUnits units =
      report_units(batch.batch, torch::arange(count), AlignmentUnits::kWords, torch::kFloat32);
  const auto vectors = [&](const Reading& reading) { return unit_vectors(reading.words, units); };
  const auto focus = [&](const torch::Tensor& x) {
    return unit(at::bmm(units.focus.unsqueeze(1), x).squeeze(1));
  };
  const torch::Tensor f = vectors(frontal.own), l = vectors(lateral.own);
  const torch::Tensor other_l = vectors(lateral.other);
  const torch::Tensor fs = torch::stack({focus(f), focus(vectors(frontal.other))});
  const torch::Tensor ls = torch::stack({focus(l), focus(other_l)});
  const AlignmentOptions options;
  for (std::int64_t row = 0; row < count; ++row) {
    const ReportUnits one = units_of(units, row);
    if (!one.valid.any().item<bool>()) continue;
    const auto words = [&](const torch::Tensor& laterals) {
      return value_of(
          word_half(f.narrow(0, row, 1), laterals.narrow(0, row, 1), one, options, Collective{}));
    };
    const auto images = [&](const torch::Tensor& laterals) {
      return value_of(
          image_half(fs.narrow(1, row, 1), laterals.narrow(1, row, 1), one, options.temperature));
    };
    gaps.push_back({batch.first + row, words(other_l) - words(l), images(ls.flip(0)) - images(ls)});
  }
}

}  // namespace

FindingWords finding_words(const PromptSet& prompts, const TextPipeline& text) {
  FindingWords words;
  for (const PromptClass& one : prompts.classes) {
    std::set<std::int64_t>& keys = words[one.finding];
    for (const std::string& prompt : one.positive) {
      const WordAnnotation annotation = encode_report(prompt, text).words;
      for (std::size_t i = 0; i < annotation.word_class.size(); ++i) {
        if (is_finding_word(static_cast<std::int64_t>(annotation.word_class[i])))
          keys.insert(annotation.word_key[i]);
      }
    }
  }
  return words;
}

torch::Tensor words_about(const StudyBatch& batch, std::int64_t row,
                          const std::set<std::int64_t>& keys) {
  const auto at = [&](const torch::Tensor& field) {
    return field[row].const_data_ptr<std::int64_t>();
  };
  const std::int64_t* classes = at(batch.word_class);
  const std::int64_t* sentences = at(batch.sentence_ids);
  const std::int64_t* names = at(batch.word_key);
  const std::int64_t tokens = batch.word_class.size(1);
  std::set<std::int64_t> denials;
  for (std::int64_t t = 0; t < tokens; ++t) {
    if (classes[t] == static_cast<std::int64_t>(WordClass::kNegation)) denials.insert(sentences[t]);
  }
  torch::Tensor words = torch::zeros({tokens}, torch::kBool);
  for (std::int64_t t = 0; t < tokens; ++t) {
    words.data_ptr<bool>()[t] =
        is_finding_word(classes[t]) && keys.contains(names[t]) && !denials.contains(sentences[t]);
  }
  return words;
}

AlignmentItems alignment_items(const MultiviewModel& model, const ModuleBatch& batch,
                               const std::vector<StudyRegions>& regions, const FindingWords& words,
                               const TrainedViews& trained) {
  const torch::NoGradGuard no_grad;
  const auto readings = [&](const ViewFeatures& own, const ViewFeatures& other) {
    return ViewReadings{own, other, read(model, batch, own), read(model, batch, other)};
  };
  const ViewReadings frontal = readings(batch.own.frontal, batch.other.frontal),
                     lateral = readings(batch.own.lateral, batch.other.lateral);
  AlignmentItems items;
  Measurer measurer(batch, words, items);
  for (std::size_t i = 0; i < regions.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i);
    for (const Region& region : regions[i].frontal)
      if (trained.frontal) measurer.add(frontal, "frontal", row, region);
    for (const Region& region : regions[i].lateral)
      if (trained.lateral) measurer.add(lateral, "lateral", row, region);
  }
  if (trained.both()) add_gaps(batch, frontal, lateral, items.gaps);
  return items;
}

}  // namespace biplane

#include <algorithm>

#include "biplane/core/random.h"
#include "biplane/corpus/selection.h"
#include "biplane/eval/columns.h"
#include "biplane/eval/module_measures.h"
#include "biplane/eval/truth_mask.h"

namespace biplane {
namespace {

constexpr std::uint64_t kSeed = 0;  // the protocol's, not a run's

std::vector<Region> view_regions(const EvaluationInput& input, const Study& study, bool lateral,
                                 const ViewFeatures& features) {
  const PreprocessOptions& options = input.engine.description().preprocess;
  const std::int64_t view = first_view(study, lateral).value();
  std::vector<Region> regions;
  for (const std::string& finding : marked_findings(study, view)) {
    Region region{finding, truth_mask(study, view, finding, options), {}};
    if (std::count(region.truth.begin(), region.truth.end(), 1) == 0) continue;  // cut off
    region.cover =
        patch_cover(region.truth, options.crop, features.grid_rows, features.grid_columns);
    regions.push_back(std::move(region));
  }
  return regions;
}

// Undefined where the model was not trained with the view, or its global feature reads no patches.
torch::Tensor attention_score(bool trained, const torch::Tensor& attention) {
  return trained && attention.defined() ? standardised(attention) : torch::Tensor();
}

// Scores of both views, without the one that the model was not trained with.
PatchScore split_score(const std::string& name, const torch::Tensor& scores, std::int64_t frontal,
                       const TrainedViews& trained) {
  const auto part = [&](bool wanted, std::int64_t first, std::int64_t count) {
    return wanted ? scores.narrow(1, first, count) : torch::Tensor();
  };
  return {name, part(trained.frontal, 0, frontal),
          part(trained.lateral, frontal, scores.size(1) - frontal)};
}

std::vector<double> row_of(const torch::Tensor& scores, std::int64_t row) {
  const torch::Tensor values = scores[row].to(torch::kFloat64).contiguous();
  return {values.const_data_ptr<double>(), values.const_data_ptr<double>() + values.numel()};
}

// Lesion patches of one finding, zeros in a view that does not show it.
using Lesions = std::map<std::string, std::vector<std::uint8_t>>;

Lesions lesions_of(const std::vector<Region>& regions, std::int64_t& unmarked) {
  Lesions lesions;
  for (const Region& region : regions) {
    std::vector<std::uint8_t> patches = lesion_patches(region.cover);
    if (std::count(patches.begin(), patches.end(), 1) == 0) {
      ++unmarked;
      continue;
    }
    lesions.emplace(region.finding, std::move(patches));
  }
  return lesions;
}

// The lesions of both views over all candidates of a study.
Lesions joined(const Lesions& frontal, const Lesions& lateral, std::size_t frontals,
               std::size_t laterals) {
  Lesions both;
  for (const auto& [finding, patches] : frontal) both[finding] = patches;
  for (const auto& [finding, patches] : lateral) both[finding].resize(frontals, 0);
  for (auto& [finding, patches] : both) {
    const auto found = lateral.find(finding);
    if (found == lateral.end()) {
      patches.resize(frontals + laterals, 0);
    } else {
      patches.insert(patches.end(), found->second.begin(), found->second.end());
    }
  }
  return both;
}

void add_items(SelectionItem item, const std::vector<double>& score, const Lesions& lesions,
               std::vector<SelectionItem>& items) {
  for (const auto& [finding, patches] : lesions) {
    const std::optional<double> area = auroc(score, patches);
    if (!area) continue;  // every patch is lesion
    item.finding = finding;
    item.auroc = *area;
    item.enrichment = enrichment(score, patches).value();
    items.push_back(item);
  }
}

}  // namespace

std::vector<StudyRegions> batch_regions(const EvaluationInput& input, const ModuleStudies& studies,
                                        const ModuleBatch& batch) {
  std::vector<StudyRegions> regions;
  for (std::int64_t i = 0; i < batch.batch.size(); ++i) {
    const Study& study = study_of(input, studies.rows[static_cast<std::size_t>(batch.first + i)]);
    regions.push_back({view_regions(input, study, false, batch.own.frontal),
                       view_regions(input, study, true, batch.own.lateral)});
  }
  return regions;
}

Scores selection_scores(const StudySide& images, const ReportSide& report,
                        const SelectionConfig& selection, const TrainedViews& trained) {
  const std::int64_t count = images.frontal.patches.size(0);
  KeyCandidates candidates;
  candidates.frontal = images.frontal.patches;
  candidates.lateral = images.lateral.patches;
  candidates.has_frontal = torch::full({count}, trained.frontal, torch::kBool);
  candidates.has_lateral = torch::full({count}, trained.lateral, torch::kBool);
  candidates.frontal_global = images.frontal.global;
  candidates.lateral_global = images.lateral.global;
  candidates.frontal_attention = images.frontal.global_attention;
  candidates.lateral_attention = images.lateral.global_attention;
  const bool full = selection.text == "full";
  candidates.tokens = full ? report.whole : report.masked;
  candidates.score_words = full ? report.words : report.visible;
  return score_candidates(candidates, selection);
}

Scores random_scores(const Scores& like, const torch::Tensor& study_index) {
  torch::Tensor values = torch::empty(like.standard.sizes(), torch::kFloat32);
  float* next = values.data_ptr<float>();
  for (std::int64_t row = 0; row < values.size(0); ++row) {
    CounterRandom random(kSeed, "random selection",
                         {static_cast<std::uint64_t>(study_index[row].item<std::int64_t>())});
    for (std::int64_t i = 0; i < values.size(1); ++i)
      *next++ = static_cast<float>(random.uniform());
  }
  values = values.masked_fill(like.valid.logical_not(), 0.0);
  return {values, values, like.valid};
}

std::vector<PatchScore> patch_scores(const ModuleBatch& batch, const SelectionConfig& selection,
                                     const TrainedViews& trained) {
  const StudySide& own = batch.own;
  const std::int64_t frontals = own.frontal.patches.size(1);
  std::vector<PatchScore> scores;
  const auto add = [&](const char* name, const SelectionConfig& terms) {
    scores.push_back(split_score(name, selection_scores(own, own.report, terms, trained).standard,
                                 frontals, trained));
  };
  add("self_mean", {.text = "none", .self = "mean"});
  add("self_global", {.text = "none", .self = "global"});
  add("text_visible", {.text = "visible", .self = "none"});
  add("text_full", {.text = "full", .self = "none"});
  const Scores sum = selection_scores(own, own.report, selection, trained);
  scores.push_back(split_score("sum", sum.standard, frontals, trained));
  scores.push_back(split_score("random", random_scores(sum, batch.batch.study_index).standard,
                               frontals, trained));
  scores.push_back({"global_attention",
                    attention_score(trained.frontal, own.frontal.global_attention),
                    attention_score(trained.lateral, own.lateral.global_attention)});
  return scores;
}

std::vector<SelectionItem> selection_items(std::int64_t first,
                                           const std::vector<StudyRegions>& regions,
                                           const std::vector<PatchScore>& scores,
                                           std::int64_t& unmarked) {
  std::vector<SelectionItem> items;
  for (std::size_t i = 0; i < regions.size(); ++i) {
    const Lesions frontal = lesions_of(regions[i].frontal, unmarked),
                  lateral = lesions_of(regions[i].lateral, unmarked);
    const auto row = static_cast<std::int64_t>(i);
    for (const PatchScore& score : scores) {
      SelectionItem item{first + row, {}, {}, score.name, 0, 0};
      std::vector<double> both, side;
      if (score.frontal.defined()) {
        item.views = "frontal";
        both = row_of(score.frontal, row);
        add_items(item, both, frontal, items);
      }
      if (score.lateral.defined()) {
        item.views = "lateral";
        side = row_of(score.lateral, row);
        add_items(item, side, lateral, items);
      }
      if (both.empty() || side.empty()) continue;
      item.views = "both";
      const Lesions all = joined(frontal, lateral, both.size(), side.size());
      both.insert(both.end(), side.begin(), side.end());
      add_items(item, both, all, items);
    }
  }
  return items;
}

}  // namespace biplane

#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "biplane/eval/module_batch.h"
#include "biplane/eval/module_figures.h"
#include "biplane/nn/libtorch.h"
#include "biplane/text/lexicon.h"

namespace biplane {

// What is measured of a batch (method section 3 to 5), without gradient; the means and intervals
// are made of it in module_tables.h.

// Which views the model was trained with; the others are hidden from it.
struct TrainedViews {
  bool frontal = true, lateral = true;
  bool both() const { return frontal && lateral; }
};

// ---- Truth ----

// A finding in one view of a study as the model sees it.
struct Region {
  std::string finding;
  std::vector<std::uint8_t> truth;  // (crop, crop)
  std::vector<double> cover;        // of each patch
};
struct StudyRegions {
  std::vector<Region> frontal, lateral;
};
// Regions that the centre crop holds, of studies [begin, begin + n) of `batch`.
std::vector<StudyRegions> batch_regions(const EvaluationInput& input, const ModuleStudies& studies,
                                        const ModuleBatch& batch);

// ---- Key semantics: does the score find the lesion ----

// A score of every candidate, standardised per view and study; a view that it is not defined for is
// undefined.
struct PatchScore {
  std::string name;
  torch::Tensor frontal, lateral;  // (n,N_f), (n,N_l)
};
// Scores of the whole selection for studies of `images` ranked by `report`.
Scores selection_scores(const StudySide& images, const ReportSide& report,
                        const SelectionConfig& selection, const TrainedViews& trained);
// Uniform numbers for the same candidates, a pure function of the study's number.
Scores random_scores(const Scores& like, const torch::Tensor& study_index);
// Every term of the score (self_mean, self_global, text_visible, text_full), their sum as the model
// is configured, and what it is held against: random, global_attention.
std::vector<PatchScore> patch_scores(const ModuleBatch& batch, const SelectionConfig& selection,
                                     const TrainedViews& trained);

struct SelectionItem {
  std::int64_t study = 0;
  std::string finding, views;  // views: frontal, lateral, both (all candidates of the study)
  std::string score;
  double auroc = 0, enrichment = 0;
};
// One item for each finding with a lesion patch and each score; `unmarked` counts regions without a
// lesion patch.
std::vector<SelectionItem> selection_items(std::int64_t first,
                                           const std::vector<StudyRegions>& regions,
                                           const std::vector<PatchScore>& scores,
                                           std::int64_t& unmarked);

// ---- Alignment: do words find their region ----

// Keys (StudyBatch::word_key) of the entity and device words in a finding's positive prompts.
using FindingWords = std::map<std::string, std::set<std::int64_t>>;
FindingWords finding_words(const PromptSet& prompts, const TextPipeline& text);
// (T) bool: words of the set in sentences that deny nothing.
torch::Tensor words_about(const StudyBatch& batch, std::int64_t row,
                          const std::set<std::int64_t>& keys);

struct AlignmentItem {
  std::int64_t study = 0;
  std::string finding, views;  // frontal, lateral
  double chance = 0;           // share of the image inside the truth
  struct Hits {
    double attention = 0, cosine = 0;  // 1 where the map's maximum lies inside
    double energy = 0;                 // share of the attention inside
  };
  Hits own, other;  // the words read from the study's own view, from its partner's
};
struct ShuffleGap {
  std::int64_t study = 0;
  double words = 0, images = 0;  // nats, halves of L_fla; the gap is their mean
};
struct AlignmentItems {
  std::vector<AlignmentItem> regions;
  std::vector<ShuffleGap> gaps;
  std::int64_t unnamed = 0;  // regions whose finding the report does not name
};
AlignmentItems alignment_items(const MultiviewModel& model, const ModuleBatch& batch,
                               const std::vector<StudyRegions>& regions, const FindingWords& words,
                               const TrainedViews& trained);

// ---- Masked words: image effect and leak ----

inline constexpr std::array<const char*, 3> kShownImages{"own", "other", "blank"};
inline constexpr std::array<const char*, 3> kSelectedBy{"own", "other", "random"};
// Classes of words that are asked for.
inline constexpr std::array kAskedClasses{
    WordClass::kEntity,      WordClass::kSide,   WordClass::kSize,    WordClass::kPlace,
    WordClass::kUncertainty, WordClass::kDevice, WordClass::kNegation};

// Masked words of one study by class; a word is found where every piece is.
struct WordCounts {
  std::array<std::int64_t, kWordClasses> words{};
  // [images][selection][class]
  std::array<std::array<std::array<std::int64_t, kWordClasses>, 3>, 3> found{};
};
// Scores of the patches of `images` by a report.
using PatchScorer = std::function<Scores(const StudySide& images, const ReportSide& report)>;
// Predicted ids (P) at the asked places, row by row: the masked copy of the batch's own reports,
// the patches of `images` ranked by `scores`.
using MaskedWordDecoder =
    std::function<torch::Tensor(const StudySide& images, const Scores& scores)>;
// (n,T) i64: mlm_labels at words of kAskedClasses, else -100.
torch::Tensor asked_labels(const StudyBatch& batch);
MaskedWordDecoder masked_word_decoder(const MultiviewModel& model, const ModuleBatch& batch,
                                      const TrainedViews& trained);
std::vector<WordCounts> count_words(const ModuleBatch& batch, const StudySide& blank,
                                    const PatchScorer& scorer, const MaskedWordDecoder& decoder);

// ---- False negatives of the contrast ----

inline constexpr double kContrastTemperature = 0.1;  // method section 5

struct ContrastInput {
  torch::Tensor images, texts;        // (N,D) f32, normalised
  std::vector<std::string> findings;  // the set of findings of each study
  std::vector<std::string> patients;
};
// One study as a query among the reports of all: what its own report, those of studies with the
// same findings and the others get. Reports of the same patient are in the softmax and in no group.
struct ContrastItem {
  double own_cosine = 0, own_mass = 0;
  std::int64_t same = 0, different = 0;          // reports
  double same_cosine = 0, different_cosine = 0;  // means; 0 without reports
  double same_mass = 0, different_mass = 0;      // shares of the softmax
};
std::vector<ContrastItem> contrast_items(const ContrastInput& input, int threads);

}  // namespace biplane

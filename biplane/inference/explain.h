#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "biplane/imaging/image.h"
#include "biplane/text/lexicon.h"

namespace biplane {

class Engine;
class Manifest;

// What a model does with one study, as plain data free of LibTorch. Stage "selection": which
// patches the masked-word decoder may see, what they merge into, and what it reads (method section
// 3).

struct PatchSelection {
  double score = 0;    // standardised within its view: what ranks the patches
  double cosines = 0;  // before that: cosine with the mean patch plus cosine with the visible words
  bool kept = false;
  std::int64_t slot = -1;  // the aggregated token it weighs most in; -1 for a discarded patch
  double slot_weight = 0;  // its weight in that token, 0 to 1
  // Mean of its weights in all used tokens; these sum to 1 over the patches of both views.
  double weight = 0;
  // The part of the original image that it covers, in pixels (pixel i covers [i, i + 1)); what lies
  // in the padding is left out, so that w or h is 0 where all of it does.
  double x = 0, y = 0, w = 0, h = 0;
};

struct ViewSelection {
  std::string view;  // "frontal" or "lateral"
  std::string path;  // of the image, as the manifest gives it
  std::int64_t original_rows = 0, original_cols = 0;
  std::int64_t grid_rows = 0, grid_columns = 0;
  std::vector<PatchSelection> patches;  // row by row
  std::int64_t kept = 0, discarded = 0;
  std::int64_t slots = 0;  // used tokens that have more weight here than in the other view
  double weight = 0;       // sum of the patches' weights
  double lowest_cosines = 0, mean_cosines = 0, highest_cosines = 0;
  GreyImage image;  // what the model saw, in a size to look at; the grid divides it evenly
};

struct TokenProbability {
  std::string token;
  double probability = 0;
};

// A word piece at a masked place.
struct MaskedPiece {
  std::string token;                          // of the report
  std::string shown;                          // what the decoder saw in its place
  double probability = 0;                     // that the decoder gives to `token`
  std::vector<TokenProbability> predictions;  // the likeliest, falling
  bool found() const { return !predictions.empty() && predictions.front().token == token; }
};

struct WordSelection {
  std::size_t begin = 0, end = 0;  // bytes of the report
  WordClass word_class = WordClass::kOther;
  std::vector<MaskedPiece> pieces;  // empty: the word is visible
  bool masked() const { return !pieces.empty(); }
  // Masked, and the decoder ranks each of its pieces first.
  bool found() const {
    return masked() && std::all_of(pieces.begin(), pieces.end(),
                                   [](const MaskedPiece& piece) { return piece.found(); });
  }
};

struct SelectionExplanation {
  std::string study_id;
  std::uint64_t seed = 0;            // of the masks
  std::vector<ViewSelection> views;  // those the study has, the frontal first
  std::string self_term, text_term;  // of the score: model.key_semantics.selection
  double rho = 0;                    // part of the patches that is kept
  std::int64_t slots = 0;            // used aggregated tokens; the discarded make one more
  double slot_support = 0;  // patches that a slot gathers: exp of its weights' entropy, mean
  double lowest_kept = 0;   // score
  std::string report;
  std::vector<WordSelection> words;  // in the order of the report; what is behind them was cut off
  bool mlm_trained = true;           // as ModelProvenance
  std::string trained_on;            // training_summary()
  std::string weights_sha256, preprocess_sha256;

  std::int64_t masked_words() const {
    return std::count_if(words.begin(), words.end(),
                         [](const WordSelection& word) { return word.masked(); });
  }
  std::int64_t words_found() const {
    return std::count_if(words.begin(), words.end(),
                         [](const WordSelection& word) { return word.found(); });
  }
};

// Explains the selection for one study of a manifest: images as evaluation reads them (centre crop,
// first view of each kind), the report masked as in the first epoch of a training with `seed`.
// Throws Error kUsage for an unknown study or one without a report, and as StudyDataset::sample.
SelectionExplanation explain_selection(const Engine& engine, const Manifest& manifest,
                                       const std::string& study_id, std::uint64_t seed);

// One JSON object (docs/explain.md), indented, with a newline at its end.
std::string to_json(const SelectionExplanation& explanation);

}  // namespace biplane

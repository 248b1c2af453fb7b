// What a model of random weights does with one study, against the model called by hand.
#include "biplane/inference/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "biplane/core/error.h"
#include "biplane/nn/weights.h"
#include "tests/eval/small_evaluation.h"

namespace biplane {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::kSide;
using testing::SmallEvaluation;

constexpr std::uint64_t kSeed = 4;

SelectionExplanation explain(const SmallEvaluation& small, const std::string& study) {
  return explain_selection(Engine::open(small.model_path()), Manifest::read(small.manifest_path()),
                           study, kSeed);
}

// The same studies with another description of the model.
Engine engine_with(const SmallEvaluation& small, const ModelDescription& description) {
  const std::filesystem::path folder = small.root() / "other";
  save_model_package(folder, description, SmallEvaluation::random_weights(description.config));
  return Engine::open(folder);
}

Manifest manifest_with_report(const SmallEvaluation& small, std::size_t study,
                              const std::string& report) {
  std::vector<Study> studies = small.studies();
  studies[study].report.text = report;
  return {studies, small.root(), small.manifest_path()};
}

std::string text_of(const SelectionExplanation& explanation, const WordSelection& word) {
  return explanation.report.substr(word.begin, word.end - word.begin);
}

std::vector<std::string> masked_words(const SelectionExplanation& explanation) {
  std::vector<std::string> texts;
  for (const WordSelection& word : explanation.words)
    if (word.masked()) texts.push_back(text_of(explanation, word));
  return texts;
}

std::int64_t kept_of(const SelectionExplanation& explanation) {
  std::int64_t kept = 0;
  for (const ViewSelection& view : explanation.views) {
    EXPECT_EQ(view.kept + view.discarded, static_cast<std::int64_t>(view.patches.size()));
    EXPECT_EQ(view.kept, std::count_if(view.patches.begin(), view.patches.end(),
                                       [](const auto& patch) { return patch.kept; }));
    kept += view.kept;
  }
  return kept;
}

// The model called by hand for study `index`, which has both views.
struct ByHand {
  ByHand(const SmallEvaluation& small, std::int64_t index)
      : description(small.description()), model(description.config, 0) {
    ModelPackage package = load_model_package(small.model_path());
    assign_weights(model, package.weights);
    model.eval();
    const Study& study = small.studies()[static_cast<std::size_t>(index)];
    const WordPieceTokenizer tokenizer(description.vocabulary);
    encoding = tokenizer.encode(study.report.text, description.config.max_tokens);
    words = Lexicon::english().annotate(study.report.text, encoding);
    masked = mask_report(encoding, words, description.vocabulary, {},
                         CounterRandom(kSeed, "mask", {0, static_cast<std::uint64_t>(index)}));
    const auto row = [](const std::vector<std::int64_t>& values) {
      return torch::tensor(values).unsqueeze(0);
    };
    MlmInput input;
    input.frontal = model.encode_frontal(pixels(small.root() / study.views[0].path));
    input.lateral = model.encode_lateral(pixels(small.root() / study.views[1].path));
    input.has_frontal = input.has_lateral = torch::ones({1}, torch::kBool);
    input.masked_ids = row(masked.masked_ids);
    input.mlm_labels = row(masked.labels);
    input.attention_mask = torch::ones_like(input.masked_ids).to(torch::kBool);
    std::vector<std::int64_t> scoring;
    for (std::size_t i = 0; i < encoding.size(); ++i)
      scoring.push_back(words.word_ids[i] >= 0 && masked.labels[i] < 0 &&
                        words.word_class[i] != WordClass::kPunctuation);
    input.score_words = row(scoring).to(torch::kBool);
    output = model.mlm(input);
  }
  static torch::Tensor pixels(const std::filesystem::path& file) {
    const GreyImage image = read_image(file, {}).image;
    return torch::tensor(image.pixels)
               .to(torch::kFloat32)
               .view({1, 1, kSide, kSide})
               .expand({1, 3, kSide, kSide}) /
           255;
  }

  ModelDescription description;
  MultiviewModel model;
  Encoding encoding;
  WordAnnotation words;
  MaskedReport masked;
  MlmOutput output;
};

TEST(ExplainSelection, AgreesWithTheModelCalledDirectly) {
  const torch::NoGradGuard no_grad;
  const SmallEvaluation small(4);
  const SelectionExplanation explanation = explain(small, "s102");
  const ByHand by_hand(small, 2);
  const KeySet& keys = by_hand.output.keys;
  EXPECT_EQ(explanation.slots, keys.slot_used.sum().item<std::int64_t>());
  ASSERT_EQ(explanation.views.size(), 2U);
  std::int64_t at = 0;
  for (const ViewSelection& view : explanation.views) {
    EXPECT_EQ(view.grid_rows * view.grid_columns, 16);
    for (const PatchSelection& patch : view.patches) {
      EXPECT_NEAR(patch.score, keys.scores.standard[0][at].item<double>(), 1e-4);
      EXPECT_NEAR(patch.cosines, keys.scores.raw[0][at].item<double>(), 1e-5);
      EXPECT_EQ(patch.kept, keys.kept[0][at].item<bool>());
      const torch::Tensor weights = keys.aggregation[0].select(1, at);
      EXPECT_NEAR(patch.weight, weights.sum().item<double>() / explanation.slots, 1e-6);
      EXPECT_NEAR(patch.slot_weight, weights.max().item<double>(), 1e-5);
      EXPECT_EQ(patch.slot, patch.kept ? weights.argmax().item<std::int64_t>() : -1);
      ++at;
    }
  }
  const torch::Tensor chance = by_hand.output.logits.softmax(1);
  std::int64_t place = 0;
  for (const WordSelection& word : explanation.words) {
    for (const MaskedPiece& piece : word.pieces) {
      const std::int64_t label = by_hand.output.labels[place].item<std::int64_t>();
      EXPECT_EQ(piece.token, by_hand.description.vocabulary.token(label));
      EXPECT_EQ(piece.shown, "[MASK]");
      EXPECT_NEAR(piece.probability, chance[place][label].item<double>(), 1e-5);
      ASSERT_EQ(piece.predictions.size(), 3U);
      EXPECT_EQ(piece.predictions[0].token,
                by_hand.description.vocabulary.token(chance[place].argmax().item<std::int64_t>()));
      EXPECT_GE(piece.predictions[0].probability, piece.predictions[1].probability);
      ++place;
    }
  }
  EXPECT_GT(place, 2);
  EXPECT_EQ(place, chance.size(0));
}

TEST(ExplainSelection, AnotherStudysReportChangesNothingAndAnotherSeedTheMasks) {
  const SmallEvaluation small(4);
  const Engine engine = Engine::open(small.model_path());
  const std::string whole = to_json(explain(small, "s102"));
  const Manifest changed = manifest_with_report(small, 1, "Vertebral fracture. A pacemaker.");
  EXPECT_EQ(to_json(explain_selection(engine, changed, "s102", kSeed)), whole);
  const Manifest own = manifest_with_report(small, 2, "Vertebral fracture. A pacemaker.");
  EXPECT_NE(to_json(explain_selection(engine, own, "s102", kSeed)), whole);
  EXPECT_NE(masked_words(explain_selection(engine, changed, "s102", kSeed + 1)),
            masked_words(explain_selection(engine, changed, "s102", kSeed)));
}

TEST(ExplainSelection, KeepsTheCeilingOfItsPartWhateverViewsThereAre) {
  const SmallEvaluation small(4, 1);
  for (const double rho : {0.8, 0.75, 0.3, 1.0}) {
    ModelDescription description = small.description();
    description.config.key_semantics.rho = rho;
    const Engine engine = engine_with(small, description);
    const Manifest manifest = Manifest::read(small.manifest_path());
    for (const auto& [study, patches] : {std::pair{"s100", 32}, std::pair{"s103", 16}}) {
      const SelectionExplanation one = explain_selection(engine, manifest, study, kSeed);
      EXPECT_EQ(kept_of(one), std::ceil(rho * patches - 1e-9)) << rho << " " << study;
      EXPECT_EQ(one.slots, std::floor(rho * 0.7 * patches + 1e-9));
      double weight = 0;
      std::int64_t slots = 0;
      for (const ViewSelection& view : one.views) {
        weight += view.weight;
        slots += view.slots;
        for (const PatchSelection& patch : view.patches)
          EXPECT_EQ(patch.kept, patch.score >= one.lowest_kept);
      }
      EXPECT_NEAR(weight, 1, 1e-5);
      EXPECT_EQ(slots, one.slots);
    }
  }
}

TEST(ExplainSelection, MasksChangeTheScoresOnlyWhereVisibleWordsScore) {
  const SmallEvaluation small(3);
  const Manifest manifest = Manifest::read(small.manifest_path());
  for (const std::string text : {"visible", "full"}) {
    ModelDescription description = small.description();
    description.config.key_semantics.selection.text = text;
    const Engine engine = engine_with(small, description);
    const auto score = [&](std::uint64_t seed) {
      const SelectionExplanation one = explain_selection(engine, manifest, "s101", seed);
      EXPECT_EQ(one.text_term, text);
      return one.views[1].patches[5].cosines;
    };
    EXPECT_EQ(score(kSeed) == score(kSeed + 1), text == "full");
  }
}

TEST(ExplainSelection, AStudyWithOneViewShowsOne) {
  const SmallEvaluation small(4, 1);
  const SelectionExplanation explanation = explain(small, "s103");
  ASSERT_EQ(explanation.views.size(), 1U);
  EXPECT_EQ(explanation.views[0].view, "frontal");
  EXPECT_EQ(explanation.views[0].path, "f3.png");
}

// Areas of the boxes, and that they lie in the image and do not overlap.
double checked_area(const ViewSelection& view) {
  double area = 0;
  for (std::size_t i = 0; i < view.patches.size(); ++i) {
    const PatchSelection& one = view.patches[i];
    EXPECT_GE(std::min({one.x, one.y, one.w, one.h}), 0);
    EXPECT_LE(one.x + one.w, static_cast<double>(view.original_cols) + 1e-9);
    EXPECT_LE(one.y + one.h, static_cast<double>(view.original_rows) + 1e-9);
    area += one.w * one.h;
    for (std::size_t k = 0; k < i; ++k) {
      const PatchSelection& other = view.patches[k];
      const double across = std::min(one.x + one.w, other.x + other.w) - std::max(one.x, other.x);
      const double down = std::min(one.y + one.h, other.y + other.h) - std::max(one.y, other.y);
      EXPECT_LE(std::max(0.0, across) * std::max(0.0, down), 1e-9);
    }
  }
  return area;
}

TEST(ExplainSelection, PatchBoxesTileTheContentOfTheOriginalImage) {
  const SmallEvaluation small(2);
  GreyImage tall = make_grey(80, 50);
  std::fill(tall.pixels.begin(), tall.pixels.end(), 90);
  write_file_atomically(small.root() / "f0.png", encode_png(tall));
  write_file_atomically(small.root() / "l0.png", encode_png(make_grey(30, 64)));
  const SelectionExplanation whole = explain(small, "s100");
  EXPECT_EQ(whole.views[0].original_rows, 80);
  EXPECT_EQ(whole.views[0].original_cols, 50);
  EXPECT_NEAR(checked_area(whole.views[0]), 80 * 50, 1e-6);
  // 80 x 50 becomes 32 x 20 within 6 columns of padding on either side; a patch is 8 wide.
  EXPECT_NEAR(whole.views[0].patches[0].w, 2 * 2.5, 1e-9);
  EXPECT_NEAR(whole.views[0].patches[1].x, 2 * 2.5, 1e-9);
  EXPECT_NEAR(whole.views[0].patches[4].y, 20, 1e-9);
  EXPECT_NEAR(checked_area(whole.views[1]), 30 * 64, 1e-6);

  ModelDescription description = small.description();
  description.preprocess.size = 40;  // the crop leaves 4 of 40 pixels out on each side
  const Engine engine = engine_with(small, description);
  const SelectionExplanation cut =
      explain_selection(engine, Manifest::read(small.manifest_path()), "s100", kSeed);
  EXPECT_NEAR(checked_area(cut.views[0]), 64 * 50, 1e-6);
  EXPECT_NEAR(cut.views[0].patches[0].y, 8, 1e-9);
}

TEST(ExplainSelection, MasksAsTheModelWasTrained) {
  const SmallEvaluation small(4);
  ModelDescription description = small.description();
  description.provenance.masking.entity = 1;
  description.provenance.masking.other_with_entity = 0;
  description.provenance.mlm_trained = false;
  const Engine engine = engine_with(small, description);
  const Manifest manifest =
      manifest_with_report(small, 1, "Caf\xC3\xA9: no Nodule, vertebral Fracture.");
  const SelectionExplanation explanation = explain_selection(engine, manifest, "s101", kSeed);
  EXPECT_THAT(masked_words(explanation), ElementsAre("Nodule", "Fracture"));
  EXPECT_FALSE(explanation.mlm_trained);
  std::vector<std::string> all;
  for (const WordSelection& word : explanation.words) all.push_back(text_of(explanation, word));
  EXPECT_THAT(all,
              ElementsAre("Caf\xC3\xA9", ":", "no", "Nodule", ",", "vertebral", "Fracture", "."));
  EXPECT_EQ(explanation.words[2].word_class, WordClass::kNegation);
  EXPECT_EQ(explanation.words[3].word_class, WordClass::kEntity);
}

TEST(ExplainSelection, JsonHoldsWhatWasFound) {
  const SmallEvaluation small(4);
  const SelectionExplanation explanation = explain(small, "s101");
  const nlohmann::json json = nlohmann::json::parse(to_json(explanation));
  EXPECT_EQ(json["study"], "s101");
  ASSERT_EQ(json["views"].size(), 2U);
  const nlohmann::json& patch = json["views"][1]["patches"][6];
  EXPECT_EQ(patch["row"], 1);
  EXPECT_EQ(patch["column"], 2);
  EXPECT_EQ(patch["x"], 16);
  EXPECT_EQ(patch["y"], 8);
  EXPECT_NEAR(patch["score"], explanation.views[1].patches[6].score, 1e-6);
  ASSERT_EQ(json["words"].size(), explanation.words.size());
  for (std::size_t i = 0; i < explanation.words.size(); ++i) {
    EXPECT_EQ(json["words"][i]["text"], text_of(explanation, explanation.words[i]));
    EXPECT_EQ(json["words"][i]["masked"], explanation.words[i].masked());
    EXPECT_EQ(json["words"][i].contains("pieces"), explanation.words[i].masked());
  }
}

TEST(ExplainSelection, NamesTheNearestStudyAndTheMissingReport) {
  const SmallEvaluation small(3);
  const Engine engine = Engine::open(small.model_path());
  const auto message = [&](const Manifest& manifest, const std::string& study) -> std::string {
    try {
      explain_selection(engine, manifest, study, kSeed);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      return error.what();
    }
    return "no error";
  };
  EXPECT_THAT(message(Manifest::read(small.manifest_path()), "x101"),
              HasSubstr("no study 'x101'; did you mean 's101'?"));
  EXPECT_THAT(message(manifest_with_report(small, 1, ""), "s101"),
              HasSubstr("study s101 has no report"));
}

}  // namespace
}  // namespace biplane

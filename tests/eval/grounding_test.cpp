// Grounding on a tiny model of random weights: the figures mean nothing, what they are made of
// does.
#include "biplane/eval/grounding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "biplane/model/losses.h"
#include "tests/eval/evaluation_fixture.h"

namespace biplane {
namespace {

using testing::find;
using testing::Fixture;
using testing::SmallEvaluation;

TEST(Grounding, MeasuresEveryMarkedRegionOfEachView) {
  const SmallEvaluation small(9, 3);
  const Fixture setup(small);
  EvaluationOutput output;
  GroundingEvaluator().run(setup.input(), output);
  const ResultRow* frontal = find(output.rows, "pointing_game", "frontal", "nodule");
  const ResultRow* lateral = find(output.rows, "pointing_game", "lateral", "nodule");
  ASSERT_NE(frontal, nullptr);
  ASSERT_NE(lateral, nullptr);
  EXPECT_EQ(frontal->n, 3);
  EXPECT_EQ(lateral->n, 2);  // study 6 has no lateral
  EXPECT_EQ(frontal->map, "attention");
  EXPECT_NEAR(*find(output.rows, "pointing_chance", "frontal", "macro")->value, 64.0 / (32 * 32),
              1e-12);
  ASSERT_FALSE(output.report.grounding.empty());
  EXPECT_EQ(output.report.grounding[0].views.size(), 2U);
  EXPECT_TRUE(output.report.grounding[0].views[0].hit.has_value());
}

const ResultRow& grounding_row(const EvaluationOutput& output, const std::string& metric,
                               const std::string& map, const std::string& label) {
  return *std::find_if(output.rows.begin(), output.rows.end(), [&](const ResultRow& row) {
    return row.metric == metric && row.map == map && row.label == label && row.views == "frontal";
  });
}

TEST(Grounding, SmallFindingsHaveAMeanOfTheirOwn) {
  // Studies 0, 4 and 8 have a fracture over half of the frontal, which nobody calls small.
  const SmallEvaluation small(9, 0, [](Study& study) {
    if (study.labels.at("fracture") != 1) return;
    std::vector<std::uint8_t> half(testing::kSide * testing::kSide, 0);
    std::fill_n(half.begin(), half.size() / 2, 1);
    study.masks.push_back({0, "fracture", encode_rle(half, testing::kSide, testing::kSide),
                           testing::kSide, testing::kSide});
  });
  const Fixture setup(small);
  EvaluationOutput output;
  GroundingEvaluator().run(setup.input(), output);
  for (const char* map : kMapNames) {
    for (const char* metric : {"pointing_game", "mean_iou", "cnr"}) {
      const auto row = [&](const char* label) { return grounding_row(output, metric, map, label); };
      EXPECT_EQ(row("macro_small").value, row("nodule").value) << map << metric;
      EXPECT_EQ(row("macro_small").n, 3);
      EXPECT_NEAR(*row("macro").value, (*row("nodule").value + *row("fracture").value) / 2, 1e-12);
      EXPECT_EQ(row("macro").n, 6);
    }
  }
  EXPECT_NEAR(*grounding_row(output, "pointing_chance", "", "macro_small").value, 64.0 / (32 * 32),
              1e-12);
  EXPECT_NEAR(*grounding_row(output, "pointing_chance", "", "fracture").value, 0.5, 1e-12);
}

TEST(Grounding, BoxesWithWordsAreAskedByThem) {
  // In the frontal of study 100 two boxes of one finding with words of their own, and a box of a
  // finding that has no prompts; study 104's box has no words.
  const SmallEvaluation small(9, 0, [](Study& study) {
    study.masks.clear();
    if (study.study_id == "s100") {
      study.boxes.push_back({0, "nodule", 0, 0, 16, 16, "", "small nodule at the left"});
      study.boxes.push_back({0, "nodule", 16, 16, 16, 8, "", "another one below"});
      study.boxes.push_back({0, "unheard_of", 0, 0, 32, 16, "", "something odd"});
    } else if (study.study_id == "s104") {
      study.boxes.push_back({0, "nodule", 0, 0, 32, 32, ""});
      study.boxes.push_back({0, "silent", 0, 0, 8, 8, ""});
    }
  });
  const Fixture setup(small);
  EvaluationOutput output;
  GroundingEvaluator().run(setup.input(), output);
  const auto chance = [&](const char* label) {
    return grounding_row(output, "pointing_chance", "", label);
  };
  EXPECT_EQ(chance("nodule").n, 3);
  EXPECT_NEAR(*chance("nodule").value, (0.25 + 0.125 + 1.0) / 3, 1e-12);
  EXPECT_EQ(chance("unheard_of").n, 1);
  EXPECT_NEAR(*chance("unheard_of").value, 0.5, 1e-12);
  EXPECT_EQ(find(output.rows, "pointing_chance", "frontal", "silent"), nullptr);
  EXPECT_EQ(std::count(output.notes.begin(), output.notes.end(),
                       "grounding: 3 of 4 places are asked for by the words of their boxes, not by "
                       "prompts"),
            1);
}

TEST(Grounding, OtherWordsOfABoxHaveAnotherMap) {
  const auto iou = [](const std::string& words) {
    const SmallEvaluation small(3, 0, [&](Study& study) {
      study.masks.clear();
      if (study.study_id == "s100") study.boxes.push_back({0, "nodule", 4, 4, 16, 16, "", words});
    });
    const Fixture setup(small);
    EvaluationOutput output;
    GroundingEvaluator().run(setup.input(), output);
    return *grounding_row(output, "mean_iou", "gradient", "nodule").value;
  };
  const double prompts = iou("");
  EXPECT_NE(iou("no fracture vertebral pacemaker"), prompts);
  EXPECT_NE(iou("a nodule"), iou("no fracture vertebral pacemaker"));
}

TEST(Grounding, TheGradientMapHasTheChanceOfItsOwnMasks) {
  const SmallEvaluation small(9, 0, [](Study& study) {
    study.masks.clear();
    const double side = 4.0 * static_cast<double>(1 + study.study_id.back() - '0') / 2;
    study.boxes.push_back({0, "nodule", 0, 0, side, side, ""});
  });
  Fixture setup(small);
  EvaluationInput input = setup.input();
  input.gradient_studies = 1;
  EvaluationOutput output;
  GroundingEvaluator().run(input, output);
  const ResultRow& all = grounding_row(output, "pointing_chance", "", "nodule");
  const ResultRow& drawn = grounding_row(output, "pointing_chance", "gradient", "nodule");
  EXPECT_EQ(all.n, 9);
  EXPECT_EQ(drawn.n, grounding_row(output, "pointing_game", "gradient", "nodule").n);
  EXPECT_LT(drawn.n, all.n);
  EXPECT_NE(all.value, drawn.value);
}

TEST(Grounding, TwoEvaluationsAreEqualBitForBit) {
  const SmallEvaluation small(9, 3);
  const Fixture setup(small);
  EvaluationOutput first, second;
  GroundingEvaluator().run(setup.input(), first);
  GroundingEvaluator().run(setup.input(), second);
  ASSERT_EQ(first.rows.size(), second.rows.size());
  for (std::size_t i = 0; i < first.rows.size(); ++i)
    EXPECT_EQ(first.rows[i].value, second.rows[i].value) << first.rows[i].label;
  ASSERT_FALSE(first.report.grounding.empty());
  EXPECT_EQ(first.report.grounding[0].views[0].map, "gradient");
  EXPECT_EQ(first.report.grounding[0].views[0].overlay.pixels,
            second.report.grounding[0].views[0].overlay.pixels);
}

TEST(Grounding, AttentionMapIsADistributionOverPatches) {
  const SmallEvaluation small(3);
  const Fixture setup(small);
  const PhraseFeatures phrase = setup.engine.encode_phrase({"round nodule", "a nodule."});
  FloatImage image = make_float(testing::kSide, testing::kSide);
  const PhraseMap maps = setup.engine.ground(phrase, setup.engine.encode_view(image, false));
  ASSERT_EQ(maps.attention.rows, 4);
  double sum = 0;
  for (const float value : maps.attention.pixels) sum += value;
  EXPECT_NEAR(sum, 1.0, 1e-5);
  for (const float value : maps.cosine.pixels) EXPECT_LE(std::abs(value), 1.0F + 1e-5F);
}

TEST(Grounding, SentenceMapIsTheCosineThatTheSentenceTermTrains) {
  const SmallEvaluation small(3);
  const Fixture setup(small);
  const Engine& engine = setup.engine;
  FloatImage image = make_float(testing::kSide, testing::kSide);
  for (std::size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] = static_cast<float>(i % 7) / 7;
  const ViewFeatures view = engine.encode_view(image, false);
  // Every word weighs the same, whatever its pieces.
  const auto pieces_of = [&](const std::string& word) {
    return engine.encode_phrase({word}).word_mask.sum().item<std::int64_t>();
  };
  const std::int64_t pieces = pieces_of("of"), others = pieces_of("nodule");
  ASSERT_NE(pieces, others);
  const PhraseFeatures phrase = engine.encode_phrase({"of nodule."});
  const torch::Tensor words = phrase.tokens[0]
                                  .masked_select(phrase.word_mask[0].unsqueeze(1))
                                  .view({-1, view.patches.size(2)});
  const torch::Tensor sentence =
      unit((words.slice(0, 0, pieces).mean(0) + words.slice(0, pieces).mean(0)) / 2);
  const torch::Tensor cosines = unit(view.patches[0]).matmul(sentence);
  const FloatImage map = engine.ground(phrase, view).sentence;
  for (std::size_t i = 0; i < map.pixels.size(); ++i)
    EXPECT_NEAR(map.pixels[i], cosines[static_cast<std::int64_t>(i)].item<float>(), 1e-5);
  // Of several wordings the mean of their sentences.
  const auto of = [&](const std::string& wording) {
    return engine.encode_phrase({wording}).sentence;
  };
  const torch::Tensor both = unit((of("A nodule.") + of("Round fracture.")) / 2);
  EXPECT_TRUE(
      engine.encode_phrase({"A nodule.", "Round fracture."}).sentence.allclose(both, 1e-4, 1e-5));
  for (const float value : engine.ground(engine.encode_phrase({"."}), view).sentence.pixels)
    EXPECT_EQ(value, 0.0F) << "no word";
}

}  // namespace
}  // namespace biplane

// What module-level figures are made of, on cases whose answer is known.
#include "biplane/eval/module_figures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "biplane/core/random.h"
#include "biplane/eval/report_modules.h"

namespace biplane {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::uint8_t> mask_of(std::size_t patches, std::size_t positives) {
  std::vector<std::uint8_t> mask(patches, 0);
  for (std::size_t i = 0; i < positives; ++i) mask[(7 * i + 3) % patches] = 1;
  return mask;
}

TEST(Ranking, AScoreThatIsTheMaskHasAurocOneAndEnrichmentFive) {
  const std::vector<std::uint8_t> mask = mask_of(100, 12);
  const std::vector<double> score(mask.begin(), mask.end());
  EXPECT_DOUBLE_EQ(*auroc(score, mask), 1.0);
  EXPECT_DOUBLE_EQ(*enrichment(score, mask), 5.0);
  const std::vector<double> wrong = [&] {
    std::vector<double> negated;
    for (const double value : score) negated.push_back(-value);
    return negated;
  }();
  EXPECT_DOUBLE_EQ(*auroc(wrong, mask), 0.0);
}

TEST(Ranking, ARandomScoreHasAurocAHalfAndEnrichmentOne) {
  const std::vector<std::uint8_t> mask = mask_of(100, 12);
  double areas = 0, enriched = 0;
  constexpr int kRepeats = 2000;
  for (int repeat = 0; repeat < kRepeats; ++repeat) {
    CounterRandom random(1, "score", {static_cast<std::uint64_t>(repeat)});
    std::vector<double> score;
    for (std::size_t i = 0; i < mask.size(); ++i) score.push_back(random.uniform());
    areas += *auroc(score, mask) / kRepeats;
    enriched += *enrichment(score, mask) / kRepeats;
  }
  EXPECT_NEAR(areas, 0.5, 0.01);
  EXPECT_NEAR(enriched, 1.0, 0.05);
}

TEST(Ranking, TiesAtTheCutCountInProportion) {
  const std::vector<std::uint8_t> mask = mask_of(10, 3);
  EXPECT_DOUBLE_EQ(*enrichment(std::vector<double>(10, 0.25), mask), 1.0);
  // One lesion patch above all, one of the other nine beside it: of those two are lesions.
  std::vector<double> score(10, 0.25);
  score[3] = 1;
  EXPECT_DOUBLE_EQ(*enrichment(score, mask), (1 + 2.0 / 9) / 2 / 0.3);
}

TEST(Ranking, WithoutALesionPatchThereIsNoEnrichment) {
  EXPECT_FALSE(enrichment(std::vector<double>{1, 2, 3}, mask_of(3, 0)).has_value());
}

TEST(Patches, CoverIsTheShareOfAPatchInsideTheTruth) {
  // 4 x 4 pixels, 2 x 2 patches: three pixels of the first, one of the last.
  const std::vector<std::uint8_t> truth{1, 1, 0, 0,  //
                                        1, 0, 0, 0,  //
                                        0, 0, 0, 0,  //
                                        0, 0, 0, 1};
  const std::vector<double> cover = patch_cover(truth, 4, 2, 2);
  EXPECT_THAT(cover, ElementsAre(0.75, 0, 0, 0.25));
  EXPECT_THAT(lesion_patches(std::vector<double>{0.1, 0.0999, 0, 1}), ElementsAre(1, 0, 0, 1));
}

TEST(Patches, PatchesThatDoNotDivideTheSideShareItsPixels) {
  const std::vector<std::uint8_t> all(25, 1);
  for (const double share : patch_cover(all, 5, 2, 3)) EXPECT_DOUBLE_EQ(share, 1.0);
}

ResultRow named(const std::string& metric) {
  ResultRow row;
  row.task = "modules/test";
  row.metric = metric;
  return row;
}

constexpr BootstrapOptions kBootstrap{.repeats = 200, .seed = 0};
const std::vector<std::string> kPatients{"a", "a", "b", "c", "d", "e"};

TEST(Figures, RatiosMeansAndDifferencesRestOnTheSameDraws) {
  FigureTable table;
  const std::vector<FigurePart> parts{{0, 3, 4}, {1, 1, 2}, {2, 0, 3}, {4, 5, 5}};
  std::vector<FigurePart> shifted = parts;
  for (FigurePart& part : shifted) part.value += 0.25 * part.weight;
  const auto first = table.add(named("first"), parts, "none");
  const auto second = table.add(named("second"), shifted, "none");
  table.add_mean(named("mean"), {first, second});
  table.add_difference(named("difference"), second, first);
  const std::vector<ResultRow> rows = table.measure(kPatients, kBootstrap, 2);
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_DOUBLE_EQ(*rows[0].value, 9.0 / 14);
  EXPECT_EQ(rows[0].n, 14);
  EXPECT_DOUBLE_EQ(*rows[2].value, 9.0 / 14 + 0.125);
  EXPECT_EQ(rows[2].n, 14) << "no study counts twice";
  // What differs by a constant in every study differs by it in every draw.
  EXPECT_NEAR(*rows[3].interval.low, 0.25, 1e-12);
  EXPECT_NEAR(*rows[3].interval.high, 0.25, 1e-12);
  const PatientBootstrap bootstrap(kPatients, kBootstrap);
  const Interval expected = percentile_interval(bootstrap.replicate([&](Values weight) {
    double value = 0, total = 0;
    for (const FigurePart& part : parts) {
      value += weight[static_cast<std::size_t>(part.study)] * part.value;
      total += weight[static_cast<std::size_t>(part.study)] * part.weight;
    }
    return total > 0 ? std::optional<double>(value / total) : std::nullopt;
  }));
  EXPECT_DOUBLE_EQ(*rows[0].interval.low, *expected.low);
  EXPECT_DOUBLE_EQ(*rows[0].interval.high, *expected.high);
}

TEST(Figures, ThreadsChangeNothing) {
  FigureTable table;
  table.add(named("x"), {{0, 1}, {2, 0.3}, {3, 0.7}, {5, 0.1}}, "none");
  const auto one = table.measure(kPatients, kBootstrap, 1),
             three = table.measure(kPatients, kBootstrap, 3);
  EXPECT_EQ(*one[0].interval.low, *three[0].interval.low);
  EXPECT_EQ(*one[0].interval.high, *three[0].interval.high);
}

TEST(Figures, WhatIsUndefinedIsNullWithANoteAndLeftOutOfTheMean) {
  FigureTable table;
  const auto defined = table.add(named("defined"), {{1, 0.5}}, "none");
  const auto undefined = table.add(named("undefined"), {}, "no lesion");
  table.add_mean(named("mean"), {defined, undefined});
  table.add_difference(named("difference"), defined, undefined);
  table.add_mean(named("empty"), {undefined});
  const std::vector<ResultRow> rows = table.measure(kPatients, kBootstrap, 1);
  EXPECT_FALSE(rows[1].value || rows[1].interval.low);
  EXPECT_EQ(rows[1].note, "no lesion");
  EXPECT_DOUBLE_EQ(*rows[2].value, 0.5);
  EXPECT_EQ(rows[2].note, "1 classes are undefined and left out of the mean");
  EXPECT_FALSE(rows[3].value);
  EXPECT_FALSE(rows[3].note.empty());
  EXPECT_FALSE(rows[4].value);
  EXPECT_FALSE(rows[4].note.empty());
}

TEST(ModulesSection, ShowsEveryTaskAndSaysWhereAFigureIsUndefined) {
  const auto row = [](const std::string& task, const std::string& views, const std::string& metric,
                      const std::string& label, std::optional<double> value) {
    ResultRow made = named(metric);
    made.task = "modules/" + task;
    made.views = views;
    made.label = label;
    made.value = value;
    if (!value) made.note = "<no> lesion";
    return made;
  };
  std::vector<ResultRow> rows{row("selection", "frontal", "auroc", "macro", 0.6125),
                              row("selection", "frontal", "auroc", "macro", 0.5265),
                              row("selection", "lateral", "auroc", "nod<ule", std::nullopt),
                              row("alignment", "lateral", "pointing_game", "macro", 0.4375),
                              row("masked_words", "both", "word_accuracy", "entity", 0.7135),
                              row("false_negatives", "both", "cosine", "all", 0.2115),
                              row("counterfactual", "both", "win_rate", "mass", 0.8795)};
  rows[0].map = "random";
  rows[1].map = rows[2].map = "sum";
  rows[3].map = "attention";
  rows[3].condition = "own";
  rows[4].condition = "own/own";
  rows[5].condition = "same";
  const std::string html = modules_section(rows);
  for (const char* value : {"0.613", "0.527", "0.438", "0.714", "0.211", "0.879"})
    EXPECT_THAT(html, HasSubstr(std::string("<td>") + std::string(value).substr(0, 4)));
  EXPECT_THAT(html, HasSubstr("title=\"&lt;no&gt; lesion\">undefined"));
  EXPECT_THAT(html, HasSubstr("nod&lt;ule"));
  EXPECT_EQ(modules_section({}), "");
}

TEST(ModulesTable, NamesWhatAFigureWasMeasuredUnder) {
  ResultRow row = named("word_accuracy");
  row.task = "modules/masked_words";
  row.views = "both";
  row.label = "entity";
  row.condition = "own/own";
  row.value = 0.5;
  EXPECT_THAT(result_table(std::vector<ResultRow>{row}),
              HasSubstr("masked_words, both: word_accuracy, entity words, own/own"));
  EXPECT_THAT(result_to_json(row, {}), HasSubstr("\"condition\":\"own/own\""));
}

}  // namespace
}  // namespace biplane

// Selection and alignment against masks, on a tiny model: what must come out is known.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "biplane/model/losses.h"
#include "biplane/model/view_alignment.h"
#include "tests/eval/module_setup.h"

namespace biplane {
namespace {

using testing::find;
using ::testing::HasSubstr;
using testing::kSide;
using testing::ModuleSetup;
using testing::SmallEvaluation;
using testing::whole_batch;

TEST(ModuleStudies, HaveBothViewsAReportAndAPartnerOfAnotherPatient) {
  const SmallEvaluation small(8, 2);
  const ModuleSetup setup(small);
  const ModuleStudies studies = module_studies(setup.input());
  EXPECT_EQ(studies.rows, (std::vector<std::int64_t>{0, 1, 2, 3, 4, 5}));
  for (std::size_t i = 0; i < studies.rows.size(); ++i)
    EXPECT_NE(studies.patients[static_cast<std::size_t>(studies.partner[i])], studies.patients[i]);
  const ModuleBatch some = ModuleReader(setup.input(), studies).read(2, 4);
  const ModuleBatch all = whole_batch(setup, studies);
  // The partner is the same study in whatever batch it is read.
  EXPECT_TRUE(
      torch::allclose(some.other.frontal.patches, all.own.frontal.patches.slice(0, 4, 5), 0, 1e-5));
  EXPECT_TRUE(torch::allclose(
      some.own.report.whole,
      all.own.report.whole.slice(0, 2, 4).slice(1, 0, some.own.report.whole.size(1)), 0, 1e-5));
}

TEST(ModuleStudies, OnePatientAloneGivesANote) {
  const SmallEvaluation small(2);
  const ModuleSetup setup(small);
  const EvaluationOutput output = setup.run();
  EXPECT_TRUE(output.rows.empty());
  ASSERT_EQ(output.notes.size(), 1U);
  EXPECT_THAT(output.notes[0], HasSubstr("two patients"));
}

// ---- Selection ----

TEST(ModuleSelection, AScoreThatIsTheLesionIsFoundAndRandomNumbersAreNot) {
  std::vector<StudyRegions> regions(400);
  Region region{"nodule", {}, std::vector<double>(20, 0.0)};
  region.cover[4] = 0.5;
  region.cover[11] = 0.05;  // too little
  for (StudyRegions& one : regions) one.frontal = one.lateral = {region};
  torch::Tensor lesion = torch::zeros({400, 20});
  lesion.select(1, 4).fill_(1);
  const Scores like{torch::zeros({400, 40}), torch::zeros({400, 40}),
                    torch::ones({400, 40}, torch::kBool)};
  const torch::Tensor random = random_scores(like, torch::arange(400)).standard;
  std::int64_t unmarked = 0;
  const std::vector<PatchScore> scores{
      {"sum", lesion, lesion}, {"random", random.narrow(1, 0, 20), random.narrow(1, 20, 20)}};
  const std::vector<SelectionItem> items = selection_items(0, regions, scores, unmarked);
  std::vector<std::string> patients;
  for (int i = 0; i < 400; ++i) patients.push_back(std::to_string(i));
  const std::vector<ResultRow> rows =
      selection_figures(items, {"sum", "random"}).measure(patients, {.repeats = 50}, 1);
  for (const char* views : {"frontal", "lateral", "both"}) {
    EXPECT_EQ(*find(rows, {"selection", "auroc", views, "nodule", "sum", "", ""})->value, 1.0);
    EXPECT_NEAR(*find(rows, {"selection", "enrichment", views, "macro", "sum", "", ""})->value, 5.0,
                1e-12);
    const ResultRow* chance = find(rows, {"selection", "auroc", views, "macro", "random", "", ""});
    EXPECT_NEAR(*chance->value, 0.5, 0.06);
    EXPECT_NEAR(*find(rows, {"selection", "enrichment", views, "macro", "random", "", ""})->value,
                1.0, 0.25);
    EXPECT_NEAR(
        *find(rows, {"selection", "auroc_difference", views, "macro", "sum", "", "random"})->value,
        1.0 - *chance->value, 1e-12);
  }
  EXPECT_EQ(unmarked, 0);
}

TEST(ModuleSelection, TermsAreThoseOfTheScoreThatTheModelRanksBy) {
  const SmallEvaluation small(9);
  const ModuleSetup setup(small);
  const ModuleStudies studies = module_studies(setup.input());
  const ModuleBatch batch = whole_batch(setup, studies);
  const SelectionConfig selection = setup.engine->description().config.key_semantics.selection;
  std::map<std::string, PatchScore> scores;
  for (const PatchScore& score : patch_scores(batch, selection, {})) scores[score.name] = score;
  MlmInput input;
  input.frontal = batch.own.frontal;
  input.lateral = batch.own.lateral;
  input.has_frontal = input.has_lateral = torch::ones({9}, torch::kBool);
  input.masked_ids = batch.batch.masked_ids;
  input.attention_mask = batch.batch.attention_mask;
  input.mlm_labels = batch.batch.mlm_labels;
  input.score_words = batch.own.report.visible;
  EXPECT_TRUE(torch::equal(batch.own.report.visible,
                           batch.own.report.words.logical_and(batch.batch.mlm_labels.lt(0))));
  EXPECT_FALSE(torch::equal(batch.own.report.visible, batch.own.report.words));
  const torch::NoGradGuard no_grad;
  const Scores ranked = setup.engine->model().mlm(input).keys.scores;
  EXPECT_TRUE(torch::allclose(torch::cat({scores["sum"].frontal, scores["sum"].lateral}, 1),
                              ranked.standard, 0, 1e-5));
  // By first principles, for one study.
  const torch::Tensor patches = unit(batch.own.frontal.patches[2]);
  const auto standard = [](const torch::Tensor& x) {
    return (x - x.mean()) / (x.var(/*unbiased=*/false).sqrt() + 1e-6);
  };
  const torch::Tensor self = patches.matmul(unit(batch.own.frontal.patches[2].mean(0)));
  const torch::Tensor words = batch.own.report.whole[2]
                                  .masked_select(batch.own.report.words[2].unsqueeze(1))
                                  .view({-1, 16})
                                  .mean(0);
  EXPECT_TRUE(torch::allclose(scores["self_mean"].frontal[2], standard(self), 0, 1e-3));
  EXPECT_TRUE(torch::allclose(scores["text_full"].frontal[2], standard(patches.matmul(unit(words))),
                              0, 1e-3));
}

TEST(ModuleSelection, FindingsWithoutALesionInAViewAreNullWithANote) {
  Region region{"nodule", {}, {1.0, 0.0, 0.0}}, faint{"mass", {}, {0.02, 0.0, 0.0}};
  const std::vector<StudyRegions> regions{{{region, faint}, {}}, {{}, {region}}};
  std::int64_t unmarked = 0;
  std::vector<SelectionItem> items = selection_items(
      0, regions,
      {{"sum", torch::rand({2, 3}), torch::rand({2, 3})}, {"flat", {}, torch::rand({2, 3})}},
      unmarked);
  EXPECT_EQ(unmarked, 1);
  std::erase_if(items, [](const SelectionItem& item) { return item.views == "lateral"; });
  const std::vector<std::string> patients{"a", "b"};
  const std::vector<ResultRow> rows =
      selection_figures(items, {"sum", "flat"}).measure(patients, {.repeats = 10}, 1);
  EXPECT_TRUE(find(rows, {"selection", "auroc", "frontal", "nodule", "sum", "", ""})->value);
  for (const char* metric : {"auroc", "enrichment"}) {
    const ResultRow* lateral =
        find(rows, {"selection", metric, "lateral", "nodule", "sum", "", ""});
    EXPECT_FALSE(lateral->value);
    EXPECT_FALSE(lateral->note.empty());
    EXPECT_FALSE(find(rows, {"selection", metric, "frontal", "nodule", "flat", "", ""})->value);
  }
}

// ---- Alignment ----

TEST(ModuleAlignment, EnergyOfTwoHalvesIsOneAndOfTheWholeImageToo) {
  const SmallEvaluation small(9);
  const ModuleSetup setup(small);
  const ModuleStudies studies = module_studies(setup.input());
  const ModuleBatch batch = whole_batch(setup, studies);
  const auto region = [](std::size_t begin, std::size_t end) {
    Region made{"nodule", std::vector<std::uint8_t>(kSide * kSide, 0), {}};
    for (std::size_t i = begin; i < end; ++i) made.truth[i] = 1;
    made.cover = patch_cover(made.truth, kSide, 4, 4);
    return made;
  };
  std::vector<StudyRegions> regions(9);
  constexpr std::size_t kPixels = std::size_t{kSide} * kSide;
  regions[3].frontal = {region(0, kPixels / 2), region(kPixels / 2, kPixels), region(0, kPixels)};
  regions[1].lateral = {region(0, kPixels)};  // its report denies the nodule
  const FindingWords words = finding_words(setup.prompts, setup.engine->text());
  const AlignmentItems items = alignment_items(setup.engine->model(), batch, regions, words, {});
  ASSERT_EQ(items.regions.size(), 3U);
  EXPECT_EQ(items.unnamed, 1);
  const auto energy = [&](std::size_t i) { return items.regions[i].own.energy; };
  EXPECT_NEAR(energy(0) + energy(1), 1.0, 1e-5);
  EXPECT_NEAR(energy(2), 1.0, 1e-5);
  EXPECT_EQ(items.regions[0].own.attention + items.regions[1].own.attention, 1.0);
  EXPECT_EQ(items.regions[0].own.cosine + items.regions[1].own.cosine, 1.0);
  EXPECT_EQ(items.regions[2].other.attention, 1.0);
  // The best patch of the cosine map lies in the upper half, or does not.
  const torch::NoGradGuard no_grad;
  const torch::Tensor named = words_about(batch.batch, 3, words.at("nodule"));
  const torch::Tensor word =
      batch.own.report.whole[3].masked_select(named.unsqueeze(1)).view({-1, 16}).mean(0);
  const torch::Tensor cosines = unit(batch.own.frontal.patches[3]).matmul(unit(word));
  EXPECT_EQ(items.regions[0].own.cosine, cosines.argmax().item<std::int64_t>() < 8 ? 1.0 : 0.0);
  EXPECT_DOUBLE_EQ(items.regions[0].chance, 0.5);
  EXPECT_EQ(items.regions[0].study, 3);
}

TEST(ModuleAlignment, WordsOfAFindingAreThoseOfItsPromptsThatNothingDenies) {
  const SmallEvaluation small(4);
  const ModuleSetup setup(small);
  const FindingWords words = finding_words(setup.prompts, setup.engine->text());
  EXPECT_EQ(words.at("nodule"),
            std::set<std::int64_t>{static_cast<std::int64_t>(stable_hash("nodule"))});
  const StudyBatch batch =
      collate_texts({"A nodule in the lung. No fracture. Vertebral fracture.", "No nodule."},
                    setup.engine->text());
  const torch::Tensor named = words_about(batch, 0, words.at("fracture"));
  ASSERT_TRUE(named.any().item<bool>());
  EXPECT_TRUE(batch.sentence_ids[0].masked_select(named).eq(2).all().item<bool>());
  EXPECT_TRUE(words_about(batch, 0, words.at("nodule")).any().item<bool>());
  EXPECT_FALSE(words_about(batch, 1, words.at("nodule")).any().item<bool>());
}

TEST(ModuleAlignment, TheGapIsThatOfTheLossInABatchOfTheStudyAndItsPartner) {
  const torch::NoGradGuard no_grad;
  const SmallEvaluation small(4);  // patients (0,1) and (2,3): the partner of 1 is 2, of 2 is 0
  const ModuleSetup setup(small);
  const ModuleStudies studies = module_studies(setup.input());
  const ModuleBatch batch = whole_batch(setup, studies);
  const AlignmentItems items =
      alignment_items(setup.engine->model(), batch, std::vector<StudyRegions>(4), {}, {});
  ASSERT_EQ(items.gaps.size(), 4U);
  // Studies 0 and 2 are each other's partners.
  const torch::Tensor rows = torch::tensor({0, 2}, torch::kInt64);
  AlignmentInput input;
  input.tokens = batch.own.report.whole.index_select(0, rows);
  input.token_mask = batch.batch.attention_mask.index_select(0, rows);
  input.frontal = batch.own.frontal.patches.index_select(0, rows);
  input.lateral = batch.own.lateral.patches.index_select(0, rows);
  input.units = report_units(batch.batch, rows, AlignmentUnits::kWords, torch::kFloat32);
  input.total = 2;
  const WordReader read = [&](const WordQuery& query) {
    return setup.engine->model().align(
        {query.tokens, query.token_mask, query.patches, {}, query.wanted});
  };
  const AlignmentOptions options{.image_negatives = 1};
  const auto own = alignment_loss(input, read, options, Collective{});
  const auto rolled =
      alignment_loss(roll_laterals(input, Collective{}), read, options, Collective{});
  const double images = (*rolled->images - *own->images).item<double>();
  EXPECT_NEAR((items.gaps[0].images + items.gaps[2].images) / 2, images, 1e-4);
  const torch::Tensor units = input.units.valid.sum(1).to(torch::kFloat64);
  const double words = (*rolled->words - *own->words).item<double>();
  EXPECT_NEAR((units[0].item<double>() * items.gaps[0].words +
               units[1].item<double>() * items.gaps[2].words) /
                  units.sum().item<double>(),
              words, 1e-4);
}

}  // namespace
}  // namespace biplane

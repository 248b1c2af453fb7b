// Masked words, contrast and counterfactuals on a tiny model, and all modules together: what must
// come out is known.
#include "biplane/eval/modules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "biplane/eval/columns.h"
#include "biplane/eval/evaluate.h"
#include "biplane/model/losses.h"
#include "tests/eval/module_setup.h"

namespace biplane {
namespace {

using testing::find;
using ::testing::HasSubstr;
using testing::ModuleSetup;
using testing::SmallEvaluation;
using testing::Wanted;
using testing::whole_batch;

// ---- Masked words ----

const char* const kEffect = "image_effect";

const ResultRow* effect(const std::vector<ResultRow>& rows) {
  return find(rows, {"masked_words", kEffect, "both", "entity", "", "own/own", "other/own"});
}
const ResultRow* leak(const std::vector<ResultRow>& rows) {
  return find(rows, {"masked_words", "leak", "both", "entity", "", "blank/own", "blank/random"});
}

TEST(ModuleWords, ADecoderThatIgnoresTheImagesHasNoEffectAndNoLeak) {
  const SmallEvaluation small(40);
  const ModuleSetup deaf(small, {}, [](TensorMap& weights) {
    for (auto& [name, tensor] : weights)
      if (name.starts_with("decoder.") && name.find("cross_attn.out_proj") != std::string::npos)
        tensor = torch::zeros_like(tensor);
  });
  const EvaluationOutput output = deaf.run();
  EXPECT_EQ(*effect(output.rows)->value, 0.0);
  EXPECT_EQ(*leak(output.rows)->value, 0.0);
  EXPECT_EQ(*effect(output.rows)->interval.high, 0.0);
  EXPECT_GT(effect(output.rows)->n, 20);
}

// A decoder that reads which patch is kept best as the number of the hidden word.
std::vector<ResultRow> with_patch_reader(const ModuleSetup& setup, const PatchScorer& scorer) {
  const ModuleStudies studies = module_studies(setup.input());
  const ModuleBatch batch = whole_batch(setup, studies);
  const StudySide blank = ModuleReader(setup.input(), studies).blank(studies.size());
  const torch::Tensor labels = asked_labels(batch.batch);
  const torch::Tensor places = labels.ge(0).nonzero();
  const auto decoder = [&](const StudySide&, const Scores& scores) {
    return scores.standard.argmax(1).index_select(0, places.select(1, 0));
  };
  return masked_word_figures(count_words(batch, blank, scorer, decoder), true)
      .measure(studies.patients, {.repeats = 50}, 1);
}

TEST(ModuleWords, ASelectionThatLetsHiddenWordsThroughIsALeak) {
  const SmallEvaluation small(40);
  const ModuleSetup setup(small);
  const ModuleStudies studies = module_studies(setup.input());
  const ModuleBatch batch = whole_batch(setup, studies);
  // The best patch spells the first hidden entity: a selection that reads the whole report could.
  const torch::Tensor entity =
      batch.batch.word_class.eq(static_cast<std::int64_t>(WordClass::kEntity));
  const torch::Tensor labels = batch.batch.mlm_labels.masked_fill(entity.logical_not(), -100);
  constexpr std::int64_t kPatches = 256;
  torch::Tensor spelled = torch::zeros({40, kPatches});
  for (std::int64_t row = 0; row < 40; ++row) {
    const torch::Tensor hidden = labels[row].masked_select(labels[row].ge(0));
    if (hidden.numel() > 0) spelled[row][hidden[0].item<std::int64_t>()] = 1;
  }
  const torch::Tensor valid = torch::ones({40, kPatches}, torch::kBool);
  const auto broken = with_patch_reader(setup, [&](const StudySide&, const ReportSide& report) {
    const bool own = torch::equal(report.masked, batch.own.report.masked);
    const torch::Tensor scores = own ? spelled : spelled.roll(2, 0);
    return Scores{scores, scores, valid};
  });
  EXPECT_GT(*leak(broken)->value, 0.3);
  EXPECT_GT(*leak(broken)->interval.low, 0.0);
  const auto sound =
      with_patch_reader(setup, [&](const StudySide& images, const ReportSide& report) {
        return selection_scores(images, report, {}, {});
      });
  EXPECT_LE(*leak(sound)->interval.low, 0.0);
}

TEST(ModuleWords, AWordIsFoundWhereEveryPieceIs) {
  const SmallEvaluation small(4);
  const ModuleSetup setup(small);
  const ModuleStudies studies = module_studies(setup.input());
  ModuleBatch batch = whole_batch(setup, studies);
  // One report: an entity of two pieces, one of one piece, and a word that is not asked for.
  batch.batch.mlm_labels.fill_(-100);
  const auto put = [&](std::int64_t token, std::int64_t word, WordClass word_class) {
    batch.batch.mlm_labels[1][token] = 100 + token;
    batch.batch.word_ids[1][token] = word;
    batch.batch.word_class[1][token] = static_cast<std::int64_t>(word_class);
  };
  put(1, 0, WordClass::kEntity);
  put(2, 0, WordClass::kEntity);
  put(3, 1, WordClass::kEntity);
  put(4, 2, WordClass::kOther);
  const auto counts = [&](const std::vector<std::int64_t>& predicted) {
    return count_words(
        batch, ModuleReader(setup.input(), studies).blank(4),
        [](const StudySide& images, const ReportSide& report) {
          return selection_scores(images, report, {}, {});
        },
        [&](const StudySide&, const Scores&) { return index_tensor(predicted); })[1];
  };
  const auto entity = static_cast<std::size_t>(WordClass::kEntity);
  EXPECT_EQ(counts({101, 102, 103}).words[entity], 2);
  EXPECT_EQ(counts({101, 102, 103}).found[1][2][entity], 2);
  EXPECT_EQ(counts({101, 0, 103}).found[0][0][entity], 1);
  EXPECT_EQ(counts({0, 102, 103}).found[0][0][entity], 1);
  EXPECT_EQ(counts({101, 0, 0}).found[2][1][entity], 0);
}

TEST(ModuleWords, EveryPairOfImagesAndSelectionIsShownOnce) {
  const SmallEvaluation small(4);
  const ModuleSetup setup(small);
  const ModuleStudies studies = module_studies(setup.input());
  const ModuleBatch batch = whole_batch(setup, studies);
  const StudySide blank = ModuleReader(setup.input(), studies).blank(4);
  std::vector<const StudySide*> shown;
  std::vector<const ReportSide*> reports;
  const std::int64_t places = asked_labels(batch.batch).ge(0).sum().item<std::int64_t>();
  count_words(
      batch, blank,
      [&](const StudySide& images, const ReportSide& report) {
        reports.push_back(&report);
        return selection_scores(images, report, {}, {});
      },
      [&](const StudySide& images, const Scores&) {
        shown.push_back(&images);
        return torch::zeros({places}, torch::kInt64);
      });
  const StudySide &own = batch.own, &other = batch.other;
  EXPECT_THAT(shown, ::testing::ElementsAre(&own, &own, &own, &other, &other, &other, &blank,
                                            &blank, &blank));
  const ReportSide *mine = &own.report, *theirs = &other.report;
  EXPECT_THAT(reports, ::testing::ElementsAre(mine, theirs, mine, theirs, mine, theirs));
  EXPECT_GT(places, 0);
}

TEST(ModuleWords, TheDecoderSeesTheImagesAndTheSelectionThatItIsGiven) {
  const torch::NoGradGuard no_grad;
  const SmallEvaluation small(12);
  const ModuleSetup setup(small);
  const ModuleStudies studies = module_studies(setup.input());
  const ModuleBatch batch = whole_batch(setup, studies);
  const SelectionConfig selection;
  const Scores own = selection_scores(batch.own, batch.own.report, selection, {});
  MlmInput input;
  input.frontal = batch.own.frontal;
  input.lateral = batch.own.lateral;
  input.has_frontal = input.has_lateral = torch::ones({12}, torch::kBool);
  input.masked_ids = batch.batch.masked_ids;
  input.attention_mask = batch.batch.attention_mask;
  input.mlm_labels = asked_labels(batch.batch);
  input.score_words = batch.own.report.visible;
  const MlmOutput plain = setup.engine->model().mlm(input);
  const MaskedWordDecoder decoder = masked_word_decoder(setup.engine->model(), batch, {});
  EXPECT_TRUE(torch::equal(decoder(batch.own, own), plain.logits.argmax(1)));
  // Given scores rank the patches: the worst ones are kept where the order is turned round.
  MlmInput turned = input;
  const Scores worst{-own.raw, -own.standard, own.valid};
  turned.scores = &worst;
  turned.masked_tokens = batch.own.report.masked;
  const MlmOutput other = setup.engine->model().mlm(turned);
  EXPECT_TRUE(torch::equal(other.keys.kept, select_best(worst, 0.8)));
  EXPECT_FALSE(torch::allclose(other.logits, plain.logits));
  EXPECT_TRUE(torch::equal(decoder(batch.own, worst), other.logits.argmax(1)));
  MlmInput exchanged = turned;
  exchanged.frontal = batch.other.frontal;
  exchanged.lateral = batch.other.lateral;
  const torch::Tensor expected = setup.engine->model().mlm(exchanged).logits.argmax(1);
  EXPECT_TRUE(torch::equal(decoder(batch.other, worst), expected));
  EXPECT_FALSE(torch::equal(expected, other.logits.argmax(1)));
}

// ---- Contrast ----

TEST(ModuleContrast, GroupsAreByFindingsAndLeaveOutThePatientsOwn) {
  ContrastInput input;
  const torch::Tensor axes = torch::eye(4);
  input.images = axes.index_select(0, torch::tensor({0, 0, 1, 2}));
  input.texts = axes.index_select(0, torch::tensor({0, 0, 1, 0}));
  input.findings = {"mass", "mass", "", "mass"};
  input.patients = {"a", "b", "c", "b"};
  const std::vector<ContrastItem> items = contrast_items(input, 1);
  EXPECT_DOUBLE_EQ(items[0].own_cosine, 1);
  EXPECT_EQ(items[0].same, 2);
  EXPECT_DOUBLE_EQ(items[0].same_cosine, 1);
  EXPECT_EQ(items[0].different, 1);
  EXPECT_DOUBLE_EQ(items[0].different_cosine, 0);
  const double near = std::exp(1 / kContrastTemperature), sum = 3 * near + 1;
  EXPECT_NEAR(items[0].same_mass, 2 * near / sum, 1e-12);
  EXPECT_NEAR(items[0].different_mass, 1 / sum, 1e-12);
  EXPECT_EQ(items[1].same, 1);  // study 3 is of the same patient
  EXPECT_EQ(items[2].same, 0);
  const std::vector<ContrastColumn> columns{{"both", "", items, {0, 0, 1, 0}}};
  const std::vector<ResultRow> rows =
      contrast_figures(columns).measure(input.patients, {.repeats = 10}, 1);
  EXPECT_FALSE(
      find(rows, {"false_negatives", "cosine", "both", "without_findings", "", "same", ""})->value);
  EXPECT_EQ(find(rows, {"false_negatives", "cosine", "both", "with_findings", "", "same", ""})->n,
            3);
  EXPECT_NEAR(
      *find(rows, {"false_negatives", "contrast_mass", "both", "all", "", "own", ""})->value,
      (2 * near / sum + near / (near + 3) + 0.25) / 4, 1e-12);
}

// ---- Counterfactuals ----

TEST(ModuleCounterfactual, ComparesEachStudyWithItselfWithoutTheFinding) {
  const SmallEvaluation small(12);
  // The image of the next study stands for the same one without its nodule.
  ManifestWriter writer(small.root() / "counterfactual.jsonl");
  for (const std::size_t i : {0U, 3U, 6U}) {
    Study changed = small.studies()[i + 1];
    changed.study_id = "without" + std::to_string(i);
    changed.patient_id = small.studies()[i].patient_id;
    changed.counterfactual = Counterfactual{small.studies()[i].study_id, "nodule"};
    writer.write(changed);
  }
  Study stranger = small.studies()[1];
  stranger.study_id = "stranger";
  stranger.counterfactual = Counterfactual{"nobody", "nodule"};
  writer.write(stranger);
  writer.finish();
  const ModuleSetup setup(small);
  const EvaluationOutput output = setup.run();
  const PromptClass& nodule = *setup.prompts.find("nodule");
  const torch::Tensor direction = unit(unit(setup.engine->encode_texts(nodule.positive)).mean(0)) -
                                  unit(unit(setup.engine->encode_texts(nodule.negative)).mean(0));
  const torch::Tensor scores = unit(setup.features.lateral).matmul(direction);
  double change = 0, wins = 0;
  for (const std::int64_t i : {0, 3, 6}) {
    const double difference = (scores[i] - scores[i + 1]).item<double>();
    change += difference / 3;
    wins += difference > 0 ? 1.0 / 3 : 0.0;
  }
  const ResultRow* moved =
      find(output.rows, {"counterfactual", "score_change", "lateral", "nodule", "", "", ""});
  EXPECT_NEAR(*moved->value, change, 1e-5);
  EXPECT_EQ(moved->n, 3);
  EXPECT_NEAR(
      *find(output.rows, {"counterfactual", "win_rate", "lateral", "macro", "", "", ""})->value,
      wins, 1e-9);
}

// ---- The whole ----

TEST(Modules, ViewsAndTermsThatTrainingNeverUsedAreNull) {
  const SmallEvaluation small(12);
  const ModuleSetup setup(small, [](ModelDescription& description) {
    description.provenance.lateral_trained = false;
    description.provenance.alignment_trained = false;
    description.provenance.mlm_trained = false;
  });
  const EvaluationOutput output = setup.run();
  const auto null = [&](const Wanted& wanted) {
    const ResultRow* row = find(output.rows, wanted);
    EXPECT_FALSE(row->value) << wanted.metric << " " << wanted.views;
    EXPECT_FALSE(row->note.empty());
  };
  null({"selection", "auroc", "lateral", "nodule", "sum", "", ""});
  null({"selection", "auroc", "both", "nodule", "sum", "", ""});
  null({"alignment", "pointing_game", "frontal", "nodule", "attention", "own", ""});
  null({"alignment", "pointing_game", "lateral", "nodule", "cosine", "own", ""});
  null({"alignment", "shuffle_gap", "both", "", "", "", ""});
  null({"masked_words", "word_accuracy", "both", "entity", "", "own/own", ""});
  null({"false_negatives", "cosine", "lateral", "all", "", "same", ""});
  EXPECT_TRUE(find(output.rows, {"selection", "auroc", "frontal", "nodule", "sum", "", ""})->value);
  EXPECT_TRUE(
      find(output.rows, {"alignment", "pointing_game", "frontal", "nodule", "cosine", "own", ""})
          ->value);
}

TEST(Modules, EveryRowHasAValueOrANoteAndDoesNotDependOnThreads) {
  const SmallEvaluation small(40, 3);
  EvaluateOptions options;
  options.model = small.root() / "run";
  options.manifest = small.manifest_path();
  options.out = small.out();
  options.bootstrap = 20;
  options.tasks = {"modules"};
  options.threads = 1;
  const EvaluateResult result = evaluate(options);
  const std::string once = read_file(result.results_file);
  options.threads = 3;
  evaluate(options);
  EXPECT_EQ(read_file(result.results_file), once) << "the same lines are not appended again";
  for (const ResultRow& row : result.rows) {
    EXPECT_TRUE(row.task.starts_with("modules/"));
    EXPECT_NE(row.value.has_value(), !row.note.empty()) << row.task << row.metric << row.note;
    if (!row.value) continue;
    EXPECT_LE(*row.interval.low, *row.interval.high);
  }
  EXPECT_THAT(result.notes, ::testing::Contains(HasSubstr("counterfactual.jsonl is not there")));
  EXPECT_THAT(read_file(result.report_file), HasSubstr("Do the modules do what they claim"));
}

}  // namespace
}  // namespace biplane

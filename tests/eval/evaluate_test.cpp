// Zero-shot and retrieval on a tiny model of random weights: the figures mean nothing,
// what they are made of does.
#include "biplane/eval/evaluate.h"

#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "biplane/core/error.h"
#include "biplane/eval/classification.h"
#include "biplane/eval/columns.h"
#include "biplane/eval/evaluation.h"
#include "biplane/eval/grounding.h"
#include "biplane/eval/metrics.h"
#include "biplane/eval/report_groups.h"
#include "biplane/eval/retrieval.h"
#include "biplane/eval/supervised.h"
#include "biplane/eval/zero_shot.h"
#include "biplane/model/losses.h"
#include "tests/eval/evaluation_fixture.h"

namespace biplane {
namespace {

using testing::find;
using testing::Fixture;
using testing::SmallEvaluation;

const ViewColumn& column(const std::vector<ViewColumn>& columns, const std::string& views,
                         const std::string& population = "") {
  return *std::find_if(columns.begin(), columns.end(), [&](const auto& c) {
    return c.views == views && c.population == population;
  });
}

TEST(Engine, BatchSizeAndThreadsDoNotChangeFeatures) {
  const SmallEvaluation small(9, 2);
  const Manifest manifest = Manifest::read(small.manifest_path());
  const std::vector<std::int64_t> all{0, 1, 2, 3, 4, 5, 6, 7, 8};
  const StudyFeatures one =
      Engine::open(small.model_path(), {.threads = 1, .batch = 1}).encode(manifest, all);
  const StudyFeatures many =
      Engine::open(small.model_path(), {.threads = 3, .batch = 4}).encode(manifest, all);
  EXPECT_TRUE(torch::allclose(one.frontal, many.frontal, 0, 1e-5));
  EXPECT_TRUE(torch::allclose(one.lateral, many.lateral, 0, 1e-5));
  EXPECT_TRUE(torch::allclose(one.text, many.text, 0, 1e-5));
  EXPECT_EQ(one.studies, many.studies);
  EXPECT_EQ(many.has_lateral.sum().item<std::int64_t>(), 7);
}

TEST(Engine, ABrokenImageIsLeftOutAndNamed) {
  const SmallEvaluation small(6);
  write_file_atomically(small.root() / "f3.png", "no image");
  const Manifest manifest = Manifest::read(small.manifest_path());
  const StudyFeatures features =
      Engine::open(small.model_path()).encode(manifest, {0, 1, 2, 3, 4, 5});
  EXPECT_EQ(features.studies, (std::vector<std::int64_t>{0, 1, 2, 4, 5}));
  ASSERT_EQ(features.broken.size(), 1U);
  EXPECT_EQ(features.broken[0].study_id, "s103");
  EXPECT_THAT(features.broken[0].reason, ::testing::HasSubstr("f3.png"));
}

TEST(Columns, LateralMissingIsOnTheStudiesOfBothAndDiffers) {
  const SmallEvaluation small(8, 2);
  const Fixture setup(small);
  const std::vector<ViewColumn> columns = view_columns(setup.input());
  const ViewColumn& both = column(columns, "both");
  const ViewColumn& missing = column(columns, "lateral_missing");
  EXPECT_EQ(both.rows, (std::vector<std::int64_t>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(missing.rows, both.rows);
  EXPECT_GT((both.features - missing.features).abs().sum(1).min().item<double>(), 1e-4);
  EXPECT_EQ(column(columns, "frontal", "all").rows.size(), 8U);
  EXPECT_EQ(column(columns, "lateral", "all").rows.size(), 6U);
  const ViewColumn& all = column(columns, "both", "all");
  EXPECT_TRUE(torch::allclose(all.features.slice(0, 0, 6), both.features, 0, 1e-6));
}

// Columns that mean something for a model with this provenance, as "views population".
std::set<std::string> meaningful(const std::function<void(ModelProvenance&)>& change) {
  const SmallEvaluation small(9, 2);
  ModelDescription description = small.description();
  change(description.provenance);
  save_model_package(small.model_path(), description,
                     SmallEvaluation::random_weights(description.config));
  const Fixture loaded(small);
  std::set<std::string> names;
  for (const ViewColumn& column : view_columns(loaded.input())) {
    EXPECT_EQ(column.features.defined(), column.note.empty()) << column.views;
    if (column.features.defined()) names.insert(column.views + " " + column.population);
  }
  return names;
}

TEST(Columns, FeaturesThatTrainingNeverUsedAreNull) {
  using Names = std::set<std::string>;
  EXPECT_EQ(meaningful([](ModelProvenance&) {}),
            (Names{"frontal ", "lateral ", "both ", "lateral_missing ", "both_lateral_swapped ",
                   "frontal all", "lateral all", "both all"}));
  EXPECT_EQ(meaningful([](ModelProvenance& p) { p.fusion_trained = false; }),
            (Names{"frontal ", "lateral ", "frontal all", "lateral all"}));
  EXPECT_EQ(meaningful([](ModelProvenance& p) { p.lateral_trained = false; }),
            (Names{"frontal ", "lateral_missing ", "frontal all"}));
  EXPECT_EQ(meaningful([](ModelProvenance& p) { p.frontal_trained = false; }),
            (Names{"lateral ", "lateral all"}));
  EXPECT_EQ(meaningful([](ModelProvenance& p) { p.absent_lateral_trained = false; }),
            (Names{"frontal ", "lateral ", "both ", "both_lateral_swapped ", "frontal all",
                   "lateral all"}));
}

TEST(Columns, SwappedLateralComesFromAnotherPatient) {
  const SmallEvaluation small(6);
  const Fixture setup(small);
  const std::vector<ViewColumn> columns = view_columns(setup.input());
  const ViewColumn& swapped = column(columns, "both_lateral_swapped");
  // Patients are (0,1), (2,3), (4,5): study 0 takes the lateral of study 2, study 1 that of study 2
  // as well.
  const torch::Tensor yes = torch::ones({2}, torch::kBool);
  const torch::Tensor expected =
      unit(setup.engine.fuse(setup.features.frontal.slice(0, 0, 2),
                             setup.features.lateral.slice(0, 2, 3).expand({2, -1}), yes, yes));
  EXPECT_TRUE(torch::allclose(swapped.features.slice(0, 0, 2), expected, 0, 1e-6));
  EXPECT_EQ(columns.size(), 5U);  // every study has both views: no further population
}

// AUROC of the frontal features for a finding of kPromptText, from first principles; uncertain
// labels left out.
double expected_auroc(const Fixture& setup, const PromptClass& prompts, bool margin = true) {
  const torch::Tensor studies = unit(setup.features.frontal);
  const torch::Tensor positive = unit(unit(setup.engine.encode_texts(prompts.positive)).mean(0));
  const torch::Tensor negative = unit(unit(setup.engine.encode_texts(prompts.negative)).mean(0));
  std::vector<double> score;
  std::vector<std::uint8_t> label;
  for (std::int64_t i = 0; i < setup.features.size(); ++i) {
    const int value = setup.manifest.study(i).labels.at(prompts.finding);
    if (value < 0) continue;
    const torch::Tensor direction = margin ? positive - negative : positive;
    score.push_back(studies[i].dot(direction).item<double>());
    label.push_back(value == 1);
  }
  return *auroc(score, label);
}

TEST(ZeroShot, AurocIsThatOfThePromptScores) {
  const SmallEvaluation small(24);
  const Fixture setup(small);
  EvaluationOutput output;
  ZeroShotEvaluator().run(setup.input(), output);
  for (const char* finding : {"nodule", "fracture"}) {
    const ResultRow* row = find(output.rows, "auroc", "frontal", finding);
    ASSERT_NE(row, nullptr);
    EXPECT_NEAR(*row->value, expected_auroc(setup, *setup.prompts.find(finding)), 1e-6) << finding;
    EXPECT_LE(*row->interval.low, *row->interval.high);
  }
  EXPECT_EQ(find(output.rows, "auroc", "frontal", "fracture")->n, 24);
  EXPECT_EQ(*find(output.rows, "auroc", "frontal", "fracture")->positives, 6);
}

TEST(ZeroShot, RankingByThePositivePromptsLeavesDecisionsToTheMargin) {
  const SmallEvaluation small(24);
  Fixture setup(small);
  EvaluationOutput by_margin, by_positive;
  ZeroShotEvaluator().run(setup.input(), by_margin);
  setup.prompts.ranking = Ranking::kPositive;
  ZeroShotEvaluator().run(setup.input(), by_positive);
  for (const char* finding : {"nodule", "fracture"}) {
    const ResultRow* row = find(by_positive.rows, "auroc", "frontal", finding);
    EXPECT_NEAR(*row->value, expected_auroc(setup, *setup.prompts.find(finding), false), 1e-6);
    EXPECT_EQ(*find(by_positive.rows, "accuracy", "frontal", finding)->value,
              *find(by_margin.rows, "accuracy", "frontal", finding)->value);
  }
}

TEST(ZeroShot, UndefinedFindingsAreNullAndLeftOutOfTheMean) {
  const SmallEvaluation small(24);
  const Fixture setup(small);
  EvaluationOutput output;
  ZeroShotEvaluator().run(setup.input(), output);
  const ResultRow* device = find(output.rows, "auroc", "both", "device");
  ASSERT_NE(device, nullptr);
  EXPECT_FALSE(device->value.has_value());
  EXPECT_EQ(device->note, "no positive study");
  const double nodule = *find(output.rows, "auroc", "both", "nodule")->value;
  const double fracture = *find(output.rows, "auroc", "both", "fracture")->value;
  EXPECT_NEAR(*find(output.rows, "auroc", "both", "macro")->value, (nodule + fracture) / 2, 1e-12);
  EXPECT_EQ(find(output.rows, "auroc", "both", "nodule")->n, 23);  // one label is uncertain
  // fracture is seen in the lateral only, nodule in both views
  EXPECT_NEAR(*find(output.rows, "auroc", "both", "macro_lateral_only")->value, fracture, 1e-12);
  EXPECT_NEAR(*find(output.rows, "auroc", "both", "macro_both_views")->value, nodule, 1e-12);
  EXPECT_NEAR(*find(output.rows, "auroc", "both", "macro_in_frontal")->value, nodule, 1e-12);
  EXPECT_EQ(find(output.rows, "auroc", "both", "macro")->repeats.size(), 20U);
  const double frontal = *find(output.rows, "auroc", "frontal", "fracture")->value;
  EXPECT_NEAR(*find(output.rows, "auroc_difference", "both", "fracture")->value, fracture - frontal,
              1e-12);
}

// AUROC of a finding in the frontal over the studies that `counts`, from that of all of them.
double auroc_where(const SmallEvaluation& small, const std::string& finding,
                   const std::function<bool(const Study&)>& counts) {
  Fixture setup(small);
  EvaluationInput input = setup.input();
  StudyFeatures& features = setup.features;
  std::vector<std::int64_t> rows;
  for (std::int64_t row = 0; row < features.size(); ++row)
    if (counts(study_of(input, row))) rows.push_back(row);
  std::vector<std::int64_t> studies;
  for (const std::int64_t row : rows)
    studies.push_back(features.studies[static_cast<std::size_t>(row)]);
  features = setup.engine.encode(setup.manifest, studies);
  setup.studies = setup.manifest.studies(features.studies);
  EvaluationOutput output;
  ZeroShotEvaluator().run(setup.input(), output);
  return *find(output.rows, "auroc", "frontal", finding)->value;
}

TEST(ZeroShot, DoubtfulPositivesAreLeftOutOfTheMacrosOfViews) {
  // Two of eight nodules are doubtful in the frontal and two in the lateral; of the fractures,
  // which the frontal hides, all but two are doubtful there.
  const SmallEvaluation::Change change = [](Study& study) {
    const int number = std::stoi(study.study_id.substr(1)) - 100;
    const auto doubt = [&](const std::string& finding, const std::string& view) {
      std::erase(study.visible_in.at(finding), view);
      study.doubtful_in[finding].push_back(view);
    };
    if (number == 3 || number == 9) doubt("nodule", "frontal");
    if (number == 15 || number == 21) doubt("nodule", "lateral");
    if (number % 4 == 0 && number >= 8) doubt("fracture", "frontal");
    if (number == 0 || number == 4) study.visible_in.at("fracture").push_back("frontal");
  };
  const SmallEvaluation small(24, 0, change);
  const Fixture setup(small);
  const auto findings = labelled_findings(setup.input(), {"nodule", "fracture"});
  EXPECT_EQ(findings[0].visible_frontal, 1.0);  // 6 of the 6 of which it is known
  EXPECT_EQ(findings[0].visible_lateral, 1.0);
  EXPECT_EQ(findings[1].visible_frontal, 1.0);  // 2 of 2
  EvaluationOutput output;
  ZeroShotEvaluator().run(setup.input(), output);
  const auto told = [](const std::string& finding, const std::set<std::string>& views) {
    return [=](const Study& study) {
      const auto doubtful = study.doubtful_in.find(finding);
      return doubtful == study.doubtful_in.end() || !views.contains(doubtful->second.front());
    };
  };
  const auto mean_over = [&](const std::set<std::string>& views) {
    return (auroc_where(small, "nodule", told("nodule", views)) +
            auroc_where(small, "fracture", told("fracture", views))) /
           2;
  };
  EXPECT_NEAR(*find(output.rows, "auroc", "frontal", "macro_in_frontal")->value,
              mean_over({"frontal"}), 1e-9);
  EXPECT_NEAR(*find(output.rows, "auroc", "frontal", "macro_both_views")->value,
              mean_over({"frontal", "lateral"}), 1e-9);
  EXPECT_EQ(find(output.rows, "auroc", "frontal", "nodule")->positives, 8) << "all count there";
  EXPECT_EQ(find(output.rows, "auroc", "frontal", "macro_lateral_only"), nullptr);
}

TEST(Supervised, ReadsTheLabelHeadOnTheFusedFeatureByTheNamesOfItsLabels) {
  const SmallEvaluation small(12);
  ModelDescription description = small.description();
  description.provenance.labels = {"fracture", "unheard", "nodule"};
  TensorMap weights = SmallEvaluation::random_weights(description.config);
  torch::manual_seed(4);
  const torch::Tensor weight = torch::randn({3, description.config.width});
  weights["objective.labels.weight"] = weight;
  weights["objective.labels.bias"] = torch::zeros({3});
  save_model_package(small.model_path(), description, weights);
  const Fixture setup(small);
  EvaluationOutput output;
  SupervisedEvaluator().run(setup.input(), output);
  EXPECT_EQ(find(output.rows, "auroc", "both", "unheard"), nullptr);
  EXPECT_FALSE(find(output.rows, "auroc", "frontal", "macro")->value.has_value());
  EXPECT_EQ(find(output.rows, "auroc", "frontal", "macro")->note,
            "the label head reads the fused feature");
  const torch::Tensor yes = torch::ones({12}, torch::kBool);
  const torch::Tensor logits =
      setup.engine.fuse(setup.features.frontal, setup.features.lateral, yes, yes)
          .matmul(weight[2])
          .contiguous();
  std::vector<double> score;
  std::vector<std::uint8_t> positive;
  for (std::int64_t row = 0; row < 12; ++row) {
    const int label = study_of(setup.input(), row).labels.at("nodule");
    if (label < 0) continue;
    score.push_back(logits[row].item<double>());
    positive.push_back(label == 1);
  }
  EXPECT_NEAR(*find(output.rows, "auroc", "both", "nodule")->value, *auroc(score, positive), 1e-9);
  EXPECT_EQ(find(output.rows, "auroc", "both", "nodule")->task, "supervised");

  EvaluationOutput without;
  const SmallEvaluation plain(6);
  SupervisedEvaluator().run(Fixture(plain).input(), without);
  EXPECT_TRUE(without.rows.empty());
  EXPECT_THAT(without.notes.at(0), ::testing::HasSubstr("trained without loss.labels"));
}

TEST(ZeroShot, WithoutLabelsThereIsANoteAndNoRow) {
  const SmallEvaluation small(6);
  Fixture setup(small);
  setup.prompts = parse_prompts(
      "name: other\nversion: 1\nclasses:\n  edema:\n    positive: [edema]\n    negative: [no "
      "edema]\n");
  EvaluationOutput output;
  ZeroShotEvaluator().run(setup.input(), output);
  GroundingEvaluator().run(setup.input(), output);
  EXPECT_TRUE(output.rows.empty());
  ASSERT_EQ(output.notes.size(), 2U);
  EXPECT_THAT(output.notes[0], ::testing::HasSubstr("zero_shot: skipped"));
}

TEST(Retrieval, PoolsAreDisjointAndTheRestIsNoted) {
  const SmallEvaluation small(24);
  const Fixture setup(small);
  EvaluationOutput output;
  RetrievalEvaluator().run(setup.input(), output);
  const auto row = std::find_if(output.rows.begin(), output.rows.end(), [](const ResultRow& r) {
    return r.metric == "recall_at_10" && r.views == "both" && r.direction == "image_to_text";
  });
  ASSERT_NE(row, output.rows.end());
  EXPECT_EQ(row->pool, 10);
  EXPECT_EQ(row->n, 20);
  EXPECT_EQ(*row->value, 1.0);  // ten candidates
  EXPECT_THAT(output.notes, ::testing::Contains(::testing::HasSubstr("4 studies fill no pool")));
  ASSERT_EQ(output.report.retrieval.size(), 2U);
  EXPECT_EQ(output.report.retrieval[0].best.size(), 5U);
  EXPECT_GE(output.report.retrieval[0].best[0].similarity,
            output.report.retrieval[0].best[1].similarity);
}

TEST(Retrieval, DifferencesToTheFrontalArePairedOverTheSameStudies) {
  const SmallEvaluation small(24);
  const Fixture setup(small);
  EvaluationOutput output;
  RetrievalEvaluator().run(setup.input(), output);
  const auto find = [&](const std::string& metric, const std::string& views) -> const ResultRow& {
    const auto row = std::find_if(output.rows.begin(), output.rows.end(), [&](const ResultRow& r) {
      return r.metric == metric && r.views == views && r.direction == "mean" &&
             r.population.empty();
    });
    EXPECT_NE(row, output.rows.end()) << metric << ' ' << views;
    return *row;
  };
  for (const char* views : {"lateral", "both"}) {
    const ResultRow& own = find("recall_at_1", views);
    const ResultRow& base = find("recall_at_1", "frontal");
    const ResultRow& difference = find("recall_at_1_difference", views);
    EXPECT_EQ(difference.against, "frontal");
    EXPECT_DOUBLE_EQ(*difference.value, *own.value - *base.value);
    ASSERT_EQ(difference.repeats.size(), own.repeats.size());
    for (std::size_t i = 0; i < own.repeats.size(); ++i)
      EXPECT_DOUBLE_EQ(*difference.repeats[i], *own.repeats[i] - *base.repeats[i]);
  }
  EXPECT_TRUE(std::none_of(output.rows.begin(), output.rows.end(), [](const ResultRow& r) {
    return r.views == "frontal" && !r.against.empty();
  }));
}

TEST(Retrieval, ReportsAreTheSameUpToCaseAndBlanks) {
  EXPECT_EQ(normalised_report("  No\n effusion.\t Heart "), "no effusion. heart");
  EXPECT_NE(normalised_report("no effusion"), normalised_report("effusion"));
}

EvaluateOptions options_for(const SmallEvaluation& small) {
  EvaluateOptions options;
  options.model = small.root() / "run";
  options.manifest = small.manifest_path();
  options.out = small.out();
  options.pool = 10;
  options.bootstrap = 20;
  options.threads = 2;
  options.code = "test 1";
  options.corpus = "small";
  return options;
}

TEST(Evaluate, WritesResultsAndOneSelfContainedReport) {
  const SmallEvaluation small(16, 4);
  write_file_atomically(
      small.root() / "run/metrics.jsonl",
      "{\"step\":1,\"loss\":3.5,\"lr\":0.001}\n{\"step\":2,\"loss\":2.5,\"lr\":0.002}\n{cut");
  const EvaluateResult result = evaluate(options_for(small));
  std::ifstream file(result.results_file);
  std::size_t lines = 0;
  for (std::string line; std::getline(file, line); ++lines) {
    const nlohmann::json row = nlohmann::json::parse(line);
    EXPECT_EQ(row["corpus"], "small");
    EXPECT_EQ(row["split"], "test");
    EXPECT_EQ(row["run"], "run");
    EXPECT_EQ(row["seed"], 7);
    EXPECT_EQ(row["weights_sha256"].get<std::string>().size(), 64U);
    EXPECT_EQ(row["prompts_sha256"].get<std::string>().size(), 64U);
    EXPECT_TRUE(row.contains("value") && row.contains("low") && row.contains("high"));
    EXPECT_TRUE(!row["value"].is_null() || row.contains("note")) << line;
  }
  EXPECT_EQ(lines, result.rows.size());
  const std::string html = read_file(result.report_file);
  for (const char* outside :
       {"http", "src=\"/", "href=", "@import", "url(", "<script src", "<link"}) {
    EXPECT_EQ(html.find(outside), std::string::npos) << outside;
  }
  EXPECT_EQ(html.find("nodule <in>"), std::string::npos);
  EXPECT_NE(html.find("nodule &lt;in&gt;"), std::string::npos);
  EXPECT_NE(html.find("data:image/jpeg;base64,"), std::string::npos);
  EXPECT_NE(html.find("loss over training steps"), std::string::npos);
}

TEST(Evaluate, TheSameCallGivesTheSameFiguresWhichStandThereOnce) {
  const SmallEvaluation small(12);
  EvaluateOptions options = options_for(small);
  options.tasks = {"retrieval"};
  const EvaluateResult first = evaluate(options);
  const std::string once = read_file(first.results_file), page = read_file(first.report_file);
  options.threads = 1;
  evaluate(options);
  EXPECT_EQ(read_file(first.results_file), once);
  EXPECT_EQ(read_file(first.report_file), page);
  options.bootstrap += 5;
  evaluate(options);
  const std::string both = read_file(first.results_file);
  EXPECT_TRUE(both.starts_with(once)) << "others are appended";
  EXPECT_GT(both.size(), once.size());
}

TEST(Evaluate, OperationsOutsideOfParallelLoopsUseOneThread) {
  const SmallEvaluation small(6);
  const int before = at::get_num_threads();
  at::set_num_threads(2);
  {
    const Evaluation evaluation(options_for(small));
    EXPECT_EQ(at::get_num_threads(), 1);
  }
  EXPECT_EQ(at::get_num_threads(), 2);
  at::set_num_threads(before);
}

TEST(Evaluate, BadRequestsAreNamed) {
  const SmallEvaluation small(4);
  EvaluateOptions options = options_for(small);
  options.tasks = {"zeroshot"};
  EXPECT_THROW(evaluate(options), Error);
  options = options_for(small);
  options.studies.split = "validate";
  try {
    evaluate(options);
    FAIL() << "no study is of that split";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("--split all"));
  }
}

}  // namespace
}  // namespace biplane

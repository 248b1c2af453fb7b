#include "biplane/eval/model_comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <set>

#include "biplane/core/error.h"
#include "biplane/eval/evaluate.h"
#include "biplane/eval/paired_tests.h"
#include "biplane/eval/report.h"
#include "biplane/eval/report_tables.h"
#include "biplane/eval/zero_shot.h"
#include "biplane/inference/task_model.h"
#include "tests/eval/evaluation_fixture.h"

namespace biplane {
namespace {

using ::testing::Contains;
using testing::find;
using testing::Fixture;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::SmallEvaluation;

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
constexpr int kStudies = 24;

// ---- On predictions alone ----

// A head with random scores of studies s0, s1, ... of which `patients` are different. Every third
// has a nodule, every fourth a fracture, none a device.
HeadPredictions random_head(const std::vector<std::string>& classes, std::uint64_t seed,
                            int patients = kStudies) {
  HeadPredictions head;
  head.task = "linear";
  head.kind = "multilabel";
  head.classes = classes;
  PredictedColumn& column = head.columns.emplace_back();
  column.views = "frontal";
  for (int i = 0; i < kStudies; ++i) {
    column.studies.push_back("s" + std::to_string(i));
    column.patients.push_back("p" + std::to_string(i % patients));
    for (const std::string& name : classes) {
      const bool there = (name == "nodule" && i % 3 == 0) || (name == "fracture" && i % 4 == 0);
      column.truth.push_back(there ? 1 : 0);
      column.probability.push_back(
          CounterRandom(seed, name, {static_cast<std::uint64_t>(i)}).uniform());
    }
  }
  return head;
}

EvaluationOutput compared(const HeadPredictions& own, const HeadPredictions& other) {
  EvaluationOutput output;
  compare_predictions({own}, {other}, {.repeats = 50}, 2, output);
  return output;
}

double auroc_of(const HeadPredictions& head, std::size_t of) {
  const ClassRows known = class_rows(head.columns[0], of, head.classes.size());
  return *auroc(known.probability, known.positive);
}

TEST(ComparedPredictions, DifferencesAreThoseOfTheAurocsAndTheirMean) {
  const HeadPredictions own = random_head({"nodule", "fracture"}, 1),
                        other = random_head({"nodule", "fracture"}, 2);
  const EvaluationOutput output = compared(own, other);
  EXPECT_TRUE(output.notes.empty());
  ASSERT_EQ(output.rows.size(), 3U);
  double sum = 0;
  for (std::size_t of = 0; of < 2; ++of) {
    const ResultRow* row = find(output.rows, "auroc_difference", "frontal", own.classes[of]);
    ASSERT_NE(row, nullptr);
    const double difference = auroc_of(own, of) - auroc_of(other, of);
    EXPECT_DOUBLE_EQ(*row->value, difference);
    EXPECT_EQ(row->task, "linear");
    EXPECT_EQ(row->n, kStudies);
    EXPECT_LE(*row->interval.low, *row->interval.high);
    EXPECT_EQ(row->repeats.size(), 50U);
    sum += difference;
  }
  const ResultRow* macro = find(output.rows, "auroc_difference", "frontal", "macro");
  EXPECT_DOUBLE_EQ(*macro->value, sum / 2);
  EXPECT_FALSE(macro->p.has_value());
}

TEST(ComparedPredictions, RepeatsDrawThePatientsOfEachModelsOwnFigures) {
  const HeadPredictions own = random_head({"nodule"}, 1, 12),
                        other = random_head({"nodule"}, 2, 12);
  HeadPredictions of_own = own, of_other = other;
  of_own.thresholds = of_other.thresholds = {0.5};
  const auto rows = compared(own, other).rows;
  const auto a = head_rows(of_own, {.repeats = 50}, 1), b = head_rows(of_other, {.repeats = 50}, 1);
  EXPECT_EQ(find(rows, "auroc_difference", "frontal", "nodule")->repeats,
            difference_of(find(a, "auroc", "frontal", "nodule")->repeats,
                          find(b, "auroc", "frontal", "nodule")->repeats));
}

TEST(ComparedPredictions, PIsThatOfDelongWhereEachPatientHasOneRow) {
  const HeadPredictions own = random_head({"nodule"}, 1), other = random_head({"nodule"}, 2);
  const ClassRows a = class_rows(own.columns[0], 0, 1), b = class_rows(other.columns[0], 0, 1);
  const ResultRow row = *find(compared(own, other).rows, "auroc_difference", "frontal", "nodule");
  ASSERT_TRUE(row.p.has_value());
  EXPECT_DOUBLE_EQ(*row.p, *delong(a.probability, b.probability, a.positive)->p);
  EXPECT_TRUE(row.note.empty());
}

TEST(ComparedPredictions, PIsUndefinedWhereAPatientHasTwoRowsOfTheClass) {
  HeadPredictions own = random_head({"nodule", "fracture"}, 1),
                  other = random_head({"nodule", "fracture"}, 2);
  for (HeadPredictions* head : {&own, &other}) {
    head->columns[0].patients[1] = head->columns[0].patients[0];
    head->columns[0].truth[3] = kUnknown;  // the second study's fracture
  }
  const auto rows = compared(own, other).rows;
  const ResultRow* nodule = find(rows, "auroc_difference", "frontal", "nodule");
  EXPECT_TRUE(nodule->value.has_value());
  EXPECT_FALSE(nodule->p.has_value());
  EXPECT_THAT(nodule->note, HasSubstr("a patient has several studies"));
  const ResultRow* fracture = find(rows, "auroc_difference", "frontal", "fracture");
  EXPECT_TRUE(fracture->p.has_value()) << "one of the patient's two studies is known";
  EXPECT_EQ(fracture->n, kStudies - 1);
}

TEST(ComparedPredictions, TwoStudiesOfEitherKindAreNeededForP) {
  HeadPredictions own = random_head({"nodule"}, 1), other = random_head({"nodule"}, 2);
  for (HeadPredictions* head : {&own, &other})
    for (std::size_t i = 0; i < kStudies; ++i) head->columns[0].truth[i] = i == 5 ? 1 : 0;
  const auto rows = compared(own, other).rows;
  const ResultRow* row = find(rows, "auroc_difference", "frontal", "nodule");
  EXPECT_TRUE(row->value.has_value());
  EXPECT_FALSE(row->p.has_value());
  EXPECT_THAT(row->note, HasSubstr("two studies of either kind"));
}

TEST(ComparedPredictions, OnlyCommonClassesColumnsAndTasksCount) {
  HeadPredictions own = random_head({"nodule", "mass", "fracture"}, 1),
                  other = random_head({"fracture", "nodule"}, 2);
  other.columns.push_back(other.columns[0]);
  other.columns.back().views = "lateral_missing";
  const EvaluationOutput output = compared(own, other);
  ASSERT_EQ(output.rows.size(), 3U);
  EXPECT_DOUBLE_EQ(*find(output.rows, "auroc_difference", "frontal", "fracture")->value,
                   auroc_of(own, 2) - auroc_of(other, 0));
  EXPECT_THAT(output.notes, Contains(HasSubstr("1 classes and 1 columns are of one model alone")));
  other.task = "finetune";
  const EvaluationOutput none = compared(own, other);
  EXPECT_TRUE(none.rows.empty());
  EXPECT_THAT(none.notes, Contains(HasSubstr("0 ways of classification are of both models; not "
                                             "compared, of one alone: linear, finetune")));
}

TEST(ComparedPredictions, UndefinedClassesAreNullAndNotPartOfTheMean) {
  const HeadPredictions own = random_head({"nodule", "device"}, 1),
                        other = random_head({"nodule", "device"}, 2);
  const auto rows = compared(own, other).rows;
  const ResultRow* device = find(rows, "auroc_difference", "frontal", "device");
  EXPECT_FALSE(device->value.has_value());
  EXPECT_EQ(device->note, "no positive study");
  const ResultRow* macro = find(rows, "auroc_difference", "frontal", "macro");
  EXPECT_DOUBLE_EQ(*macro->value, *find(rows, "auroc_difference", "frontal", "nodule")->value);
  EXPECT_THAT(macro->note, HasSubstr("1 classes are undefined"));
}

TEST(ComparedPredictions, ColumnsThatMeanNothingForOneSayWhy) {
  const HeadPredictions own = random_head({"nodule"}, 1);
  HeadPredictions other = random_head({"nodule"}, 2);
  other.columns[0] = {"frontal", "", "training never used frontals", {}, {}, {}, {}};
  const auto rows = compared(own, other).rows;
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_FALSE(rows[0].value.has_value());
  EXPECT_EQ(rows[0].note, "of the other model: training never used frontals");
}

TEST(ComparedPredictions, StudiesOfOneModelAloneAndLabelsReadDifferentlyAreLeftOut) {
  const HeadPredictions own = random_head({"nodule"}, 1);
  HeadPredictions other = random_head({"nodule"}, 2);
  PredictedColumn& column = other.columns[0];
  column.truth[3] = 0;  // uncertain: present to one head, absent to the other
  for (auto* names : {&column.studies, &column.patients}) names->erase(names->begin());
  for (auto* values : {&column.probability, &column.truth}) values->erase(values->begin());
  HeadPredictions rest = own;
  rest.columns[0].truth[0] = rest.columns[0].truth[3] = kUnknown;
  HeadPredictions rest_of_other = random_head({"nodule"}, 2);
  rest_of_other.columns[0].truth = rest.columns[0].truth;
  const EvaluationOutput output = compared(own, other);
  const ResultRow* row = find(output.rows, "auroc_difference", "frontal", "nodule");
  EXPECT_EQ(row->n, kStudies - 2);
  EXPECT_DOUBLE_EQ(*row->value, auroc_of(rest, 0) - auroc_of(rest_of_other, 0));
  EXPECT_THAT(output.notes, Contains(HasSubstr("1 labels that the two heads read differently")));
}

// ---- On models ----

// A model of other weights beside the first one.
std::filesystem::path other_model(const SmallEvaluation& small) {
  const std::filesystem::path folder = small.root() / "second/model";
  const MultiviewModel model(small.description().config, /*seed=*/6);
  save_model_package(folder, small.description(), module_state(model));
  return folder;
}

// In the batches of Fixture, so that equal weights give equal scores to the last bit.
ComparedModel opened(const std::filesystem::path& model) {
  return {"second", Engine::open(model, {.threads = 2, .batch = 5}),
          parse_prompts(testing::kPromptText)};
}

void own_patients(Study& study) { study.patient_id = study.study_id; }

TEST(ModelComparison, OfAModelWithItselfIsZeroWithoutP) {
  const SmallEvaluation small(kStudies, 4, own_patients);
  const Fixture setup(small);
  const ComparedModel same = opened(small.model_path());
  EvaluationOutput output;
  ModelComparison(same).run(setup.input(), output);
  std::size_t defined = 0;
  for (const ResultRow& row : output.rows) {
    EXPECT_EQ(row.metric, "auroc_difference");
    EXPECT_EQ(row.against, "second");
    EXPECT_EQ(row.against_sha256, setup.engine.package().weights_sha256);
    EXPECT_FALSE(row.p.has_value());
    if (!row.value) continue;
    ++defined;
    EXPECT_NEAR(*row.value, 0, 1e-9) << row.views << ' ' << row.label;
    if (row.label == "macro") continue;
    EXPECT_THAT(row.note, HasSubstr("no variance"));
  }
  EXPECT_GE(defined, 3U * 4U) << "two findings and their mean, in every column";
  EXPECT_NE(find(output.rows, "auroc_difference", "both", "macro", "all"), nullptr);
  EXPECT_TRUE(output.notes.empty());
}

TEST(ModelComparison, RowsAreTheZeroShotFiguresOfTheTwoSubtracted) {
  const SmallEvaluation small(kStudies, 4, own_patients);
  const Fixture setup(small);
  Fixture second(small);
  const std::filesystem::path model = other_model(small);
  second.engine = Engine::open(model, {.threads = 2, .batch = 5});
  second.features = second.engine.encode(second.manifest, second.features.studies);
  EvaluationOutput own, other, output;
  ZeroShotEvaluator().run(setup.input(), own);
  ZeroShotEvaluator().run(second.input(), other);
  ModelComparison(opened(model)).run(setup.input(), output);
  for (const char* views : {"frontal", "lateral", "both", "lateral_missing"}) {
    for (const char* label : {"nodule", "fracture", "macro"}) {
      const ResultRow* row = find(output.rows, "auroc_difference", views, label);
      ASSERT_NE(row, nullptr) << views << label;
      const ResultRow *a = find(own.rows, "auroc", views, label),
                      *b = find(other.rows, "auroc", views, label);
      ASSERT_EQ(row->value.has_value(), a->value && b->value) << views << label;
      if (!row->value) continue;
      EXPECT_NEAR(*row->value, *a->value - *b->value, 1e-9) << views << label;
    }
  }
  EXPECT_TRUE(find(output.rows, "auroc_difference", "frontal", "nodule")->p.has_value());
}

TEST(ModelComparison, LeavesOutForBothWhatOneCannotRead) {
  const SmallEvaluation small(kStudies, 0, own_patients);
  const Fixture setup(small);
  const ComparedModel second = opened(other_model(small));
  write_file_atomically(small.root() / "f0.png", "this is text");  // the first has read it before
  EvaluationOutput output;
  ModelComparison(second).run(setup.input(), output);
  EXPECT_EQ(find(output.rows, "auroc_difference", "frontal", "fracture")->n, kStudies - 1);
  EXPECT_THAT(output.notes, Contains(HasSubstr("1 studies are left out because second cannot")));
}

// A model with a head for these classes, of random weights.
void save_head(const std::filesystem::path& folder, const SmallEvaluation& small,
               const std::vector<std::string>& classes) {
  TaskDescription task;
  task.task = "linear";
  task.classifier.labels.names = classes;
  task.classifier.thresholds.assign(classes.size(), 0.5);
  const ModelDescription description = small.description();
  const std::int64_t width = feature_width(task.classifier, description.config);
  const auto count = static_cast<std::int64_t>(classes.size());
  save_task_package(
      folder, description, task, SmallEvaluation::random_weights(description.config),
      {{"linear.weight", torch::randn({count, width})}, {"linear.bias", torch::zeros({count})}});
}

TEST(ModelComparison, ComparesHeadsBesideZeroShotScores) {
  const SmallEvaluation small(kStudies, 0, own_patients);
  torch::manual_seed(3);
  save_head(small.root() / "first/model", small, {"nodule", "fracture"});
  save_head(small.root() / "second/model", small, {"fracture"});
  Fixture setup(small);
  setup.engine = Engine::open(small.root() / "first/model", {.threads = 2, .batch = 5});
  EvaluationOutput output;
  ModelComparison(opened(small.root() / "second/model")).run(setup.input(), output);
  std::set<std::string> heads;
  for (const ResultRow& row : output.rows)
    if (row.task == "linear") heads.insert(row.views + " " + row.label);
  EXPECT_THAT(heads, ::testing::ElementsAre("frontal fracture", "frontal macro"));
  EXPECT_TRUE(std::any_of(output.rows.begin(), output.rows.end(),
                          [](const ResultRow& row) { return row.task == "zero_shot"; }));
}

// ---- In the results and their tables ----

EvaluateOptions comparison_options(const SmallEvaluation& small) {
  EvaluateOptions options;
  options.model = small.root() / "run";
  options.against = small.root() / "second";
  options.manifest = small.manifest_path();
  options.out = small.out();
  options.tasks = {"zero_shot"};
  options.bootstrap = 20;
  options.threads = 2;
  options.code = "test 1";
  options.corpus = "small";
  return options;
}

TEST(ModelComparison, StandsInResultsTableAndReport) {
  const SmallEvaluation small(kStudies, 0, own_patients);
  other_model(small);
  const EvaluateResult result = evaluate(comparison_options(small));
  const auto row = std::find_if(result.rows.begin(), result.rows.end(), [](const ResultRow& one) {
    return compares_models(one) && one.views == "frontal" && one.label == "nodule";
  });
  ASSERT_NE(row, result.rows.end());
  EXPECT_EQ(row->against, "second");
  EXPECT_EQ(row->corpus, "small");
  EXPECT_EQ(row->exposed, "train");
  EXPECT_NE(row->against_sha256, result.origin.weights_sha256);
  const ResultRow back = result_from_json(result_to_json(*row, result.origin));
  EXPECT_EQ(back.against_sha256, row->against_sha256);
  EXPECT_EQ(back.p, row->p);
  EXPECT_THAT(result_table(result.rows), HasSubstr("zero_shot, AUROC less that of second\n"));
  EXPECT_THAT(result_table(result.rows), HasSubstr(p_text(*row)));
  EXPECT_THAT(read_file(result.report_file), HasSubstr("Compared with second"));
  EXPECT_THAT(result.notes, Contains(HasSubstr("of second, exposed:")));
}

TEST(ModelComparison, AMissingModelIsNamedBeforeAnythingIsMeasured) {
  const SmallEvaluation small(4);
  try {
    evaluate(comparison_options(small));
    FAIL() << "there is no second model";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kMissingInput);
    EXPECT_THAT(error.what(), HasSubstr("second"));
  }
  EXPECT_FALSE(std::filesystem::exists(small.out() / "results.jsonl"));
}

TEST(ModelComparison, DoesNotStandAmongTheFiguresOfOneModel) {
  ResultRow row;
  row.task = "linear";
  row.views = "both";
  row.metric = "auroc_difference";
  row.label = "macro";
  row.value = 0.125;
  row.against = "second";
  row.against_sha256 = "abc";
  std::vector<ResultRow> rows{row};
  const std::string html = render_report({ReportData{}, rows, {}, ResultOrigin{}});
  EXPECT_THAT(html, Not(HasSubstr("Linear classification")));
  EXPECT_THAT(html, HasSubstr("+0.125"));
  EXPECT_EQ(find_row(rows, {"linear", "auroc_difference", "both", "macro", "", "", ""}), nullptr);
  rows[0].p = 0.0001;
  EXPECT_THAT(result_table(rows), HasSubstr("0.125 p < 0.001"));
  rows[0].against_sha256.clear();
  EXPECT_THAT(render_report({ReportData{}, rows, {}, ResultOrigin{}}),
              Not(HasSubstr("Compared with")));
}

}  // namespace
}  // namespace biplane

// Retrieval of what shows the same, and accuracy over classes that exclude each other.
#include "biplane/eval/class_retrieval.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "biplane/eval/evaluate.h"
#include "biplane/eval/exclusive_accuracy.h"
#include "biplane/eval/study_classes.h"
#include "biplane/model/losses.h"
#include "tests/eval/evaluation_fixture.h"

namespace biplane {
namespace {

using ::testing::Contains;
using testing::find;
using testing::Fixture;
using ::testing::HasSubstr;
using testing::SmallEvaluation;

int number_of(const Study& study) { return std::stoi(study.study_id.substr(1)) - 100; }

// As CheXpert 5x200: every study has one of three classes.
void make_exclusive(Study& study) {
  const int number = number_of(study);
  study.labels = {
      {"nodule", number % 3 == 0}, {"fracture", number % 3 == 1}, {"device", number % 3 == 2}};
}

const ResultRow* find_at(const std::vector<ResultRow>& rows, const std::string& direction,
                         const std::string& candidates, std::int64_t k) {
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const ResultRow& row) {
    return row.metric == "precision_at_k" && row.views == "frontal" && row.direction == direction &&
           row.candidates == candidates && row.k == k;
  });
  return found == rows.end() ? nullptr : &*found;
}

TEST(StudyClasses, AreExclusiveOnlyWhereEveryStudyHasExactlyOne) {
  const SmallEvaluation small(12, 0, make_exclusive);
  const ExclusiveClasses classes = exclusive_classes(Fixture(small).input());
  ASSERT_TRUE(classes.hold());
  EXPECT_EQ(classes.of_row[4], 1);
  EXPECT_EQ(classes.note, "");
  const ExclusiveClasses several = exclusive_classes(Fixture(SmallEvaluation(12)).input());
  EXPECT_FALSE(several.hold());
  EXPECT_EQ(several.note, "") << "they were never meant to exclude each other";
  const SmallEvaluation one_has_two(12, 0, [](Study& study) {
    make_exclusive(study);
    if (number_of(study) == 5) study.labels["nodule"] = 1;
  });
  const ExclusiveClasses too_many = exclusive_classes(Fixture(one_has_two).input());
  EXPECT_FALSE(too_many.hold());
  EXPECT_THAT(too_many.note, HasSubstr("skipped, 1 of 12 studies"));
  const SmallEvaluation uncertain(12, 0, [](Study& study) {
    make_exclusive(study);
    if (number_of(study) == 5) study.labels["nodule"] = -1;
  });
  EXPECT_FALSE(exclusive_classes(Fixture(uncertain).input()).hold());
}

TEST(StudyClasses, AFewThatShowNoneOrSeveralAreLeftOutAndCounted) {
  const SmallEvaluation small(24, 0, [](Study& study) {
    make_exclusive(study);
    if (number_of(study) == 5) study.labels["nodule"] = -1;
    if (number_of(study) == 7) study.report.text.clear();
  });
  const Fixture setup(small);
  EXPECT_EQ(exclusive_classes(setup.input()).of_row[5], -1);
  EvaluationOutput output;
  add_class_retrieval(setup.input(), output);
  add_exclusive_accuracy(setup.input(), output);
  EXPECT_EQ(find(output.rows, "accuracy", "both", "all")->n, 23);
  EXPECT_EQ(find_at(output.rows, "image_to_text", "all", 10)->pool, 22) << "one has no report";
  EXPECT_EQ(find_at(output.rows, "text_to_image", "class_prompts", 10)->pool, 23);
  EXPECT_THAT(output.notes, Contains(HasSubstr("retrieval: 1 of 24 studies do not show exactly")));
  EXPECT_THAT(output.notes, Contains(HasSubstr("zero_shot: 1 of 24 studies do not show exactly")));
  EXPECT_THAT(output.notes, Contains(HasSubstr("1 of 23 studies have no report")));
}

TEST(ClassRetrieval, AColumnThatMeansNothingIsNullWithANote) {
  const SmallEvaluation small(12, 0, [](Study& study) {
    make_exclusive(study);
    study.patient_id = "one";
  });
  const Fixture setup(small);
  EvaluationOutput output;
  add_exclusive_accuracy(setup.input(), output);
  const ResultRow* row = find(output.rows, "accuracy", "both_lateral_swapped", "all");
  ASSERT_NE(row, nullptr);
  EXPECT_FALSE(row->value);
  EXPECT_THAT(row->note, HasSubstr("of one patient"));
}

TEST(ClassRetrieval, ImagesFindImagesOfTheirClassAmongOtherPatients) {
  const SmallEvaluation small(24, 0, make_exclusive);
  const Fixture setup(small);
  EvaluationOutput output;
  add_class_retrieval(setup.input(), output);
  const torch::Tensor images = unit(setup.features.frontal).to(torch::kFloat64);
  double hits = 0;
  for (int query = 0; query < 24; ++query) {
    torch::Tensor similarity = images.mv(images[query]);
    similarity[query] = -2;
    similarity[query / 2 * 2 + (query % 2 == 0 ? 1 : 0)] = -2;  // the patient's other study
    hits += similarity.argmax().item<std::int64_t>() % 3 == query % 3 ? 1 : 0;
  }
  const ResultRow* row = find_at(output.rows, "image_to_image", "all", 1);
  ASSERT_NE(row, nullptr);
  EXPECT_NEAR(*row->value, hits / 24, 1e-12);
  EXPECT_EQ(row->pool, 22) << "without both studies of the patient";
  EXPECT_EQ(row->n, 24);
  EXPECT_LE(*row->interval.low, *row->interval.high);
  EXPECT_NE(find(output.rows, "map", "both", ""), nullptr);
}

TEST(ClassRetrieval, OfVeryManyStudiesSomeSearchAmongAll) {
  const SmallEvaluation small(24, 0, make_exclusive);
  const Fixture setup(small);
  EvaluationInput input = setup.input();
  input.most_queries = 8;
  EvaluationOutput few, again;
  add_class_retrieval(input, few);
  add_class_retrieval(input, again);
  const ResultRow* row = find_at(few.rows, "image_to_image", "all", 1);
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(row->n, 8);
  EXPECT_EQ(row->pool, 22);
  EXPECT_THAT(row->note, HasSubstr("8 of 24 studies search"));
  EXPECT_EQ(row->value, find_at(again.rows, "image_to_image", "all", 1)->value);
  input.most_queries = 24;
  EvaluationOutput all;
  add_class_retrieval(input, all);
  EXPECT_EQ(find_at(all.rows, "image_to_image", "all", 1)->note, "");
}

TEST(ClassRetrieval, PromptsFindImagesAndImagesPrompts) {
  const SmallEvaluation small(24, 0, make_exclusive);
  const Fixture setup(small);
  EvaluationOutput output;
  add_class_retrieval(setup.input(), output);
  const torch::Tensor images = unit(setup.features.frontal).to(torch::kFloat64);
  double classes = 0;
  for (std::size_t c = 0; c < setup.prompts.classes.size(); ++c) {
    const auto& texts = setup.prompts.classes[c].positive;
    const torch::Tensor queries = unit(setup.engine.encode_texts(texts)).to(torch::kFloat64);
    double precision = 0;
    for (std::size_t q = 0; q < texts.size(); ++q) {
      const torch::Tensor best = std::get<1>(images.mv(queries[static_cast<int>(q)]).topk(5));
      precision += (best.remainder(3) == static_cast<std::int64_t>(c)).sum().item<double>() / 5;
    }
    classes += precision / static_cast<double>(texts.size());
  }
  const ResultRow* row = find_at(output.rows, "text_to_image", "class_prompts", 5);
  ASSERT_NE(row, nullptr);
  EXPECT_NEAR(*row->value, classes / 3, 1e-12);
  EXPECT_EQ(row->pool, 24);
  EXPECT_EQ(row->label, "macro");
  EXPECT_EQ(find_at(output.rows, "image_to_text", "class_prompts", 1)->pool, 4);
  EXPECT_EQ(find_at(output.rows, "image_to_text", "class_prompts", 5), nullptr) << "only 4 prompts";
  EXPECT_EQ(find_at(output.rows, "image_to_text", "all", 10)->pool, 24);
  EXPECT_EQ(find_at(output.rows, "text_to_image", "all", 10)->pool, 24);
}

TEST(ClassRetrieval, WithoutExclusiveClassesOnlyImagesOfEqualFindingsAreSought) {
  const SmallEvaluation small(24);
  const Fixture setup(small);
  EvaluationOutput output;
  add_class_retrieval(setup.input(), output);
  add_exclusive_accuracy(setup.input(), output);
  ASSERT_FALSE(output.rows.empty());
  for (const ResultRow& row : output.rows)
    EXPECT_TRUE(row.direction == "image_to_image" || row.condition == "sides");
  const ResultRow* row = find_at(output.rows, "image_to_image", "all", 1);
  EXPECT_EQ(row->pool, 21) << "study 1's nodule is uncertain";
}

TEST(ExclusiveAccuracy, IsThatOfTheNearestPositivePrompts) {
  const SmallEvaluation small(24, 0, make_exclusive);
  const Fixture setup(small);
  EvaluationOutput output;
  add_exclusive_accuracy(setup.input(), output);
  const torch::Tensor similarity =
      unit(setup.features.lateral).matmul(setup.engine.encode_prompts(setup.prompts).positive.t());
  const torch::Tensor right = similarity.argmax(1) == torch::arange(24).remainder(3);
  EXPECT_NEAR(*find(output.rows, "accuracy", "lateral", "all")->value,
              right.to(torch::kFloat64).mean().item<double>(), 1e-12);
  EXPECT_NE(find(output.rows, "f1_macro", "both", "all"), nullptr);
}

}  // namespace
}  // namespace biplane

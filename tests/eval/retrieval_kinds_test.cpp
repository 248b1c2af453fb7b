// Retrieval beside that of pools drawn by chance: distinct texts, hard pools, equal sides, and what
// the truth would reach.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "biplane/eval/report_groups.h"
#include "biplane/eval/retrieval.h"
#include "biplane/eval/study_classes.h"
#include "biplane/model/losses.h"
#include "tests/eval/evaluation_fixture.h"

namespace biplane {
namespace {

using ::testing::Contains;
using testing::Fixture;
using ::testing::HasSubstr;
using testing::kSide;
using ::testing::Not;
using testing::SmallEvaluation;

int number_of(const Study& study) { return std::stoi(study.study_id.substr(1)) - 100; }

EvaluationOutput retrieval_of(const EvaluationInput& input) {
  EvaluationOutput output;
  RetrievalEvaluator().run(input, output);
  return output;
}

struct Wanted {
  std::string metric, views, direction, candidates, condition;
};

const ResultRow* find(const std::vector<ResultRow>& rows, const Wanted& wanted) {
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const ResultRow& row) {
    return row.metric == wanted.metric && row.views == wanted.views &&
           row.direction == wanted.direction && row.candidates == wanted.candidates &&
           row.condition == wanted.condition;
  });
  return found == rows.end() ? nullptr : &*found;
}

std::vector<ResultRow> under(const std::vector<ResultRow>& rows, const std::string& condition) {
  std::vector<ResultRow> some;
  std::copy_if(rows.begin(), rows.end(), std::back_inserter(some),
               [&](const ResultRow& row) { return row.condition == condition; });
  return some;
}

TEST(DistinctTexts, StandOnceAmongTheCandidates) {
  const SmallEvaluation small(24);
  const Fixture setup(small);
  std::map<std::string, std::int64_t> first;  // row of the first study with a text
  for (std::int64_t row = 0; row < 24; ++row)
    first.emplace(normalised_report(setup.studies[static_cast<std::size_t>(row)].report.text), row);
  ASSERT_LT(first.size(), 24U) << "some studies have the same report";
  const torch::Tensor similarity = unit(setup.features.frontal)
                                       .to(torch::kFloat64)
                                       .matmul(unit(setup.features.text).to(torch::kFloat64).t());
  double hits = 0;
  for (std::int64_t row = 0; row < 24; ++row) {
    const std::string text =
        normalised_report(setup.studies[static_cast<std::size_t>(row)].report.text);
    const double own = similarity[row][first.at(text)].item<double>();
    bool nearest = true;
    for (const auto& [other, of_first] : first)
      nearest = nearest && (other == text || similarity[row][of_first].item<double>() < own);
    hits += nearest ? 1 : 0;
  }
  const EvaluationOutput output = retrieval_of(setup.input());
  const Wanted wanted{"recall_at_1", "frontal", "image_to_text", "distinct_texts", ""};
  const ResultRow* row = find(output.rows, wanted);
  ASSERT_NE(row, nullptr);
  EXPECT_NEAR(*row->value, hits / 24, 1e-12);
  EXPECT_EQ(row->pool, std::ssize(first));
  EXPECT_EQ(row->n, 24);
  EXPECT_EQ(row->note, "");
  EXPECT_NE(find(output.rows, {"median_rank", "both", "image_to_text", "distinct_texts", ""}),
            nullptr);
  EXPECT_EQ(find(output.rows, {"recall_at_1", "both", "text_to_image", "distinct_texts", ""}),
            nullptr);
  EXPECT_EQ(find(output.rows, {"recall_at_1", "frontal", "image_to_text", "all", ""})->pool, 10);
  EvaluationInput some = setup.input();
  some.most_queries = 8;
  const EvaluationOutput few = retrieval_of(some);
  EXPECT_EQ(find(few.rows, wanted)->n, 8);
  EXPECT_EQ(find(few.rows, wanted)->pool, std::ssize(first));
  EXPECT_THAT(find(few.rows, wanted)->note, HasSubstr("8 of 24 studies search"));
}

TEST(HardRetrieval, IsWithinPoolsOfAsManyFindingsAndEqualLength) {
  // 11 studies are known to show nothing, each in 7 words; others are at most 6 alike.
  const SmallEvaluation small(24);
  const Fixture setup(small);
  const EvaluationOutput output = retrieval_of(setup.input());
  for (const char* direction : {"image_to_text", "text_to_image", "mean"}) {
    const ResultRow* row = find(output.rows, {"recall_at_10", "both", direction, "all", "hard"});
    ASSERT_NE(row, nullptr) << direction;
    EXPECT_EQ(row->pool, 10);
    EXPECT_EQ(row->n, 10);
    EXPECT_EQ(*row->value, 1.0) << "ten candidates";
  }
  EXPECT_THAT(output.notes, Contains(HasSubstr("14 of 24 studies fill no pool of 10")));
}

TEST(HardRetrieval, NeedsLabelsAndSaysWhereNoPoolIsFilled) {
  const SmallEvaluation unknown(24, 0, [](Study& study) { study.labels.clear(); });
  const EvaluationOutput none = retrieval_of(Fixture(unknown).input());
  EXPECT_TRUE(under(none.rows, "hard").empty());
  EXPECT_THAT(none.notes, Not(Contains(HasSubstr("hard"))));
  const EvaluationOutput few = retrieval_of(Fixture(SmallEvaluation(12)).input());
  EXPECT_TRUE(under(few.rows, "hard").empty());
  EXPECT_THAT(few.notes, Contains(HasSubstr("too few of 12 studies")));
}

// Study i shows the findings whose bits i has; its report says so of `said` bits.
void tell(Study& study, int shown, int said) {
  static const std::vector<std::string> kNames{"pneumothorax", "cardiomegaly", "atelectasis",
                                               "edema"};
  study.labels.clear();
  study.report.text.clear();
  for (std::size_t bit = 0; bit < kNames.size(); ++bit) {
    study.labels[kNames[bit]] = shown >> bit & 1;
    study.report.text += ((said >> bit & 1) != 0 ? "There is " : "No ") + kNames[bit] + ". ";
  }
  study.visible_in = {{"edema", {"frontal"}}};
}

TEST(OracleRetrieval, FindsEveryReportThatSaysWhatAloneIsTrue) {
  const SmallEvaluation small(
      12, 0, [](Study& study) { tell(study, number_of(study), number_of(study)); });
  const EvaluationOutput output = retrieval_of(Fixture(small).input());
  for (const char* direction : {"image_to_text", "text_to_image", "mean"}) {
    const ResultRow* row = find(output.rows, {"recall_at_1", "truth", direction, "all", "oracle"});
    ASSERT_NE(row, nullptr) << direction;
    EXPECT_EQ(*row->value, 1.0);
    EXPECT_EQ(row->pool, 10);
    EXPECT_EQ(row->n, 10);
  }
}

TEST(OracleRetrieval, AReportThatIsWrongIsNotFound) {
  // Study 5 (0101) is said to show all four: 1, 4 and 7 are nearer to it, and to its report 7, 11.
  const SmallEvaluation small(12, 0, [](Study& study) {
    tell(study, number_of(study), number_of(study) == 5 ? 15 : number_of(study));
  });
  const Fixture setup(small);
  EvaluationInput input = setup.input();
  input.pool = 12;
  const EvaluationOutput output = retrieval_of(input);
  for (const char* direction : {"image_to_text", "text_to_image"})
    EXPECT_DOUBLE_EQ(
        *find(output.rows, {"recall_at_1", "truth", direction, "all", "oracle"})->value, 11.0 / 12);
}

TEST(OracleRetrieval, ChanceDecidesAmongEqualsTheSameAtEveryCall) {
  const SmallEvaluation small(24, 0, [](Study& study) {
    tell(study, 0, 0);
    study.report.text += "Report number " + std::to_string(number_of(study)) + ".";
  });
  const Fixture setup(small);
  EvaluationInput input = setup.input();
  input.pool = 24;
  const Wanted wanted{"recall_at_10", "truth", "mean", "all", "oracle"};
  const EvaluationOutput output = retrieval_of(input), again = retrieval_of(input);
  const ResultRow* row = find(output.rows, wanted);
  ASSERT_NE(row, nullptr);
  EXPECT_GT(*row->value, 0.1) << "10 of 24 are expected";
  EXPECT_LT(*row->value, 0.8);
  EXPECT_EQ(row->value, find(again.rows, wanted)->value);
}

TEST(OracleRetrieval, IsOnlyWhereLabelsAreTheTruth) {
  const SmallEvaluation small(12, 0, [](Study& study) { study.visible_in.clear(); });
  EXPECT_TRUE(under(retrieval_of(Fixture(small).input()).rows, "oracle").empty());
}

// Nodules of odd studies lie on the patient's right, on the left of the frontal.
void move_odd(Study& study) {
  if (number_of(study) % 2 == 0) return;
  std::vector<std::uint8_t> pixels(kSide * kSide, 0);
  for (int y = 8; y < 16; ++y)
    for (int x = 2; x < 10; ++x) pixels[static_cast<std::size_t>(y * kSide + x)] = 1;
  for (Mask& mask : study.masks) mask.rle = encode_rle(pixels, kSide, kSide);
}

TEST(Sides, TellEqualFindingsApart) {
  const SmallEvaluation small(24, 0, move_odd);
  const Fixture setup(small);
  const std::vector<std::int64_t> sets = finding_sets(setup.input()),
                                  sided = sided_finding_sets(setup.input());
  ASSERT_EQ(sided.size(), 24U);
  EXPECT_EQ(sets[3], sets[6]);
  EXPECT_NE(sided[3], sided[6]) << "right and left";
  EXPECT_EQ(sided[3], sided[9]);
  EXPECT_EQ(sided[2], sided[5]) << "nothing has no side";
  EXPECT_EQ(sided[4], sided[8]) << "fractures are seen in the lateral alone";
  EXPECT_EQ(sided[1], -1) << "uncertain";
}

TEST(Sides, AreUntoldWithoutMarks) {
  const SmallEvaluation small(24, 0, [](Study& study) {
    study.masks.clear();
    study.visible_in.clear();
  });
  const Fixture setup(small);
  EXPECT_TRUE(sided_finding_sets(setup.input()).empty());
  EXPECT_TRUE(under(retrieval_of(setup.input()).rows, "sides").empty());
}

TEST(Sides, CountInRetrievalBetweenImagesAndReports) {
  const SmallEvaluation small(24, 0, move_odd);
  const Fixture setup(small);
  const std::vector<std::int64_t> sided = sided_finding_sets(setup.input());
  torch::Tensor similarity = unit(setup.features.frontal)
                                 .to(torch::kFloat64)
                                 .matmul(unit(setup.features.text).to(torch::kFloat64).t());
  similarity.select(1, 1).fill_(-2);  // study 1 is not known
  double hits = 0;
  for (std::int64_t query = 0; query < 24; ++query) {
    if (query == 1) continue;
    const auto best = static_cast<std::size_t>(similarity[query].argmax().item<std::int64_t>());
    hits += sided[best] == sided[static_cast<std::size_t>(query)] ? 1 : 0;
  }
  const std::vector<ResultRow> rows = under(retrieval_of(setup.input()).rows, "sides");
  const ResultRow* row = find(rows, {"precision_at_k", "frontal", "image_to_text", "all", "sides"});
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(row->k, 1);
  EXPECT_EQ(row->pool, 23);
  EXPECT_EQ(row->n, 23) << "every image has its own report at least";
  EXPECT_NEAR(*row->value, hits / 23, 1e-12);
  for (const char* direction : {"image_to_image", "image_to_text", "text_to_image"})
    EXPECT_NE(find(rows, {"map", "both", direction, "all", "sides"}), nullptr) << direction;
}

}  // namespace
}  // namespace biplane

#include "biplane/eval/subgroups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(StudyGroups, AreWhatTheManifestTells) {
  Study study;
  EXPECT_TRUE(groups_of(study).empty());
  study.sex = "F";
  study.age = 17.9;
  study.label_source = "Physician";
  study.views.push_back({"a.png", ViewPosition::kLateral, "L", 8, 8, ""});
  study.views.push_back({"b.png", ViewPosition::kAP, "", 8, 8, ""});
  study.views.push_back({"c.png", ViewPosition::kPA, "", 8, 8, ""});
  EXPECT_EQ(groups_of(study), (GroupsOfStudy{{"sex", "F"},
                                             {"age", "0-17"},
                                             {"view", "AP"},
                                             {"lateral", "L"},
                                             {"source", "Physician"}}));
  for (const auto& [age, band] : {std::pair{18.0, "18-39"}, std::pair{59.0, "40-59"},
                                  std::pair{60.0, "60-79"}, std::pair{80.0, "80+"}}) {
    study.age = age;
    EXPECT_EQ(groups_of(study).at("age"), band);
  }
}

TEST(StudyGroups, ATableAddsFields) {
  const testing::TemporaryFolder folder;
  write_file_atomically(folder / "g.csv", "study_id,device,style\ns0,A,film\ns1,,soft\n");
  StudyGroups groups{{"s0", {{"sex", "M"}}}, {"s1", {}}};
  const GroupTable table = add_group_table(folder / "g.csv", groups);
  EXPECT_THAT(table.fields, ElementsAre("device", "style"));
  EXPECT_EQ(table.of_no_study, 0);
  EXPECT_EQ(groups.at("s0"), (GroupsOfStudy{{"sex", "M"}, {"device", "A"}, {"style", "film"}}));
  EXPECT_EQ(groups.at("s1"), (GroupsOfStudy{{"style", "soft"}}));
  for (const char* table : {"study_id,sex\ns0,F\n", "study_id,device,device\ns0,A,B\n"}) {
    write_file_atomically(folder / "g.csv", table);
    EXPECT_THROW(add_group_table(folder / "g.csv", groups), Error) << table;
  }
}

TEST(StudyGroups, RowsOfOtherStudiesAreCountedAndSecondOnesRefused) {
  const testing::TemporaryFolder folder;
  write_file_atomically(folder / "g.csv", "study_id,device\ns0,A\ns8,B\ns9,B\n");
  StudyGroups groups{{"s0", {}}};
  EXPECT_EQ(add_group_table(folder / "g.csv", groups).of_no_study, 2);
  EXPECT_EQ(groups.size(), 1U);
  write_file_atomically(folder / "g.csv", "study_id,device\ns0,A\ns1,B\ns0,B\n");
  try {
    add_group_table(folder / "g.csv", groups);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadContent);
    EXPECT_THAT(error.what(), ::testing::AllOf(HasSubstr("g.csv: row "), HasSubstr("'s0'")));
  }
}

// Six studies of six patients; the first three are of women.
HeadPredictions six_studies() {
  HeadPredictions predictions;
  predictions.task = "zero_shot";
  predictions.classes = {"nodule", "mass"};
  PredictedColumn column;
  column.views = "both";
  for (int i = 0; i < 6; ++i) {
    column.studies.push_back("s" + std::to_string(i));
    column.patients.push_back("p" + std::to_string(i));
  }
  column.probability = {0.9, 0, 0.5, 0, 0.7, 0, 0.1, 0, 0.8, 0, 0.9, 0};
  column.truth = {1, 0, 0, 0, 1, 0, 1, 1, 0, 0, 0, 0};
  predictions.columns = {column};
  return predictions;
}

const ResultRow* row_of(const std::vector<ResultRow>& rows, const std::string& subgroup,
                        const std::string& label) {
  for (const ResultRow& row : rows)
    if (row.subgroup == subgroup && row.label == label) return &row;
  return nullptr;
}

TEST(Subgroups, AreMeasuredByThemselves) {
  StudyGroups groups;
  for (int i = 0; i < 6; ++i) groups["s" + std::to_string(i)] = {{"sex", i < 3 ? "F" : "M"}};
  const auto rows =
      subgroup_rows(six_studies(), groups, {{"sex", "age"}, 3, {.repeats = 20, .seed = 0}});
  EXPECT_DOUBLE_EQ(*row_of(rows, "sex=F", "nodule")->value, 1.0);
  EXPECT_DOUBLE_EQ(*row_of(rows, "sex=M", "nodule")->value, 0.0);
  EXPECT_EQ(row_of(rows, "sex=F", "nodule")->n, 3);
  EXPECT_EQ(*row_of(rows, "sex=F", "nodule")->positives, 2);
  EXPECT_FALSE(row_of(rows, "sex=F", "mass")->value) << "no woman has one";
  EXPECT_EQ(row_of(rows, "sex=F", "mass")->note, "no positive study");
  EXPECT_DOUBLE_EQ(*row_of(rows, "sex=F", "macro")->value, 1.0) << "of the defined class";
  EXPECT_THAT(row_of(rows, "sex=F", "macro")->note, HasSubstr("1 classes are undefined"));
  EXPECT_DOUBLE_EQ(*row_of(rows, "sex=M", "macro")->value, 0.25) << "ties count one half";
  EXPECT_EQ(row_of(rows, "sex=M", "macro")->task, "zero_shot");
}

TEST(Subgroups, SmallOnesHaveNoFigure) {
  StudyGroups groups;
  for (int i = 0; i < 6; ++i) groups["s" + std::to_string(i)] = {{"sex", i < 2 ? "F" : "M"}};
  const auto rows = subgroup_rows(six_studies(), groups, {{"sex"}, 3, {.repeats = 20, .seed = 0}});
  EXPECT_FALSE(row_of(rows, "sex=F", "macro")->value);
  EXPECT_EQ(row_of(rows, "sex=F", "macro")->note, "fewer than 3 studies");
  EXPECT_EQ(row_of(rows, "sex=F", "macro")->n, 2);
  EXPECT_EQ(row_of(rows, "sex=F", "nodule"), nullptr);
  EXPECT_TRUE(row_of(rows, "sex=M", "nodule")->value);
}

}  // namespace
}  // namespace biplane

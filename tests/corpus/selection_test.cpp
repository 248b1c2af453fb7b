#include "biplane/corpus/selection.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "biplane/core/error.h"
#include "biplane/corpus/splits.h"

namespace biplane {
namespace {

Study make_study(const std::string& id, bool lateral, bool report, Split split = Split::kTrain) {
  Study study;
  study.study_id = id;
  study.split = split;
  study.views.push_back({"f.png", ViewPosition::kPA, "", 0, 0, ""});
  if (lateral) study.views.push_back({"l.png", ViewPosition::kLateral, "", 0, 0, ""});
  if (report) study.report.text = "text";
  return study;
}

const Manifest kStudies({make_study("b2", true, true), make_study("a10", true, true),
                         make_study("a9", false, true), make_study("Z", true, false),
                         make_study("B1", true, true), make_study("a1", true, true),
                         make_study("t", true, true, Split::kTest)},
                        {});

TEST(Selection, TakesTheFirstByStudyIdInByteOrder) {
  StudyFilter filter;
  filter.split = "train";
  filter.require_both = filter.require_report = true;
  filter.limit = 3;
  // Byte order: B1, a1, a10, b2 (Z has no report, a9 no lateral); the result is in the order of the
  // manifest.
  EXPECT_EQ(select_studies(kStudies, filter), (std::vector<std::int64_t>{1, 4, 5}));
}

TEST(Selection, InvertGivesAllOthersOfTheSplit) {
  StudyFilter filter =
      StudyFilter::parse("split=train,views=both,report=required,limit=3,invert=true");
  EXPECT_EQ(select_studies(kStudies, filter), (std::vector<std::int64_t>{0, 2, 3}));
  filter.split = "all";
  filter.limit = 0;
  EXPECT_EQ(select_studies(kStudies, filter), (std::vector<std::int64_t>{2, 3}));
}

TEST(Selection, WithoutConditionsTakesEverything) {
  EXPECT_EQ(select_studies(kStudies, {}).size(), kStudies.summaries().size());
  EXPECT_EQ(select_studies(kStudies, StudyFilter::parse("")).size(), kStudies.summaries().size());
  EXPECT_EQ(select_studies(kStudies, StudyFilter::parse("split=test")),
            std::vector<std::int64_t>{6});
}

TEST(Selection, RefusesWhatItDoesNotKnow) {
  for (const char* text :
       {"splits=train", "split=dev", "views=two", "limit=x", "limit=-1", "limit", "invert=1"}) {
    EXPECT_THROW(StudyFilter::parse(text), Error) << text;
  }
  try {
    StudyFilter::parse("vievs=both");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("'views'"));
  }
}

TEST(Splits, DependOnSeedAndPatientAlone) {
  const SplitFractions fractions{0.1, 0.2};
  std::map<Split, int> counts;
  int moved = 0;
  for (int i = 0; i < 4000; ++i) {
    const std::string patient = "p" + std::to_string(i);
    const Split split = split_of_patient(patient, fractions, 1);
    EXPECT_EQ(split, split_of_patient(patient, fractions, 1));
    ++counts[split];
    moved += split != split_of_patient(patient, fractions, 2) ? 1 : 0;
  }
  EXPECT_NEAR(counts[Split::kValidate] / 4000.0, 0.1, 0.02);
  EXPECT_NEAR(counts[Split::kTest] / 4000.0, 0.2, 0.025);
  EXPECT_GT(moved, 1000);
  EXPECT_EQ(split_of_patient("x", {}, 0), Split::kTrain);
  EXPECT_THROW(check_fractions({0.6, 0.6}), Error);
  EXPECT_THROW(check_fractions({-0.1, 0}), Error);
}

}  // namespace
}  // namespace biplane

#include "biplane/eval/study_findings.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "biplane/formats/rle.h"

namespace biplane {
namespace {

constexpr std::int64_t kSide = 10;  // pixels of the images

Study two_views() {
  Study study;
  study.views.push_back({"l.png", ViewPosition::kLateral, "", kSide, kSide, ""});
  study.views.push_back({"f.png", ViewPosition::kPA, "", kSide, kSide, ""});
  return study;
}

// Pixels marked of some columns, from above.
using Columns = std::vector<std::pair<std::int64_t, std::int64_t>>;

Mask mask_of(std::int64_t view, const std::string& label, const Columns& columns) {
  std::vector<std::uint8_t> pixels(kSide * kSide, 0);
  for (const auto& [column, count] : columns)
    for (std::int64_t y = 0; y < count; ++y)
      pixels[static_cast<std::size_t>(y * kSide + column)] = 1;
  return {view, label, encode_rle(pixels, kSide, kSide), kSide, kSide};
}

FindingSide side_of(const Columns& columns, std::int64_t view = 1) {
  Study study = two_views();
  study.masks.push_back(mask_of(view, "nodule", columns));
  return marked_side(study, "nodule");
}

TEST(MarkedSide, IsThePatientsAndTheFrontalsLeftIsHisRight) {
  EXPECT_EQ(side_of({{1, 10}, {2, 10}, {3, 5}}), FindingSide::kRight);
  EXPECT_EQ(side_of({{7, 3}, {8, 3}}), FindingSide::kLeft);
  EXPECT_EQ(side_of({{1, 10}, {2, 10}, {6, 1}}), FindingSide::kRight) << "95 %";
  EXPECT_EQ(side_of({{1, 10}, {6, 3}}), FindingSide::kUntold) << "77 %";
  EXPECT_EQ(side_of({{1, 5}, {8, 5}}), FindingSide::kUntold) << "both";
  EXPECT_EQ(side_of({{4, 10}}), FindingSide::kUntold) << "in the middle";
  EXPECT_EQ(side_of({{1, 10}}, 0), FindingSide::kUntold) << "a lateral has no sides";
  EXPECT_EQ(marked_side(two_views(), "nodule"), FindingSide::kUntold);
}

TEST(MarkedSide, IsThatOfBoxesWhereThereIsNoMask) {
  Study study = two_views();
  study.boxes.push_back({1, "nodule", 6, 2, 3, 3, ""});
  EXPECT_EQ(marked_side(study, "nodule"), FindingSide::kLeft);
  EXPECT_EQ(marked_side(study, "mass"), FindingSide::kUntold);
  study.masks.push_back(mask_of(1, "nodule", {{0, 4}}));
  EXPECT_EQ(marked_side(study, "nodule"), FindingSide::kRight);
}

TEST(TrueFindings, AreKnownWhereNoLabelIsUncertain) {
  Study study = two_views();
  EXPECT_FALSE(true_findings(study)) << "nobody labelled";
  study.labels = {{"nodule", 1}, {"mass", 0}, {"edema", 1}};
  study.masks.push_back(mask_of(1, "nodule", {{8, 4}}));
  EXPECT_EQ(true_findings(study),
            (StudyFindings{{"nodule", FindingSide::kLeft}, {"edema", FindingSide::kUntold}}));
  EXPECT_FALSE(sides_told(study, *true_findings(study))) << "where is the edema?";
  study.visible_in["edema"] = {"lateral"};
  EXPECT_TRUE(sides_told(study, *true_findings(study)));
  study.labels["mass"] = -1;
  EXPECT_FALSE(true_findings(study));
}

TEST(TrueFindings, ALabelOfNoFindingIsNone) {
  EXPECT_EQ(count_findings({{"No Finding", {}}}), 0);
  EXPECT_EQ(count_findings({{"Edema", {}}, {"normal", {}}}), 1);
  EXPECT_EQ(count_findings({}), 0);
}

TEST(ReadFindings, HaveTheSideThatTheirSentencesName) {
  const Labeler labeler = Labeler::named("phantom");
  Study study;
  study.report.text =
      "There is a small right pneumothorax. A left pleural effusion cannot be excluded. There is "
      "a mass in the right lung. The mass is new since the left lung was imaged. No nodule.";
  EXPECT_EQ(read_findings(study, labeler), (StudyFindings{{"pneumothorax", FindingSide::kRight},
                                                          {"pleural_effusion", FindingSide::kLeft},
                                                          {"mass", FindingSide::kUntold}}));
  study.report.text = "Bilateral pleural effusions.";
  EXPECT_EQ(read_findings(study, labeler),
            (StudyFindings{{"pleural_effusion", FindingSide::kUntold}}));
}

TEST(Disagreement, CountsFindingsTwiceAndSidesOnce) {
  const StudyFindings right{{"mass", FindingSide::kRight}}, left{{"mass", FindingSide::kLeft}},
      untold{{"mass", FindingSide::kUntold}};
  EXPECT_EQ(disagreement({}, {}), 0);
  EXPECT_EQ(disagreement(right, {}), 2);
  EXPECT_EQ(disagreement(right, left), 1);
  EXPECT_EQ(disagreement(right, untold), 0);
  EXPECT_EQ(disagreement({{"mass", FindingSide::kRight}, {"edema", {}}},
                         {{"mass", FindingSide::kLeft}, {"tube", {}}}),
            5);
}

}  // namespace
}  // namespace biplane

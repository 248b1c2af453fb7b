// Which views of a study stay, in which order (`prepare --pairing`).
#include "biplane/corpus/corpora/pairing.h"

#include "tests/corpus/corpus_tree.h"

namespace biplane {
namespace {

using testing::reasons_of;
using testing::test_view;

using Reasons = std::map<std::string, std::int64_t>;

// Named by its views: P PA, A AP, L lateral, U unknown.
Study study_with(const std::string& views) {
  Study study;
  study.study_id = views;
  for (std::size_t i = 0; i < views.size(); ++i) {
    const char kind = views[i];
    study.views.push_back(test_view(kind + std::to_string(i), kind == 'P'   ? ViewPosition::kPA
                                                              : kind == 'A' ? ViewPosition::kAP
                                                              : kind == 'L'
                                                                  ? ViewPosition::kLateral
                                                                  : ViewPosition::kUnknown));
  }
  return study;
}

struct Result {
  std::vector<std::string> studies;  // "name: paths"
  Reasons reasons;
  std::int64_t out = 0;
};

Result paired(Pairing pairing) {
  std::vector<Study> studies;
  for (const char* views : {"LUAPP", "AA", "LL", "U", "PL"}) studies.push_back(study_with(views));
  Funnel funnel;
  pair_views(studies, pairing, funnel);
  Result result;
  for (const Study& study : studies) {
    result.studies.push_back(study.study_id + ":");
    for (const View& view : study.views) result.studies.back() += " " + view.path;
  }
  result.reasons = reasons_of(funnel);
  result.out = funnel.stages().back().out();
  return result;
}

using Names = std::vector<std::string>;

TEST(PairViews, AllKeepsEveryImageWithThePaFirst) {
  const Result result = paired(Pairing::kAll);
  EXPECT_EQ(result.studies,
            (Names{"LUAPP: P3 P4 A2 L0 U1", "AA: A0 A1", "LL: L0 L1", "U: U0", "PL: P0 L1"}));
  EXPECT_EQ(result.reasons, Reasons{});
  EXPECT_EQ(result.out, 5);
}

TEST(PairViews, FirstKeepsOneOfEachKind) {
  const Result result = paired(Pairing::kFirst);
  EXPECT_EQ(result.studies, (Names{"LUAPP: P3 L0", "AA: A0", "LL: L0", "PL: P0 L1"}));
  EXPECT_EQ(result.reasons, (Reasons{{"images paired (first): further frontal", 3},
                                     {"images paired (first): further lateral", 1},
                                     {"images paired (first): neither frontal nor lateral", 2},
                                     {"studies paired (first): neither frontal nor lateral", 1}}));
}

TEST(PairViews, BothLeavesOutStudiesOfOneKind) {
  const Result result = paired(Pairing::kBoth);
  EXPECT_EQ(result.studies, (Names{"LUAPP: P3 L0", "PL: P0 L1"}));
  EXPECT_EQ(result.reasons, (Reasons{{"images paired (both): further frontal", 2},
                                     {"images paired (both): its study has no other view", 4},
                                     {"images paired (both): neither frontal nor lateral", 2},
                                     {"studies paired (both): no lateral", 1},
                                     {"studies paired (both): no frontal", 1},
                                     {"studies paired (both): neither frontal nor lateral", 1}}));
}

TEST(PairViews, EveryMakesAStudyOfEachPair) {
  const Result result = paired(Pairing::kEvery);
  EXPECT_EQ(result.studies, (Names{"LUAPP#1: P3 L0", "LUAPP#2: P4 L0", "LUAPP#3: A2 L0", "AA#1: A0",
                                   "AA#2: A1", "LL#1: L0", "LL#2: L1", "PL: P0 L1"}));
  EXPECT_EQ(result.reasons, (Reasons{{"images paired (every): neither frontal nor lateral", 2},
                                     {"studies paired (every): neither frontal nor lateral", 1}}));
  EXPECT_EQ(result.out, 8);
}

TEST(PairViews, BoxesAndMasksFollowTheirView) {
  Study study = study_with("LAP");
  for (std::int64_t view = 0; view < 3; ++view) {
    Box box;
    box.view = view;
    box.label = study.views[static_cast<std::size_t>(view)].path;
    study.boxes.push_back(box);
  }
  study.masks.push_back({1, "A1", {4}, 2, 2});
  std::vector<Study> studies = {study};
  Funnel funnel;
  pair_views(studies, Pairing::kAll, funnel);
  for (const Box& box : studies[0].boxes)
    EXPECT_EQ(studies[0].views.at(static_cast<std::size_t>(box.view)).path, box.label);
  EXPECT_EQ(studies[0].masks.at(0).view, 1);
  EXPECT_EQ(keep_views(studies[0], {2}), 3);  // two boxes and the mask
  ASSERT_EQ(studies[0].boxes.size(), 1u);
  EXPECT_EQ(studies[0].boxes[0].label, "L0");
  EXPECT_EQ(studies[0].boxes[0].view, 0);
}

TEST(PairViews, NamesAreRead) {
  for (const Pairing pairing : {Pairing::kAll, Pairing::kFirst, Pairing::kBoth, Pairing::kEvery})
    EXPECT_EQ(parse_pairing(pairing_name(pairing)), pairing);
  EXPECT_THROW(parse_pairing("frist"), Error);
}

}  // namespace
}  // namespace biplane

#include "biplane/corpus/corpora/label_policy.h"

#include "tests/corpus/corpus_tree.h"

namespace biplane {
namespace {

using Labels = std::map<std::string, int>;
using Reasons = std::map<std::string, std::int64_t>;

struct Applied {
  Study study;
  Funnel funnel;
};

Applied apply(const LabelPolicy& policy, const Labels& labels) {
  Study study;
  study.labels = study.labels_chexpert = labels;
  std::vector<Study> studies = {study};
  Applied applied;
  apply_label_policy(policy, false, studies, applied.funnel);
  applied.study = studies.front();
  EXPECT_EQ(applied.study.labels, applied.study.labels_chexpert);
  return applied;
}

const Labels kMixed = {{"Atelectasis", -1}, {"Cardiomegaly", -1}, {"Consolidation", -1},
                       {"Edema", -1},       {"Fracture", -1},     {"Pleural Effusion", -1},
                       {"Pneumonia", 1},    {"Pneumothorax", 0}};

Labels with_uncertain(int value) {
  Labels labels = kMixed;
  for (auto& [name, label] : labels)
    if (label == -1) label = value;
  return labels;
}

TEST(LabelPolicy, EveryPolicyDoesWhatTheFieldMeansByIt) {
  EXPECT_EQ(apply({UncertainPolicy::kKeep, false}, kMixed).study.labels, kMixed);
  EXPECT_EQ(apply({UncertainPolicy::kZeros, false}, kMixed).study.labels, with_uncertain(0));
  EXPECT_EQ(apply({UncertainPolicy::kOnes, false}, kMixed).study.labels, with_uncertain(1));
  EXPECT_EQ(apply({UncertainPolicy::kIgnore, false}, kMixed).study.labels,
            (Labels{{"Pneumonia", 1}, {"Pneumothorax", 0}}));
  EXPECT_EQ(apply({UncertainPolicy::kCompetition, false}, kMixed).study.labels,
            (Labels{{"Atelectasis", 1},
                    {"Cardiomegaly", 0},
                    {"Consolidation", 0},
                    {"Edema", 1},
                    {"Fracture", -1},
                    {"Pleural Effusion", 1},
                    {"Pneumonia", 1},
                    {"Pneumothorax", 0}}));
  // Other corpora write the names with other capitals.
  EXPECT_EQ(apply({UncertainPolicy::kCompetition, false}, {{"Pleural effusion", -1}}).study.labels,
            (Labels{{"Pleural effusion", 1}}));
}

TEST(LabelPolicy, WhatItChangesIsCountedAndTheChoiceRecorded) {
  const Applied made = apply({UncertainPolicy::kCompetition, false}, kMixed);
  const std::string stage = "uncertain labels";
  EXPECT_EQ(testing::reasons_of(made.funnel),
            (Reasons{{stage + ": taken as present", 3},
                     {stage + ": taken as absent", 2},
                     {stage + " (labels_chexpert): taken as present", 3},
                     {stage + " (labels_chexpert): taken as absent", 2}}));
  EXPECT_EQ(testing::items_in(made.funnel, stage), 6);
  EXPECT_NE(made.funnel.json().find("\"uncertain\": \"competition\""), std::string::npos);
  EXPECT_NE(made.funnel.table().find("uncertain: competition\n"), std::string::npos);
  EXPECT_TRUE(apply({UncertainPolicy::kKeep, false}, kMixed).funnel.stages().empty());
}

TEST(LabelPolicy, WhatIsIgnoredIsNotTakenForBlank) {
  const Applied made = apply({UncertainPolicy::kIgnore, true}, kMixed);
  EXPECT_FALSE(made.study.labels.contains("Edema"));
  EXPECT_EQ(made.study.labels.at("Support Devices"), 0);
}

TEST(LabelPolicy, AStudyWithoutARowOfLabelsHasNoBlanks) {
  std::vector<Study> studies(1);
  Funnel funnel;
  apply_label_policy({UncertainPolicy::kKeep, true}, /*may_lack_labels=*/true, studies, funnel);
  EXPECT_TRUE(studies[0].labels.empty());
  EXPECT_THROW(check_label_policy("ms-cxr", {UncertainPolicy::kKeep, true}), Error);
}

TEST(LabelPolicy, BlanksAreAbsentOnlyAmongTheLabelsOfChexpert) {
  const Applied made = apply({UncertainPolicy::kZeros, true}, kMixed);
  EXPECT_EQ(made.study.labels.size(), 14u);
  EXPECT_EQ(made.study.labels.at("Support Devices"), 0);
  EXPECT_EQ(made.study.labels.at("Pneumonia"), 1);
  EXPECT_EQ(testing::reasons_of(made.funnel).at("labels given: blank: taken as absent"), 6);
  EXPECT_THROW(check_label_policy("rsna", {UncertainPolicy::kKeep, true}), Error);
  EXPECT_NO_THROW(check_label_policy("chexpert", {UncertainPolicy::kKeep, true}));
}

TEST(LabelPolicy, AnUnknownNameNamesTheNearest) {
  EXPECT_EQ(parse_uncertain_policy("ignore"), UncertainPolicy::kIgnore);
  try {
    parse_uncertain_policy("zero");
    ADD_FAILURE() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_NE(std::string(error.what()).find("did you mean 'zeros'"), std::string::npos);
  }
}

TEST(LabelPolicy, ItIsTheLastStepOfAPreparation) {
  testing::CorpusTree tree;
  tree.file("train.csv",
            "image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max\n"
            "a,Cardiomegaly,3,R1,1,1,5,5\na,No finding,14,R2,,,,\na,No finding,14,R3,,,,\n");
  tree.image("train/a.png");
  PrepareOptions options;
  options.root = tree.path();
  options.labels.uncertain = UncertainPolicy::kOnes;
  const PreparedCorpus made = prepare_corpus(find_corpus("vindr"), options);
  EXPECT_EQ(made.studies.at(0).labels.at("Cardiomegaly"), 1);
  EXPECT_EQ(made.studies.at(0).labels_chexpert.at("Cardiomegaly"), 1);
}

}  // namespace
}  // namespace biplane

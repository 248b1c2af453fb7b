#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include "biplane/core/config.h"
#include "biplane/core/error.h"
#include "biplane/corpus/published_splits.h"
#include "biplane/corpus/splits.h"
#include "biplane/tasks/finetune_keys.h"
#include "biplane/tasks/finetune_studies.h"

namespace biplane {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSubsetOf;

std::string refusal(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing is refused";
}

std::string refusal_of(const std::string& assignment) {
  return refusal([&] {
    ConfigTree tree;
    tree.set(assignment);
    check_finetune_config(read_finetune_config(tree));
  });
}

// Study i has a frontal unless i % 5 == 4, and a lateral unless i % 5 == 3; two studies are of one
// patient; of ten patients seven train, one validates, two test.
std::vector<Study> studies_of(int count) {
  std::vector<Study> studies;
  for (int i = 0; i < count; ++i) {
    Study study;
    study.study_id = "s" + std::to_string(1000 + i);
    study.patient_id = "p" + std::to_string(i / 2);
    const int place = i / 2 % 10;
    study.split = place < 7 ? Split::kTrain : place < 8 ? Split::kValidate : Split::kTest;
    if (i % 5 != 4) study.views.push_back({"f.png", ViewPosition::kPA, "", 8, 8, ""});
    if (i % 5 != 3) study.views.push_back({"l.png", ViewPosition::kLateral, "", 8, 8, ""});
    study.labels = {{"nodule", i % 3 == 0}, {"mass", i % 7 == 0 ? -1 : i % 2}};
    studies.push_back(std::move(study));
  }
  return studies;
}

Manifest manifest_of(std::vector<Study> studies) { return {std::move(studies), "root", "small"}; }

TEST(FinetuneConfig, TheTestSplitCannotBeNamedForSelection) {
  EXPECT_THAT(refusal_of("data.select=test"), HasSubstr("data.select = test"));
  EXPECT_THAT(refusal_of("data.select=train"), HasSubstr("none of validate, holdout"));
  EXPECT_EQ(refusal_of("data.select=holdout"), "nothing is refused");
}

TEST(FinetuneConfig, WrongValuesAreNamed) {
  EXPECT_THAT(refusal_of("task=linaer"), HasSubstr("did you mean 'linear'"));
  EXPECT_THAT(refusal_of("data.fraction=0"), HasSubstr("data.fraction = 0"));
  EXPECT_THAT(refusal_of("data.fraction=1.5"), HasSubstr("data.fraction = 1.5"));
  EXPECT_THAT(refusal_of("train.layer_decay=0"), HasSubstr("train.layer_decay"));
  EXPECT_THAT(refusal_of("augment.crop_scale=[0.5, 0.2]"), HasSubstr("augment.crop_scale"));
  EXPECT_THAT(refusal_of("labels.kind=single"), HasSubstr("multilabel, multiclass"));
  EXPECT_THAT(refusal_of("train.learning_rate=1"), HasSubstr("learning_rate"));
  EXPECT_THAT(refusal_of("train.warmup_from=1.5"), HasSubstr("train.warmup_from = 1.5"));
  EXPECT_THAT(refusal_of("train.schedule_steps=-1"), HasSubstr("train.schedule_steps = -1"));
  EXPECT_THAT(refusal_of("train.schedule_steps=9"), HasSubstr("train.schedule = constant"));
  EXPECT_THAT(refusal_of("head.features=mean_patches"), HasSubstr("did you mean 'mean_patch'"));
}

std::string refusal_of_file(const std::string& yaml, const std::string& assignment = "") {
  return refusal([&] {
    ConfigTree tree = ConfigTree::parse(yaml, "mine.yaml");
    if (!assignment.empty()) tree.set(assignment);
    read_finetune_config(tree);
  });
}

TEST(FinetuneConfig, KeysThatNeedOneAnotherAreNamed) {
  const auto of_masks = [](const std::string& keys) {
    return refusal([&] {
      check_finetune_config(
          read_finetune_config(ConfigTree::parse("task: segmentation\n" + keys, "mine.yaml")));
    });
  };
  EXPECT_THAT(of_masks("segmentation: {auxiliary: 0.4}"), HasSubstr("segmentation.auxiliary:"));
  EXPECT_THAT(of_masks("segmentation: {loss: cross_entropy, auxiliary_layer: 8}"),
              HasSubstr("segmentation.auxiliary = 0: there is no head"));
  EXPECT_EQ(of_masks("segmentation: {loss: focal_dice_by_image, auxiliary: 0.4, "
                     "auxiliary_layer: 8, auxiliary_channels: 256, dropout: 0.1}"),
            "nothing is refused");
  EXPECT_THAT(of_masks("segmentation: {dropout: 1}"), HasSubstr("segmentation.dropout = 1"));
  EXPECT_THAT(of_masks("train: {select_every_steps: 5, select_every: 2}"),
              HasSubstr("train.select_every_steps: counts steps"));
  EXPECT_THAT(of_masks("augment: {scale: 1}"), HasSubstr("augment.scale = 1"));
  EXPECT_THAT(of_masks("augment: {rotate: -3}"), HasSubstr("augment.rotate = -3"));
}

TEST(FinetuneConfig, AKeyThatTheTaskDoesNotReadNamesTheTasksThatDo) {
  EXPECT_EQ(refusal_of_file("task: linear\ndense: {channels: 8}"),
            "mine.yaml: dense.channels: task = linear does not read it, but segmentation and "
            "detection");
  EXPECT_EQ(refusal_of_file("task: linear", "detection.nms=0.5"),
            "--set detection.nms=0.5: detection.nms: task = linear does not read it, but "
            "detection");
  EXPECT_EQ(refusal_of_file("task: detection\nhead: {norm: none}"),
            "mine.yaml: head.norm: task = detection does not read it, but linear and finetune");
  EXPECT_THAT(refusal_of_file("task: detection", "segmentation={head: upernet}"),
              HasSubstr("--set segmentation={head: upernet}: segmentation.head: task = detection"));
  EXPECT_THAT(refusal_of_file("task: segmentation\nlabels: {blank: absent, names: [a]}"),
              HasSubstr("labels.blank: task = segmentation does not read it"));
  EXPECT_THAT(refusal_of_file("train: {layer_decay: 0.5}"),
              HasSubstr("train.layer_decay: task = linear does not read it, but finetune and "
                        "segmentation and detection"));
  EXPECT_THAT(refusal_of_file("task: linaer\ndense: {channels: 8}"), HasSubstr("'linear'"));
  EXPECT_THAT(refusal_of_file("dense: {chanels: 8}"), HasSubstr("unknown key dense"));
}

TEST(FinetuneConfig, WhatIsPrintedOfATaskIsWhatItReads) {
  for (const std::string& task : finetune_tasks()) {
    FinetuneConfig config;
    config.task = task;
    const std::string printed = print_config(config);
    EXPECT_EQ(print_config(read_finetune_config(ConfigTree::parse(printed, "printed"))), printed);
    EXPECT_EQ(printed.find("\nhead:") == std::string::npos, is_dense(task)) << task;
  }
}

TEST(FinetuneConfig, ACudaDeviceIsNamedAsInPretraining) {
  for (const char* name : {"cpu", "cuda", "cuda:1"})
    EXPECT_EQ(refusal_of(std::string("train.device=\"") + name + "\""), "nothing is refused")
        << name;
  for (const char* name : {"gpu", "cuda:", "cuda:x", "CUDA"})
    EXPECT_THAT(refusal_of(std::string("train.device=\"") + name + "\""),
                HasSubstr(std::string("train.device = ") + name + ": cpu, cuda or cuda:N"));
  FinetuneConfig config;
  config.train.device = "cuda";
  config.train.threads = 2;
  EXPECT_THAT(refusal([&] { check_finetune_config(config); }), HasSubstr("train.threads = 2"));
}

TEST(FinetuneConfig, StandardisedFeaturesMustStayAsTheyAre) {
  FinetuneConfig config;
  config.head.norm = "standard";
  EXPECT_NO_THROW(check_finetune_config(config));
  config.augment.flip = 0.5;
  EXPECT_THAT(refusal([&] { check_finetune_config(config); }), HasSubstr("head.norm = standard"));
  config.augment.flip = 0;
  config.task = "finetune";
  EXPECT_THAT(refusal([&] { check_finetune_config(config); }), HasSubstr("head.norm = standard"));
}

TEST(Fractions, ThePublishedRuleIsPandasSampleOfTheRowsWithTheView) {
  const std::vector<Study> studies = studies_of(400);
  const Manifest manifest = manifest_of(studies);
  TaskDataConfig config;
  config.views = "lateral";
  const TaskStudies all = choose_task_studies(manifest, config);
  config.fraction = 0.1;
  const TaskStudies part = choose_task_studies(manifest, config);
  const auto count = static_cast<std::int64_t>(all.train.size());
  const std::vector<std::int64_t> rows = dataframe_sample(count, 0.1, LegacyRandom(42));
  ASSERT_EQ(part.train.size(), rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i)
    EXPECT_EQ(part.train[i], all.train[static_cast<std::size_t>(rows[i])]);
  EXPECT_EQ(part.select, all.select);
  EXPECT_EQ(part.test, all.test);
  for (const std::int64_t index : all.train) EXPECT_NE(index % 5, 3) << "has no lateral";
}

TEST(Fractions, ThatOfDetectionRoundsDown) {
  const Manifest manifest = manifest_of(studies_of(400));
  TaskDataConfig config;
  config.fraction_rule = "published_detection";
  const TaskStudies all = choose_task_studies(manifest, config);
  EXPECT_TRUE(std::is_sorted(all.train.begin(), all.train.end())) << "all, in their order";
  const auto count = static_cast<std::int64_t>(all.train.size());
  config.fraction = 5.7 / static_cast<double>(count);  // rows; the other rule takes 6
  const TaskStudies part = choose_task_studies(manifest, config);
  const std::vector<std::int64_t> rows = mgca_detection_fraction(count, config.fraction);
  ASSERT_EQ(rows.size(), 5U);
  ASSERT_EQ(part.train.size(), rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i)
    EXPECT_EQ(part.train[i], all.train[static_cast<std::size_t>(rows[i])]);
}

TEST(Fractions, ThatOfSiimTakesAsManyWithoutAMaskAsWithOne) {
  std::vector<Study> studies = studies_of(400);
  for (std::size_t i = 0; i < studies.size(); i += 9)
    if (!studies[i].views.empty()) studies[i].masks.push_back({0, "pneumothorax", {}, 8, 8});
  const Manifest manifest = manifest_of(studies);
  TaskDataConfig config;
  config.fraction_rule = "published_siim";
  const auto masked = [&](const std::vector<std::int64_t>& chosen) {
    return std::count_if(chosen.begin(), chosen.end(),
                         [&](std::int64_t index) { return !manifest.study(index).masks.empty(); });
  };
  const std::vector<std::int64_t> all = choose_task_studies(manifest, config).train;
  EXPECT_EQ(2 * static_cast<std::size_t>(masked(all)), all.size());
  config.fraction = 0.5;
  const std::vector<std::int64_t> half = choose_task_studies(manifest, config).train;
  EXPECT_EQ(half.size(), all.size() / 2);
  EXPECT_THAT(half, IsSubsetOf(all));
}

TEST(Fractions, ByStudyASmallerOneIsPartOfALargerOne) {
  const Manifest manifest = manifest_of(studies_of(400));
  TaskDataConfig config;
  config.fraction_rule = "study";
  const auto train = [&](double fraction) {
    config.fraction = fraction;
    return choose_task_studies(manifest, config).train;
  };
  const auto one = train(0.01), ten = train(0.1), half = train(0.5);
  EXPECT_EQ(one.size(), 2U);
  EXPECT_THAT(one, IsSubsetOf(ten));
  EXPECT_THAT(ten, IsSubsetOf(half));
  EXPECT_THAT(refusal([&] { train(0.001); }), HasSubstr("leaves none of"));
}

TEST(TaskStudies, PatientsAreHeldOutWholeAndTheSameForEverySeed) {
  const Manifest manifest = manifest_of(studies_of(400));
  TaskDataConfig config;
  config.select = "holdout";
  config.holdout = 0.3;
  const TaskStudies chosen = choose_task_studies(manifest, config);
  std::set<std::string> train, select;
  for (const std::int64_t index : chosen.train) train.insert(manifest.summary(index).patient_id);
  for (const std::int64_t index : chosen.select) {
    const StudySummary& study = manifest.summary(index);
    EXPECT_EQ(study.split, Split::kTrain);
    select.insert(study.patient_id);
    EXPECT_FALSE(train.contains(study.patient_id));
  }
  EXPECT_NEAR(
      static_cast<double>(select.size()) / static_cast<double>(select.size() + train.size()), 0.3,
      0.1);
}

TEST(TaskStudies, ALeakOfPatientsIsRefusedUnlessAskedFor) {
  for (const std::size_t leaking : {0, 15}) {  // one trains, the other selects
    std::vector<Study> studies = studies_of(40);
    studies[leaking].patient_id = "p8";  // of the test split
    const Manifest manifest = manifest_of(studies);
    TaskDataConfig config;
    EXPECT_THAT(
        refusal([&] { choose_task_studies(manifest, config); }),
        HasSubstr("1 patients of the split test are also trained on or select, the first is p8"));
    config.allow_leak = true;
    EXPECT_EQ(choose_task_studies(manifest, config).notes.size(), 1U);
  }
}

TEST(TaskStudies, OnesWithoutAKnownLabelAreLeftOutOfTrainingOnly) {
  std::vector<Study> studies = studies_of(40);
  for (std::size_t i = 0; i < studies.size(); i += 2) studies[i].labels["nodule"] = -1;
  const Manifest manifest = manifest_of(studies);
  TaskDataConfig config;
  config.views = "both";
  TaskStudies chosen = choose_task_studies(manifest, config);
  const TaskStudies before = chosen;
  TaskLabels labels;
  labels.names = {"nodule"};
  keep_labelled(chosen, manifest, labels);
  EXPECT_EQ(chosen.test, before.test);
  for (const auto* part : {&chosen.train, &chosen.select})
    for (const std::int64_t index : *part) EXPECT_EQ(index % 2, 1);
  EXPECT_THAT(chosen.notes, ElementsAre(HasSubstr("studies to train on are left out"),
                                        HasSubstr("studies to select by are left out")));
}

TEST(TaskStudies, AClassThatAllTrainingStudiesSayTheSameOfIsNamed) {
  std::vector<Study> studies = studies_of(40);
  for (Study& study : studies) study.labels["nodule"] = study.split == Split::kTrain ? 1 : 0;
  const Manifest manifest = manifest_of(studies);
  TaskDataConfig config;
  config.views = "both";
  TaskStudies chosen = choose_task_studies(manifest, config);
  TaskLabels labels;
  labels.names = {"nodule"};
  keep_labelled(chosen, manifest, labels);
  EXPECT_THAT(chosen.notes,
              ElementsAre(HasSubstr("class 'nodule' is present wherever it is known")));
}

TEST(TaskStudies, HoldingOutIsNotTheDrawThatMadeTheSplits) {
  std::vector<Study> studies = studies_of(1000);
  for (Study& study : studies)
    study.split = split_of_patient(study.patient_id, {.validate = 0.1, .test = 0.2}, 0);
  TaskDataConfig config;
  config.select = "holdout";
  config.holdout = 0.1;
  const TaskStudies chosen = choose_task_studies(manifest_of(std::move(studies)), config);
  EXPECT_NEAR(static_cast<double>(chosen.select.size()) /
                  static_cast<double>(chosen.select.size() + chosen.train.size()),
              0.1, 0.04);
}

TEST(TaskStudies, AManifestWithoutValidationNamesTheWayOut) {
  std::vector<Study> studies = studies_of(40);
  for (Study& study : studies) {
    if (study.split == Split::kValidate) study.split = Split::kTrain;
  }
  EXPECT_THAT(refusal([&] { choose_task_studies(manifest_of(studies), {}); }),
              HasSubstr("data.select=holdout"));
}

TEST(TaskLabels, WhatIsUncertainOrMissingIsTaughtAsConfigured) {
  Study study;
  study.labels_chexpert = {{"Edema", -1}, {"Atelectasis", -1}, {"Consolidation", 1}};
  TaskLabels labels;
  labels.source = "chexpert";
  labels.names = {"Edema", "Atelectasis", "Consolidation", "Cardiomegaly"};
  const auto unknown = label_row(labels, study);
  EXPECT_TRUE(std::isnan(unknown[0]) && std::isnan(unknown[1]) && std::isnan(unknown[3]));
  EXPECT_EQ(unknown[2], 1.0F);
  labels.uncertain = "absent";
  labels.uncertain_present = {"Edema"};
  labels.blank = "absent";
  EXPECT_THAT(label_row(labels, study), ElementsAre(1.0F, 0.0F, 1.0F, 0.0F));
}

TEST(TaskLabels, AStudyOfExclusiveClassesHasOneOrIsLeftOut) {
  TaskLabels labels;
  labels.kind = "multiclass";
  labels.names = {"normal", "pneumonia", "COVID-19"};
  Study study;
  study.labels = {{"normal", 0}, {"pneumonia", 1}};
  EXPECT_THAT(label_row(labels, study), ElementsAre(0.0F, 1.0F, 0.0F));
  study.labels["COVID-19"] = 1;
  EXPECT_FALSE(any_known(label_row(labels, study)));
  study.labels["COVID-19"] = -1;
  EXPECT_FALSE(any_known(label_row(labels, study)));
}

TEST(TaskLabels, ClassesAreThoseOfTheTrainingStudiesAndUnknownOnesAreNamed) {
  const Manifest studies = manifest_of(studies_of(10));
  const std::vector<std::int64_t> chosen = {0, 1, 2};
  EXPECT_THAT(with_names({}, studies, chosen).names, ElementsAre("mass", "nodule"));
  TaskLabels labels;
  labels.names = {"nodul"};
  EXPECT_THAT(refusal([&] { with_names(labels, studies, chosen); }),
              HasSubstr("did you mean 'nodule'"));
}

}  // namespace
}  // namespace biplane

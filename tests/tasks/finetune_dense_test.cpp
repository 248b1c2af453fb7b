// Whole runs of segmentation and detection on phantom images.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "biplane/core/error.h"
#include "biplane/eval/evaluate.h"
#include "biplane/inference/task_model.h"
#include "biplane/nn/tensor_file.h"
#include "biplane/phantom/phantom.h"
#include "biplane/tasks/finetune.h"
#include "tests/eval/small_evaluation.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;
using biplane::testing::SmallEvaluation;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kFinding = "pleural_effusion";
constexpr std::int64_t kImages = 8, kImageSide = 64;

// Phantom studies with an effusion in the frontal, the same ones to train on, to select by and to
// test: what a head must be able to learn by heart.
class DenseRun : public ::testing::Test {
 protected:
  DenseRun() {
    PhantomOptions options;
    options.studies = 150;
    options.size = kImageSide;
    options.threads = 2;
    write_phantom(options, folder());
    ManifestWriter writer(folder() / "few.jsonl");
    std::int64_t found = 0;
    for (Study study : Manifest::read(folder() / "manifest.jsonl").read_all()) {
      const bool shows = std::any_of(study.masks.begin(), study.masks.end(), [&](const Mask& mask) {
        return mask.label == kFinding && is_frontal(study.views[std::size_t(mask.view)].view);
      });
      if (!shows || found == kImages) continue;
      ++found;
      const std::string name = study.study_id;
      for (const Split split : {Split::kTrain, Split::kValidate, Split::kTest}) {
        study.split = split;
        study.study_id = name + split_name(split);
        writer.write(study);
      }
    }
    writer.finish();
  }

  FinetuneConfig config(const std::string& task) const {
    FinetuneConfig config;
    config.task = task;
    config.data.allow_leak = true;
    config.data.workers = 0;
    config.labels.names = {kFinding};
    config.dense.encoder = "trained";
    config.dense.image_size = kImageSide;
    config.dense.channels = 32;
    config.train.batch = kImages;
    config.train.lr = 3e-3;
    config.train.clip = 1;
    config.train.schedule = "cosine";
    config.train.warmup = 10;
    config.train.stop_on = "metric";
    config.train.select_every = 20;
    config.train.patience = 0;
    config.train.threads = 2;
    config.detection.confidence = 0.3;
    return config;
  }

  FinetuneResult run(const FinetuneConfig& config, const std::string& name,
                     std::vector<std::int64_t> seeds = {}) {
    FinetuneOptions options;
    options.max_bad = 0.5;  // of so few studies one is many
    options.model = small_.model_path();
    options.manifest = folder() / "few.jsonl";
    options.out = small_.root() / name;
    options.seeds = std::move(seeds);
    options.bootstrap = 20;
    options.threads = 2;
    options.code = "test";
    options.corpus = "small";
    TrainHooks hooks;
    hooks.log = [this](const std::string& line) { log_ += line + "\n"; };
    return finetune(config, options, hooks);
  }

  static double value(const FinetuneResult& result, const std::string& metric) {
    for (const ResultRow& row : result.rows) {
      if (row.metric == metric && row.label == kFinding) return row.value.value();
    }
    throw std::runtime_error("no " + metric);
  }

  std::vector<std::string> evaluated(const std::string& name, const std::string& task) {
    EvaluateOptions options;
    options.model = small_.root() / name;
    options.manifest = folder() / "few.jsonl";
    options.out = small_.root() / (name + "-evaluated");
    options.tasks = {task};
    options.bootstrap = 20;
    options.code = "test";
    options.corpus = "small";
    evaluate(options);
    std::istringstream text(read_file(options.out / "results.jsonl"));
    std::vector<std::string> lines;
    for (std::string line; std::getline(text, line);) lines.push_back(line);
    return lines;
  }

  void expect_same_rows(const FinetuneResult& trained, const std::vector<std::string>& lines) {
    ASSERT_EQ(lines.size(), trained.lines.size());
    for (std::size_t i = 0; i < lines.size(); ++i) {
      auto row = nlohmann::json::parse(lines[i]);
      row["prompts_sha256"] = nullptr;  // of the zero-shot task, which stands beside it there
      EXPECT_EQ(row, nlohmann::json::parse(trained.lines[i]));
    }
  }

  bool tower_changed(const std::string& name) const {
    const TensorMap before = load_safetensors(small_.model_path() / "model.safetensors"),
                    after = load_safetensors(small_.root() / name / "model/model.safetensors");
    bool changed = false;
    for (const auto& [key, tensor] : before) {
      const bool same = tensor.equal(after.at(key));
      if (!key.starts_with("frontal.")) {
        EXPECT_TRUE(same) << key;
      }
      changed = changed || !same;
    }
    return changed;
  }

  // Towers with a stem in the place of the patch projection.
  void give_stems() {
    ModelDescription description = small_.description();
    description.config.frontal.vit.stem = description.config.lateral.vit.stem = {4, 6, 8};
    save_model_package(small_.model_path(), description,
                       SmallEvaluation::random_weights(description.config));
  }

  fs::path folder() const { return small_.root() / "phantom"; }

  SmallEvaluation small_{2};
  std::string log_;
};

TEST_F(DenseRun, EightMasksAreLearnedByHeart) {
  FinetuneConfig config = this->config("segmentation");
  config.train.epochs = 120;
  const FinetuneResult result = run(config, "a");
  EXPECT_GT(value(result, "dice_positives"), 0.9) << log_;
  EXPECT_TRUE(tower_changed("a"));
  expect_same_rows(result, evaluated("a", "segmentation"));
}

TEST_F(DenseRun, EightImagesBoxesAreLearnedByHeart) {
  FinetuneConfig config = this->config("detection");
  config.train.epochs = 120;
  const FinetuneResult result = run(config, "a");
  EXPECT_GT(value(result, "map"), 0.8) << log_;
  EXPECT_GE(value(result, "map_published"), value(result, "map"));
  EXPECT_TRUE(tower_changed("a"));
  expect_same_rows(result, evaluated("a", "detection"));
}

TEST_F(DenseRun, YoloLearnsThemByHeartToo) {
  FinetuneConfig config = this->config("detection");
  config.detection.head = "yolov3";
  config.dense.channels = 64;
  config.train.epochs = 200;
  EXPECT_GT(value(run(config, "a"), "map"), 0.8) << log_;
}

TEST_F(DenseRun, AFrozenEncoderStaysAsItIs) {
  for (const char* task : {"segmentation", "detection"}) {
    FinetuneConfig config = this->config(task);
    config.dense.encoder = "frozen";
    config.train.epochs = 2;
    config.augment.flip = 0.5;
    config.augment.crop_scale = {0.5, 1.0};
    run(config, task);
    EXPECT_FALSE(tower_changed(task));
  }
  EXPECT_EQ(read_task(small_.root() / "segmentation/model")->segmenter.thresholds.size(), 1U);
}

// Seeds of the folders of their runs ("seed-1"); none for the folder itself.
std::vector<std::int64_t> seeds_of(const std::vector<std::string>& runs) {
  std::vector<std::int64_t> seeds;
  for (const std::string& name : runs)
    if (!name.empty()) seeds.push_back(std::stoll(name.substr(name.find('-') + 1)));
  return seeds;
}

class FrozenMapsOf : public DenseRun {
 protected:
  FinetuneConfig frozen(const std::string& task) const {
    FinetuneConfig config = this->config(task);
    config.dense.encoder = "frozen";
    config.train.batch = 3;
    config.train.epochs = 3;
    config.train.select_every = 1;
    return config;
  }

  // Runs with the maps kept and anew, with so many seeds.
  void expect_the_same(FinetuneConfig config, const std::vector<std::string>& runs) {
    config.dense.cache_mib = 64;
    run(config, "kept", seeds_of(runs));
    EXPECT_THAT(log_, Not(HasSubstr("computed anew"))) << config.task;
    config.dense.cache_mib = 0;
    run(config, "anew", seeds_of(runs));
    EXPECT_THAT(log_, HasSubstr("select: the maps of 8 studies take 0 MiB, dense.cache_mib = 0"));
    for (const std::string& name : runs) {
      const fs::path kept = small_.root() / "kept" / name, anew = small_.root() / "anew" / name;
      EXPECT_EQ(read_file(kept / "metrics.jsonl"), read_file(anew / "metrics.jsonl")) << name;
      EXPECT_EQ(read_file(kept / "predictions.jsonl"), read_file(anew / "predictions.jsonl"));
      const TensorMap weights = load_safetensors(kept / "model/model.safetensors");
      for (const auto& [key, tensor] : load_safetensors(anew / "model/model.safetensors"))
        EXPECT_TRUE(tensor.equal(weights.at(key))) << key;
    }
    fs::remove_all(small_.root() / "kept");
    fs::remove_all(small_.root() / "anew");
    log_.clear();
  }
};

TEST_F(FrozenMapsOf, EveryHeadGiveTheSameBitsKeptAndAnew) {
  expect_the_same(frozen("segmentation"), {""});
  FinetuneConfig config = frozen("segmentation");
  config.segmentation.head = "setr_pup";
  config.augment.flip = 0.5;  // keeps those of the studies that select
  expect_the_same(config, {""});
  expect_the_same(frozen("detection"), {""});
}

TEST_F(FrozenMapsOf, AStemGivesTheSameBitsKeptAndAnew) {
  give_stems();
  expect_the_same(frozen("segmentation"), {""});
  expect_the_same(frozen("detection"), {""});
}

TEST_F(DenseRun, AStemLearnsWithItsTowerAndIsReadAgain) {
  give_stems();
  FinetuneConfig config = this->config("detection");
  config.train.epochs = 2;
  const FinetuneResult result = run(config, "a");
  EXPECT_THAT(read_task(small_.root() / "a/model")->detector.layers,
              ::testing::ElementsAre(-2, -1, 1));
  const TensorMap before = load_safetensors(small_.model_path() / "model.safetensors"),
                  after = load_safetensors(small_.root() / "a/model/model.safetensors");
  for (const char* stage :
       {"frontal.stem.weight_0", "frontal.stem.weight_1", "frontal.stem.weight_2"})
    EXPECT_FALSE(after.at(stage).equal(before.at(stage))) << stage;
  expect_same_rows(result, evaluated("a", "detection"));
}

TEST_F(FrozenMapsOf, SeveralSeedsAreSharedUnlessEachHasItsOwnEncoder) {
  for (const char* init : {"pretrained", "random"}) {
    FinetuneConfig config = frozen("segmentation");
    config.init = init;
    expect_the_same(config, {"seed-1", "seed-2"});
  }
}

TEST_F(FrozenMapsOf, ABrokenImageIsReplacedByTheSameOne) {
  const Manifest manifest = Manifest::read(folder() / "few.jsonl");
  for (const View& view : manifest.study(3).views)
    write_file_atomically(folder() / view.path, "no image");
  expect_the_same(frozen("segmentation"), {""});
}

TEST_F(DenseRun, TheAuxiliaryHeadAndTheBatchesOfAPublishedFigure) {
  FinetuneConfig config = this->config("segmentation");
  config.segmentation.loss = "cross_entropy";
  config.segmentation.auxiliary = 0.4;
  config.segmentation.head = "setr_pup";
  config.segmentation.batch = 4;
  config.init = "random";
  config.train.epochs = 2;
  const FinetuneResult result = run(config, "a");
  EXPECT_NO_THROW(value(result, "mean_dice"));
  EXPECT_NO_THROW(value(result, "dice_with_empty_rule_by_batch"));
  expect_same_rows(result, evaluated("a", "segmentation"));
}

TEST_F(DenseRun, WhatCannotBeIsRefused) {
  const auto refusal = [&](const FinetuneConfig& config) -> std::string {
    try {
      run(config, "refused");
    } catch (const Error& error) {
      return error.what();
    }
    return "nothing";
  };
  FinetuneConfig config = this->config("detection");
  config.data.views = "both";
  EXPECT_THAT(refusal(config), HasSubstr("a mask or a box lies in one view"));
  config = this->config("segmentation");
  config.dense.image_size = 60;
  EXPECT_THAT(refusal(config), HasSubstr("must be a multiple of 8"));
  config = this->config("segmentation");
  config.augment.random_crop = true;
  EXPECT_THAT(refusal(config), HasSubstr("whole images"));
  config = this->config("segmentation");
  config.labels.names = {"something_else"};
  EXPECT_THAT(refusal(config), HasSubstr("no study to train on tells where"));
}

}  // namespace
}  // namespace biplane

// What must never happen in a downstream task: the test that teaches, an encoder that thaws, a seed
// that depends on its neighbours.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "biplane/core/error.h"
#include "biplane/corpus/selection.h"
#include "biplane/eval/head_evaluator.h"
#include "biplane/eval/segmentation.h"
#include "tests/tasks/small_finetune.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;
using biplane::testing::FinetuneTest;
using ::testing::HasSubstr;

// AdamW moves a weight by about the learning rate (0.01) times its factor a step.
constexpr double kStill = 1e-6, kMoved = 1e-3;

class FinetuneGuard : public FinetuneTest {
 protected:
  FinetuneConfig encoder_config() const {
    FinetuneConfig config = this->config();
    config.task = "finetune";
    config.train.select_from = 3;  // or the best weights may be those of the start
    return config;
  }

  FinetuneConfig dense_config(const std::string& task) const {
    FinetuneConfig config = this->config();
    config.task = task;
    config.labels.names = {"nodule"};
    config.dense.channels = 16;
    config.train.stop_on = "metric";
    return config;
  }

  TensorMap start() const { return load_safetensors(small_.model_path() / "model.safetensors"); }

  // Largest change of a weight.
  double moved(const std::string& run, const std::string& name) const {
    return (weights(run).at(name) - start().at(name)).abs().max().item<double>();
  }

  TaskDescription task(const std::string& run) const {
    return read_task(small_.root() / run / "model").value();
  }

  // So that the last selection is not the best one: the weights run away from it.
  static FinetuneConfig with_an_early_best(FinetuneConfig config) {
    config.train.lr = 1;
    config.train.epochs = 6;
    config.train.patience = 0;
    config.train.stop_on = "loss";
    return config;
  }

  void expect_an_early_best(const std::string& run) const {
    std::vector<double> losses;
    for (const std::string& line : lines(run + "/metrics.jsonl"))
      losses.push_back(nlohmann::json::parse(line).at("select/loss"));
    EXPECT_GT(losses.back(), *std::min_element(losses.begin(), losses.end()))
        << "or this test does not tell the best weights from the last";
  }

  void expect_same_weights(const std::string& a, const std::string& b) const {
    const TensorMap one = weights(a), other = weights(b);
    for (const auto& [name, tensor] : one) EXPECT_TRUE(tensor.equal(other.at(name))) << name;
  }

  // A manifest beside the first one whose studies are changed; one whose name is taken away is left
  // out.
  fs::path changed(const std::function<void(Study&)>& change) const {
    const fs::path file = small_.root() / "changed.jsonl";
    ManifestWriter writer(file);
    for (Study study : small_.studies()) {
      change(study);
      if (!study.study_id.empty()) writer.write(study);
    }
    writer.finish();
    return file;
  }
};

TEST_F(FinetuneGuard, TheTestStudiesTeachAndChooseNothing) {
  run(config(), "a");
  run(encoder_config(), "encoder-a");
  manifest_ = changed([](Study& study) {
    if (study.split != Split::kTest) return;
    for (auto& [name, value] : study.labels) value = 1 - std::max(value, 0);
    std::swap(study.views.front().path, study.views.back().path);
  });
  run(config(), "b");
  run(encoder_config(), "encoder-b");
  for (const std::string kind : {"", "encoder-"}) {
    expect_same_weights(kind + "a", kind + "b");
    EXPECT_EQ(task(kind + "a").classifier.thresholds, task(kind + "b").classifier.thresholds);
  }
  EXPECT_NE(lines("a/predictions.jsonl"), lines("b/predictions.jsonl")) << "the test is another";
}

TEST_F(FinetuneGuard, NorDoTheyOfPlaces) {
  for (const std::string kind : {"segmentation", "detection"}) {
    manifest_.clear();
    run(dense_config(kind), kind + "-a");
    manifest_ = changed([](Study& study) {
      if (study.split != Split::kTest) return;
      for (auto& [name, value] : study.labels) value = 0;
      study.masks.clear();
      std::swap(study.views.front().path, study.views.back().path);
    });
    run(dense_config(kind), kind + "-b");
    expect_same_weights(kind + "-a", kind + "-b");
    EXPECT_EQ(task(kind + "-a").segmenter.thresholds, task(kind + "-b").segmenter.thresholds);
    EXPECT_EQ(lines(kind + "-a/metrics.jsonl"), lines(kind + "-b/metrics.jsonl"));
    EXPECT_NE(lines(kind + "-a/predictions.jsonl"), lines(kind + "-b/predictions.jsonl"));
  }
}

TEST_F(FinetuneGuard, ThresholdsOfMasksAreThoseOfTheStudiesThatSelect) {
  std::vector<std::uint8_t> larger(32 * 32, 0);  // their masks, so a lower threshold is best
  for (std::size_t y = 4; y < 20; ++y)
    for (std::size_t x = 12; x < 28; ++x) larger[y * 32 + x] = 1;
  manifest_ = changed([&](Study& study) {
    for (Mask& mask : study.masks)
      if (study.split == Split::kValidate) mask.rle = encode_rle(larger, 32, 32);
  });
  FinetuneConfig config = with_an_early_best(dense_config("segmentation"));
  config.train.lr = 0.03;
  config.train.epochs = 8;
  run(config, "a");
  expect_an_early_best("a");
  const Engine engine = Engine::open(small_.root() / "a/model");
  const Manifest manifest = Manifest::read(manifest_);
  TaskDescription described = task("a");
  ASSERT_EQ(described.segmenter.thresholds.size(), 1U);
  const double kept = described.segmenter.thresholds[0];
  // The Dice over all pixels at each of the candidates, on a split.
  const auto dice = [&](const char* split) {
    std::map<double, double> values;
    for (int i = 1; i < 20; ++i) {
      described.segmenter.thresholds = {i / 20.0};
      std::vector<MaskCounts> counts;
      for (const SegmentedStudy& study :
           predict_segmentation(engine, described, manifest,
                                select_studies(manifest, {.split = split}))
               .studies)
        counts.push_back(study.counts[0]);
      values[i / 20.0] = pooled_dice(counts).value();
    }
    return values;
  };
  const auto best = [](const std::map<double, double>& values) {
    double highest = 0;
    for (const auto& [threshold, value] : values) highest = std::max(highest, value);
    return highest;
  };
  const std::map<double, double> validate = dice("validate");
  EXPECT_NEAR(validate.at(kept), best(validate), 1e-6);
  for (const char* other : {"train", "test"}) {
    const std::map<double, double> values = dice(other);
    EXPECT_LT(values.at(kept), best(values)) << "or this test does not tell it from " << other;
  }
}

TEST_F(FinetuneGuard, TheThresholdsAreThoseOfTheStudiesThatSelect) {
  run(with_an_early_best(config()), "a");
  expect_an_early_best("a");
  const fs::path model = small_.root() / "a/model";
  const Engine engine = Engine::open(model);
  const Manifest manifest = Manifest::read(small_.manifest_path());
  const auto thresholds = [&](const char* split) {
    const std::vector<std::int64_t> studies = select_studies(manifest, {.split = split});
    return youden_thresholds(predict_head(engine, task("a"), manifest, studies).columns.back(), 2);
  };
  const std::vector<double> kept = task("a").classifier.thresholds, own = thresholds("validate");
  ASSERT_EQ(kept.size(), own.size());
  for (std::size_t c = 0; c < kept.size(); ++c) EXPECT_NEAR(kept[c], own[c], 1e-6);
  EXPECT_NE(thresholds("test"), own) << "or this test sees nothing";
}

TEST_F(FinetuneGuard, TheLowestLayersLearnSlowest) {
  FinetuneConfig config = encoder_config();
  config.train.layer_decay = 1e-6;
  run(config, "a");
  EXPECT_LT(moved("a", "frontal.patch_weight"), kStill);
  EXPECT_LT(moved("a", "frontal.blocks.0.mlp.c_fc.weight"), kStill);
  EXPECT_GT(moved("a", "frontal.ln_post.weight"), kMoved);
  config.train.layer_decay = 1;
  run(config, "b");
  EXPECT_GT(moved("b", "frontal.patch_weight"), kMoved);
}

TEST_F(FinetuneGuard, TheEncoderHasItsOwnRate) {
  FinetuneConfig config = encoder_config();
  config.train.encoder_lr = 1e-6;
  run(config, "a");
  for (const auto& [name, tensor] : start()) EXPECT_LT(moved("a", name), kStill) << name;
  EXPECT_GT(weights("a").at("objective.task.linear.weight").abs().max().item<double>(), kMoved);
}

TEST_F(FinetuneGuard, ASeedIsTheSameAloneAndAmongOthers) {
  FinetuneConfig config = this->config();
  for (const char* init : {"pretrained", "random"}) {
    config.init = init;
    const std::string name = init;
    run(config, name, {1, 2});
    run(config, name + "-alone", {2});
    expect_same_weights(name + "/seed-2", name + "-alone/seed-2");
    EXPECT_EQ(lines(name + "/seed-2/results.jsonl"), lines(name + "-alone/seed-2/results.jsonl"));
  }
}

TEST_F(FinetuneGuard, AStoppedRunGoesOnAsIfItHadNotBeenStopped) {
  for (const FinetuneConfig& config : {this->config(), encoder_config()}) {
    run(config, config.task, {1, 2});
    stop_after_ = asked_ + 12;  // in the second seed: an epoch has three steps
    FinetuneResult stopped = run(config, config.task + "-stopped", {1, 2});
    EXPECT_EQ(stopped.outcome, TrainOutcome::kCheckpointed);
    EXPECT_EQ(read_file(small_.root() / (config.task + "-stopped/seed-2/state")), "stopped\n");
    EXPECT_FALSE(fs::exists(small_.root() / (config.task + "-stopped/results.jsonl")));
    stop_after_.reset();
    const FinetuneResult done = run(config, config.task + "-stopped", {1, 2});
    EXPECT_EQ(done.outcome, TrainOutcome::kDone);
    expect_same_weights(config.task + "/seed-2", config.task + "-stopped/seed-2");
    asked_ = 0;
  }
}

TEST_F(FinetuneGuard, WhatIsDoneIsOfTheSameModelAndTheSameStudies) {
  run(config(), "a");
  const auto refused = [&](const std::string& what) {
    try {
      run(config(), "a");
      ADD_FAILURE() << "another " << what << " is taken";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      EXPECT_THAT(error.what(), HasSubstr("is done with another " + what));
    }
  };
  model_ = small_.root() / "a/model";  // the same encoder in another file
  refused("--model");
  model_.clear();
  manifest_ = changed([](Study& study) {
    if (study.study_id == "s104") study.split = Split::kValidate;
  });
  refused("choice of training studies");
  bool removed = false;
  manifest_ = changed([&](Study& study) {
    if (removed || study.split != Split::kTest) return;
    study.study_id.clear();
    removed = true;
  });
  refused("choice of test studies");
}

TEST_F(FinetuneGuard, PatientsOfTheTestAreNeverTrainedOn) {
  manifest_ = changed([](Study& study) {
    if (study.study_id == "s101")
      study.split = Split::kTrain;  // the other study of its patient tests
  });
  try {
    run(config(), "a");
    FAIL() << "a leak is taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kFailure);
    EXPECT_THAT(error.what(), HasSubstr("1 patients of the split test"));
  }
  FinetuneConfig config = this->config();
  config.data.allow_leak = true;
  EXPECT_THAT(run(config, "a").notes,
              ::testing::Contains(HasSubstr("1 patients of the split test")));
}

TEST_F(FinetuneGuard, AnUnknownLabelTeachesNothing) {
  // Studies whose only class is unknown are left out, and with them nothing changes.
  FinetuneConfig config = this->config();
  config.labels.names = {"nodule"};
  const auto unknown = [](Study& study) {
    if (study.split == Split::kTrain && std::stoi(study.study_id.substr(1)) % 5 == 0)
      study.labels["nodule"] = -1;
  };
  manifest_ = changed(unknown);
  const FinetuneResult masked = run(config, "masked");
  EXPECT_THAT(masked.notes, ::testing::Contains(HasSubstr("studies to train on are left out")));
  manifest_ = changed([&](Study& study) {
    unknown(study);
    if (study.labels["nodule"] == -1) study.study_id.clear();
  });
  run(config, "without");
  expect_same_weights("masked", "without");
}

TEST_F(FinetuneGuard, ADeviceThatIsNotThereIsSaidBeforeAnythingIsRead) {
  FinetuneConfig config = this->config();
  config.train.device = "cuda:99";
  config.train.threads = 0;
  manifest_ = small_.root() / "nothing.jsonl";
  try {
    run(config, "a");
    FAIL() << "there is no such device";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_THAT(error.what(), HasSubstr("train.device = cuda:99"));
  }
  EXPECT_FALSE(fs::exists(small_.root() / "a"));
}

}  // namespace
}  // namespace biplane

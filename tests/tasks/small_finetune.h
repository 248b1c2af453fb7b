#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "biplane/tasks/finetune.h"
#include "tests/eval/small_evaluation.h"

namespace biplane::testing {

// Patients: of four one tests, one validates, two train.
inline void set_split(Study& study) {
  const int number = std::stoi(study.study_id.substr(1)) - 100;
  const int place = number / 2 % 4;
  study.split = place == 0 ? Split::kTest : place == 1 ? Split::kValidate : Split::kTrain;
}

class FinetuneTest : public ::testing::Test {
 protected:
  FinetuneConfig config() const {
    FinetuneConfig config;
    config.data.workers = 0;
    config.train.epochs = 3;
    config.train.batch = 8;
    config.train.lr = 0.01;
    config.train.threads = 2;
    config.labels.names = {"nodule", "fracture"};
    return config;
  }

  FinetuneResult run(const FinetuneConfig& config, const std::string& name,
                     std::vector<std::int64_t> seeds = {}) {
    FinetuneOptions options;
    options.model = model_.empty() ? small_.model_path() : model_;
    options.manifest = manifest_.empty() ? small_.manifest_path() : manifest_;
    options.out = small_.root() / name;
    options.seeds = std::move(seeds);
    options.bootstrap = 20;
    options.threads = 2;
    options.code = "test";
    options.corpus = "small";
    TrainHooks hooks;
    hooks.log = [this](const std::string& line) { log_ += line + "\n"; };
    if (stop_after_) hooks.stop_requested = [this] { return asked_++ >= *stop_after_; };
    return finetune(config, options, hooks);
  }

  TensorMap weights(const std::string& run) const {
    return load_safetensors(small_.root() / run / "model/model.safetensors");
  }

  std::vector<std::string> lines(const std::string& file) const {
    std::istringstream text(read_file(small_.root() / file));
    std::vector<std::string> lines;
    for (std::string line; std::getline(text, line);) lines.push_back(line);
    return lines;
  }

  SmallEvaluation small_{48, 10, set_split};
  std::string log_;
  std::filesystem::path model_, manifest_;  // others than those of small_
  std::optional<std::int64_t> stop_after_;  // steps, of all runs together
  std::int64_t asked_ = 0;                  // how often a run asked whether to stop
};

}  // namespace biplane::testing

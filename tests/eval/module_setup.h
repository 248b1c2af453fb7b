#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "biplane/eval/module_tables.h"
#include "biplane/eval/modules.h"
#include "tests/eval/small_evaluation.h"

namespace biplane::testing {

// A model on studies, with its description and weights changed before.
struct ModuleSetup {
  explicit ModuleSetup(const SmallEvaluation& studies,
                       const std::function<void(ModelDescription&)>& change = {},
                       const std::function<void(TensorMap&)>& change_weights = {})
      : small(studies), manifest(Manifest::read(small.manifest_path())) {
    ModelDescription description = small.description();
    if (change) change(description);
    TensorMap weights = SmallEvaluation::random_weights(description.config);
    if (change_weights) change_weights(weights);
    save_model_package(small.model_path(), description, weights);
    engine = std::make_unique<Engine>(Engine::open(small.model_path(), {.threads = 2, .batch = 5}));
    prompts = parse_prompts(kPromptText);
    std::vector<std::int64_t> all;
    for (std::int64_t i = 0; i < manifest.size(); ++i) all.push_back(i);
    features = engine->encode(manifest, all);
    truth = manifest.studies(features.studies);
  }
  EvaluationInput input() const {
    return {.engine = *engine,
            .manifest = manifest,
            .features = features,
            .studies = truth,
            .prompts = &prompts,
            .bootstrap = {.repeats = 20, .seed = 0}};
  }
  EvaluationOutput run() const {
    EvaluationOutput output;
    ModulesEvaluator().run(input(), output);
    return output;
  }
  const SmallEvaluation& small;
  Manifest manifest;
  PromptSet prompts;
  std::unique_ptr<Engine> engine;
  StudyFeatures features;
  std::vector<Study> truth;
};

struct Wanted {
  std::string task, metric, views, label, map, condition, against;
};

inline const ResultRow* find(const std::vector<ResultRow>& rows, const Wanted& wanted) {
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const ResultRow& row) {
    return row.task == "modules/" + wanted.task && row.metric == wanted.metric &&
           row.views == wanted.views && row.label == wanted.label && row.map == wanted.map &&
           row.condition == wanted.condition && row.against == wanted.against;
  });
  EXPECT_NE(found, rows.end()) << wanted.task << " " << wanted.metric << " " << wanted.views;
  return found == rows.end() ? nullptr : &*found;
}

// The batch of all studies.
inline ModuleBatch whole_batch(const ModuleSetup& setup, const ModuleStudies& studies) {
  return ModuleReader(setup.input(), studies).read(0, studies.size());
}

}  // namespace biplane::testing

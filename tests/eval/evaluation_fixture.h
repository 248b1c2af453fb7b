#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "biplane/eval/evaluator.h"
#include "tests/eval/small_evaluation.h"

namespace biplane::testing {

// Everything an evaluator needs, kept alive together.
struct Fixture {
  explicit Fixture(const SmallEvaluation& small)
      : engine(Engine::open(small.model_path(), {.threads = 2, .batch = 5})),
        manifest(Manifest::read(small.manifest_path())),
        prompts(parse_prompts(kPromptText)) {
    std::vector<std::int64_t> all;
    for (std::int64_t i = 0; i < manifest.size(); ++i) all.push_back(i);
    features = engine.encode(manifest, all);
    studies = manifest.studies(features.studies);
  }
  EvaluationInput input() const {
    return {.engine = engine,
            .manifest = manifest,
            .features = features,
            .studies = studies,
            .prompts = &prompts,
            .pool = 10,
            .bootstrap = {.repeats = 20, .seed = 0},
            .examples = 2};
  }
  Engine engine;
  Manifest manifest;
  PromptSet prompts;
  StudyFeatures features;
  std::vector<Study> studies;
};

inline const ResultRow* find(const std::vector<ResultRow>& rows, const std::string& metric,
                             const std::string& views, const std::string& label,
                             const std::string& population = "") {
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const ResultRow& row) {
    return row.metric == metric && row.views == views && row.label == label &&
           row.population == population;
  });
  return found == rows.end() ? nullptr : &*found;
}

}  // namespace biplane::testing

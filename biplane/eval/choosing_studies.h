#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "biplane/eval/evaluate.h"
#include "biplane/inference/engine.h"

namespace biplane {

// The studies that choose thresholds, and their features; kept together.
struct ChoosingStudies {
  // Of options.choose_on, without those of patients that are measured. Throws Error as
  // Manifest::read, and kUsage where the patients of the two manifests cannot be told apart.
  ChoosingStudies(const EvaluateOptions& options, const Manifest& measured,
                  const std::vector<std::int64_t>& measured_studies);
  // Reads the features and the studies, once.
  void encode(const Engine& engine);

  Manifest manifest;
  std::vector<std::int64_t> chosen;
  std::int64_t left_out = 0;  // of patients that are measured
  StudyFeatures features;
  std::vector<Study> studies;  // of the rows of `features`
};

}  // namespace biplane

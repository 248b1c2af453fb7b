#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "biplane/eval/evaluator.h"
#include "biplane/model/multiview_model.h"
#include "biplane/nn/libtorch.h"

namespace biplane {

// The studies that the modules are measured on: those with both views and a report, each with
// another one whose images and report stand in for its own.
struct ModuleStudies {
  std::vector<std::int64_t> rows;     // of StudyFeatures
  std::vector<std::int64_t> partner;  // place in `rows` of the next study (going round) of another
                                      // patient
  std::vector<std::string> patients;  // of each

  std::int64_t size() const { return static_cast<std::int64_t>(rows.size()); }
};
// Without any study where fewer than two patients have both views and a report.
ModuleStudies module_studies(const EvaluationInput& input);

// Encoded reports of n studies.
struct ReportSide {
  torch::Tensor whole, masked;   // (n,T,D) tokens of the report and of its masked copy
  torch::Tensor words, visible;  // (n,T) bool: all words, those left in the masked copy; without
                                 // punctuation
};

struct StudySide {
  ViewFeatures frontal, lateral;  // with global_attention
  ReportSide report;
};

// Consecutive studies of ModuleStudies and their partners, encoded once for all measures.
struct ModuleBatch {
  std::int64_t first = 0;  // place of the first study
  StudyBatch batch;        // n studies; masked by the method's default, whatever the training used
  StudySide own, other;    // n each
};

// Reads and encodes. Safe to call from many threads.
class ModuleReader {
 public:
  // All must outlive the reader.
  ModuleReader(const EvaluationInput& input, const ModuleStudies& studies);
  ModuleBatch read(std::int64_t begin, std::int64_t end) const;
  // Views of `count` studies whose images are black.
  StudySide blank(std::int64_t count) const;
  static constexpr std::int64_t kBatch = 32;

 private:
  StudySide encode(const StudyBatch& batch) const;

  const EvaluationInput& input_;
  const ModuleStudies& studies_;
  std::unique_ptr<StudyDataset> dataset_;
  StudySide blank_;  // one study
};

}  // namespace biplane

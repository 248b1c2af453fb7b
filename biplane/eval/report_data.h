#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "biplane/eval/metrics.h"
#include "biplane/imaging/image.h"

namespace biplane {

// What the HTML report shows besides the result rows: plain data, free of LibTorch.

struct CurveSeries {
  std::string name;
  std::vector<CurvePoint> points;
};

// ROC and precision-recall curves of one finding, one series a column ("frontal", "both", ...).
struct FindingCurves {
  std::string finding;
  std::int64_t positives = 0, studies = 0;
  // Share of the positives that an ideal observer sees in each view; nothing where the corpus does
  // not say.
  std::optional<double> visible_frontal, visible_lateral;
  std::vector<CurveSeries> roc, precision_recall;
};

// The curves of a head that `biplane finetune` made.
struct HeadCurves {
  std::string task;
  std::vector<FindingCurves> classes;
};

// Of classes that exclude each other, in one column: studies by true class (rows) and by the class
// that is told.
struct ConfusionTable {
  std::string task, views, population;  // as in ResultRow
  std::vector<std::string> classes;
  std::vector<std::vector<double>> studies;
};

// Reliability curves of one finding in one column, one series a kind of probability: x = mean
// probability, y = share of positive studies of each bin that holds any.
struct FindingReliability {
  std::string finding, views, population;  // as in ResultRow
  std::vector<CurveSeries> series;
};

struct RetrievedReport {
  std::string text;
  double similarity = 0;
  bool matches = false;
};

// One study as the query of an image-to-text retrieval.
struct RetrievalExample {
  std::string study_id;
  GreyImage frontal, lateral;  // empty where the study has no such view
  std::string report;
  std::int64_t rank = 0;  // of the true report
  std::int64_t pool = 0;
  std::vector<RetrievedReport> best;  // falling similarity
};

struct GroundingView {
  std::string view;  // "frontal" or "lateral"
  RgbImage image,
      overlay;      // the input as the model saw it with the truth outlined; the same under the map
  std::string map;  // which map
  std::optional<bool> hit;  // the map's maximum lies in the truth; nothing: no truth in this view
};

struct GroundingExample {
  std::string study_id, finding, report;
  std::vector<GroundingView> views;
};

struct ReportData {
  std::string title;
  std::vector<std::pair<std::string, std::string>>
      facts;                            // name -> value, for the head of the report
  std::vector<CurveSeries> learning;    // x = step; from metrics.jsonl of the run
  std::vector<FindingCurves> findings;  // zero-shot
  std::vector<HeadCurves> heads;
  std::vector<ConfusionTable> confusions;
  std::vector<FindingReliability> reliability;
  std::vector<RetrievalExample> retrieval;
  std::vector<GroundingExample> grounding;
};

}  // namespace biplane

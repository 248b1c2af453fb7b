#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "biplane/corpus/funnel.h"
#include "biplane/corpus/study.h"

namespace biplane {

class Progress;

// Which columns of a CSV hold what. An empty name: not used. A name that the user gave must exist; a default that does
// not exist is done without, except frontal and report.
struct PairsColumns {
  std::string frontal, lateral, report, study, patient, labels;
};

// Options of `prepare pairs` (data.md section 2, row "pairs").
struct PairsOptions {
  std::filesystem::path root;  // folder that the paths in the CSV are relative to
  std::filesystem::path csv;   // empty: root/studies.csv
  PairsColumns columns;        // as the user gave them; empty: the default, or Path_frontal, Path_lateral, Report
  double validate = 0, test = 0;  // fractions of the patients, drawn by a hash of (seed, patient); the rest trains
  std::uint64_t seed = 0;
  int threads = 1;
  bool hash_images = true;       // fill View::sha256
  Progress* progress = nullptr;  // advanced by one per image
};

struct PairsResult {
  std::vector<Study> studies;  // in the order of first appearance in the CSV
  Funnel funnel;
};

// Reads the CSV: one row is a frontal image with, perhaps, a lateral and a report; rows of one study id are one study, and
// its distinct images become its views. Every image is decoded once; a missing or broken one is counted and left out,
// a study without any image or without a report likewise. The view of an image in the frontal column is PA unless a
// column `<frontal>_view` (frontal_view) says AP.
// Throws Error: kMissingInput (no CSV, no root), kUsage (a named column does not exist: names the nearest one), kBadContent
// (no rows at all).
PairsResult prepare_pairs(const PairsOptions& options);

}  // namespace biplane

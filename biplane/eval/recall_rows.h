#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "biplane/eval/bootstrap.h"
#include "biplane/eval/results.h"
#include "biplane/eval/retrieval_pools.h"

namespace biplane {

inline constexpr std::array<std::int64_t, 3> kRecallDepths{1, 5, 10};

// A value and its repeats, which differences are made of.
struct MeasuredRecall {
  double value = 0;
  Replicates repeats;
};

// Adds rows like `model`, whose direction it is: the recall at each depth, and the median rank.
void add_recall_rows(const ResultRow& model, const std::vector<std::int64_t>& ranks,
                     const PatientBootstrap& bootstrap, std::vector<ResultRow>& rows);

// One pool: similarities of its queries (rows) and candidates (columns), row-major, and of each of
// its studies the number of its report; equal ones match.
struct PoolTable {
  std::vector<double> image_to_text, text_to_image;
  std::vector<std::int64_t> group;
};

// What is searched within pools.
struct PoolSearch {
  ResultRow model;                    // of the rows, without their metric and direction
  RetrievalPools pools;               // at least one
  std::vector<std::string> patients;  // of the studies that the places of the pools stand for
  std::function<PoolTable(std::span<const std::int64_t> places)> table;  // of one pool
};

// Adds the recall at each depth and the median rank from image to text, from text to image, and the
// mean of both, over the studies of all pools; returns the mean recalls.
std::vector<MeasuredRecall> add_pool_rows(const PoolSearch& search, const BootstrapOptions& options,
                                          std::vector<ResultRow>& rows);

}  // namespace biplane

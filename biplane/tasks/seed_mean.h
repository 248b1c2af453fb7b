#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "biplane/eval/results.h"

namespace biplane {

// The rows of one seed, with their repeats (the same draws of patients for every seed), and the
// weights they are of.
struct SeedRows {
  std::int64_t seed = 0;
  std::string weights_sha256;
  std::vector<ResultRow> rows;
};

// For every row that the first seed has: the mean over the seeds that define it, with the interval
// over runs and patients (ablation_effects.h). The note says in how many it is undefined.
std::vector<ResultRow> seed_means(std::span<const SeedRows> seeds);

// A line of results.jsonl of such a row: a list of weights in the place of one.
std::string seed_mean_to_json(const ResultRow& row, const ResultOrigin& origin,
                              std::span<const SeedRows> seeds);

}  // namespace biplane

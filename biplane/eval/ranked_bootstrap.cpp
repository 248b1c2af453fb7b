#include "biplane/eval/ranked_bootstrap.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <vector>

#include "biplane/core/error.h"

namespace biplane {
namespace {

constexpr std::size_t kLanes = PatientBootstrap::kLanes;

// Positives of a ranking, then negatives: places in a list of rows. Either every positive is above
// every negative, or all have the same score.
struct Run {
  std::size_t begin = 0, middle = 0, end = 0;
  bool tied = false;
};

// A ranking as runs, so that most of a pass is plain adding. Rows that do not count are left out.
struct Runs {
  std::vector<std::uint32_t> rows;
  std::vector<Run> runs;

  Runs(const RankedScores& ranked, Values known) {
    std::vector<std::uint32_t> positive, negative;
    for (const RankedScores::Entry& entry : ranked.order()) {
      if (known.empty() || known[entry.row] != 0)
        (entry.positive != 0 ? positive : negative).push_back(entry.row);
      if (entry.last_of_tie == 0) continue;
      add(positive, negative);
      positive.clear();
      negative.clear();
    }
  }

 private:
  // Rows of one score.
  void add(const std::vector<std::uint32_t>& positive, const std::vector<std::uint32_t>& negative) {
    const bool tied = !positive.empty() && !negative.empty();
    const bool open = !runs.empty() && !runs.back().tied;
    const bool goes_on = open && !tied && (positive.empty() || runs.back().middle == rows.size());
    if (!goes_on) runs.push_back({rows.size(), rows.size(), rows.size(), tied});
    rows.insert(rows.end(), positive.begin(), positive.end());
    if (!positive.empty()) runs.back().middle = rows.size();
    rows.insert(rows.end(), negative.begin(), negative.end());
    runs.back().end = rows.size();
  }
};

using Counts = std::array<std::int32_t, kLanes>;
using Sums = std::array<double, kLanes>;

Counts count(std::span<const std::uint32_t> rows, const PatientBootstrap& bootstrap,
             std::size_t block) {
  constexpr std::size_t kChunk = 257;  // rows whose counts of 255 at most fit into 16 bits
  Counts counts{};
  for (std::size_t begin = 0; begin < rows.size(); begin += kChunk) {
    std::array<std::uint16_t, kLanes> few{};
    for (const std::uint32_t row : rows.subspan(begin, std::min(kChunk, rows.size() - begin))) {
      const PatientBootstrap::Lanes times =
          bootstrap.lanes(block, row);  // by value: aliases nothing
      for (std::size_t i = 0; i < kLanes; ++i) few[i] += times[i];
    }
    for (std::size_t i = 0; i < kLanes; ++i) counts[i] += few[i];
  }
  return counts;
}

// Of the repeats of a block. Every sum is of whole and half numbers, so that their order does not
// matter.
std::array<std::optional<double>, kLanes> block_auroc(const Runs& ranking,
                                                      const PatientBootstrap& bootstrap,
                                                      std::size_t block) {
  Sums above{}, passed{}, area{};  // positives, negatives, pairs in the right order
  const std::span rows(ranking.rows);
  for (const Run& run : ranking.runs) {
    const Counts positive =
                     count(rows.subspan(run.begin, run.middle - run.begin), bootstrap, block),
                 negative = count(rows.subspan(run.middle, run.end - run.middle), bootstrap, block);
    const double share = run.tied ? 0.5 : 1;  // of the run's positives that its negatives are below
    for (std::size_t i = 0; i < kLanes; ++i) {
      area[i] += negative[i] * (above[i] + share * positive[i]);
      above[i] += positive[i];
      passed[i] += negative[i];
    }
  }
  std::array<std::optional<double>, kLanes> values;
  for (std::size_t i = 0; i < kLanes; ++i) {
    if (above[i] > 0 && passed[i] > 0) values[i] = area[i] / (above[i] * passed[i]);
  }
  return values;
}

}  // namespace

Replicates auroc_replicates(const RankedScores& ranked, const PatientBootstrap& bootstrap,
                            Values known) {
  if (ranked.size() != bootstrap.rows() ||
      (!known.empty() && std::ssize(known) != bootstrap.rows())) {
    throw Error(ErrorKind::kUsage, "bootstrap: " + std::to_string(ranked.size()) + " scores for " +
                                       std::to_string(bootstrap.rows()) + " rows");
  }
  const Runs ranking(ranked, known);
  Replicates values;
  for (std::size_t block = 0; block < bootstrap.blocks(); ++block) {
    const auto own = block_auroc(ranking, bootstrap, block);
    values.insert(values.end(), own.begin(), own.end());
  }
  values.resize(static_cast<std::size_t>(bootstrap.repeats()));
  return values;
}

}  // namespace biplane

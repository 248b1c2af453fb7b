#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "biplane/eval/bootstrap.h"
#include "biplane/eval/metrics.h"
#include "biplane/eval/results.h"

namespace biplane {

// What the module-level figures are made of; free of LibTorch.

// ---- Ranking of patches ----

// A patch counts as lesion where the truth covers at least this share of its pixels.
inline constexpr double kLesionCover = 0.1;
// Enrichment looks at this share of the patches.
inline constexpr double kEnrichmentShare = 0.2;

// Share of the pixels of each patch that the truth covers, row by row. truth (side, side),
// row-major; rows and columns of patches need not divide the side: a pixel belongs to the patch
// that holds its centre.
std::vector<double> patch_cover(Flags truth, std::int64_t side, std::int64_t rows,
                                std::int64_t columns);
// 1 where the cover is at least kLesionCover.
std::vector<std::uint8_t> lesion_patches(Values cover);

// (share of positives among the ceil(share n - 1e-9) best) / (share of positives among all); where
// a tie is cut, its positives count in proportion. Undefined without a positive.
std::optional<double> enrichment(Values score, Flags positive, double share = kEnrichmentShare);

// ---- Figures ----

// What one study (or one region of it) adds to a figure.
struct FigurePart {
  std::int64_t study = 0;  // place among the studies measured
  double value = 0;
  double weight = 1;
};

// Figures over studies and their 95 % intervals, all from the same draws of patients, so that
// differences are paired.
class FigureTable {
 public:
  using Figure = std::size_t;  // in the order of the calls

  // Sum of values / sum of weights; row.n becomes the sum of weights. Undefined without weight:
  // then the row has `note`.
  Figure add(ResultRow row, std::vector<FigurePart> parts, const std::string& note);
  // Mean of those that are defined, as mean_row() makes it.
  Figure add_mean(ResultRow row, std::vector<Figure> of);
  // minuend - subtrahend, undefined where either is; row.n becomes the minuend's.
  Figure add_difference(ResultRow row, Figure minuend, Figure subtrahend);
  bool empty() const { return figures_.empty(); }

  // The rows of all figures, in order. patients: of each study. Throws Error kUsage without studies
  // or repeats.
  std::vector<ResultRow> measure(std::span<const std::string> patients,
                                 const BootstrapOptions& options, int threads) const;

 private:
  enum class Kind { kRatio, kMean, kDifference };
  struct Entry {
    Kind kind = Kind::kRatio;
    ResultRow row;
    std::vector<FigurePart> parts;
    std::vector<Figure> of;
  };
  using Column = std::vector<std::optional<double>>;  // one entry a figure
  static std::optional<double> ratio(const Entry& entry, Values weight);
  // Of all ratios where study i counts weight[i] times (empty: once); nothing of other figures.
  Column ratios(Values weight) const;
  // Of a mean or difference, from the rows of the figures before it.
  static ResultRow derived(const Entry& entry, const std::vector<ResultRow>& before);

  std::vector<Entry> figures_;
};

}  // namespace biplane

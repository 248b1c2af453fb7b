#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "biplane/core/legacy_random.h"

namespace biplane {

// Row numbers as scikit-learn and pandas draw them with random_state=SEED, so that "1 % of
// MIMIC-CXR, seed 42" is the same 1 % here. `random` is a fresh LegacyRandom(SEED); a used one
// goes on from where it is, as a RandomState that is handed on does.

// A part of n rows: a fraction, or a number of rows.
using RowShare = std::variant<double, std::int64_t>;

struct RowSplit {
  std::vector<std::int64_t> train, test;  // in the order in which the libraries return them
};

struct SplitShares {
  // Fraction (0 .. 1, exclusive) or rows (1 .. n - 1); test rows are rounded up, train rows down.
  RowShare test = 0.25;
  std::optional<RowShare> train;  // none: all others
};

// sklearn.model_selection.train_test_split of the rows 0 .. n - 1. Throws Error kUsage for shares
// that are out of range, together too large, or leave no row to train on.
RowSplit train_test_split(std::int64_t n, const SplitShares& shares, LegacyRandom random);

// The same with stratify=labels: row i has labels[i], classes are numbered in the order of their
// sorted names. Throws Error kUsage also where a class has one row only or a part would have fewer
// rows than there are classes.
RowSplit stratified_split(std::span<const std::int64_t> labels, const SplitShares& shares,
                          LegacyRandom random);

// pandas.DataFrame.sample(frac=... or n=...) without replacement or weights: rows of 0 .. n - 1 in
// the order returned; a fraction's rows are rounded half to even. Throws Error kUsage for a share
// below 0 or of more than n rows.
std::vector<std::int64_t> dataframe_sample(std::int64_t n, RowShare share, LegacyRandom random);

// The label fractions of MGCA, of rows in the order of its training list (as `prepare --split mgca`
// leaves them in a manifest) after its view filter (of CheXpert: frontals by their files' names).
// All below 1; at 1 it takes every row.

// Classification: sample(frac=fraction, random_state=42).
std::vector<std::int64_t> mgca_fraction(std::int64_t n, double fraction);
// Detection and RSNA's segmentation: seed(42); choice(n, int(fraction * n), replace=False).
std::vector<std::int64_t> mgca_detection_fraction(std::int64_t n, double fraction);
// SIIM's segmentation, of images: all with a mask and as many without one, then a fraction of them;
// images with a mask come first. `positive`: which images have one. Throws Error kUsage where fewer
// have none than have one.
std::vector<std::int64_t> mgca_siim_fraction(std::span<const std::uint8_t> positive,
                                             double fraction);

}  // namespace biplane

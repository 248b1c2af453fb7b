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

}  // namespace biplane

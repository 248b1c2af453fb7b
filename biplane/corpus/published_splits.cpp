#include "biplane/corpus/published_splits.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <string>

#include "biplane/core/error.h"

namespace biplane {
namespace {

using Rows = std::vector<std::int64_t>;

struct Counts {
  std::int64_t train = 0, test = 0;
};

[[noreturn]] void refuse(const std::string& what) { throw Error(ErrorKind::kUsage, what); }

std::int64_t rows_of(const RowShare& share, std::int64_t n, double (*round)(double)) {
  if (const auto* rows = std::get_if<std::int64_t>(&share)) {
    if (*rows < 1 || *rows >= n) {
      refuse("a split of " + std::to_string(n) + " rows with " + std::to_string(*rows) +
             " rows in a part; at least one row must be in each");
    }
    return *rows;
  }
  const double fraction = std::get<double>(share);
  if (!(fraction > 0 && fraction < 1)) {
    refuse("a split with the fraction " + std::to_string(fraction) +
           "; it must be between 0 and 1");
  }
  return static_cast<std::int64_t>(round(fraction * static_cast<double>(n)));
}

Counts split_counts(std::int64_t n, const SplitShares& shares) {
  Counts counts;
  counts.test = rows_of(shares.test, n, [](double rows) { return std::ceil(rows); });
  counts.train = shares.train
                     ? rows_of(*shares.train, n, [](double rows) { return std::floor(rows); })
                     : n - counts.test;
  if (counts.train + counts.test > n || counts.train < 1) {
    refuse("a split of " + std::to_string(n) + " rows into " + std::to_string(counts.train) +
           " to train on and " + std::to_string(counts.test) + " to test");
  }
  return counts;
}

// scikit-learn's _approximate_mode: `draws` shared out over the classes in proportion to their
// rows; what rounding down leaves goes to the largest remainders, by chance among equal ones.
Rows share_out(const Rows& class_rows, std::int64_t draws, LegacyRandom& random) {
  const auto total =
      static_cast<double>(std::accumulate(class_rows.begin(), class_rows.end(), std::int64_t{0}));
  Rows shared(class_rows.size());
  std::map<double, Rows, std::greater<>> by_remainder;
  std::int64_t missing = draws;
  for (std::size_t c = 0; c < class_rows.size(); ++c) {
    const double exact = static_cast<double>(class_rows[c]) / total * static_cast<double>(draws);
    shared[c] = static_cast<std::int64_t>(std::floor(exact));
    missing -= shared[c];
    by_remainder[exact - std::floor(exact)].push_back(static_cast<std::int64_t>(c));
  }
  for (const auto& [remainder, classes] : by_remainder) {
    if (missing <= 0) break;
    const auto equal = static_cast<std::int64_t>(classes.size());
    const std::int64_t count = std::min(equal, missing);
    for (const std::int64_t chosen : random.choice(equal, count, LegacyRandom::Replace::kNo))
      ++shared[static_cast<std::size_t>(classes[static_cast<std::size_t>(chosen)])];
    missing -= count;
  }
  return shared;
}

// Rows of each class, classes and rows ascending.
std::vector<Rows> rows_by_class(std::span<const std::int64_t> labels) {
  std::map<std::int64_t, Rows> classes;
  for (std::size_t i = 0; i < labels.size(); ++i)
    classes[labels[i]].push_back(static_cast<std::int64_t>(i));
  std::vector<Rows> rows;
  for (auto& [label, members] : classes) {
    if (members.size() < 2)
      refuse("a stratified split where one row alone is of class " + std::to_string(label));
    rows.push_back(std::move(members));
  }
  return rows;
}

void append(Rows& rows, const Rows& members, std::span<const std::int64_t> order) {
  for (const std::int64_t place : order) rows.push_back(members[static_cast<std::size_t>(place)]);
}

constexpr std::uint32_t kFractionSeed = 42;

// int(fraction * n)
std::int64_t rounded_down(std::int64_t n, double fraction) {
  if (!(fraction >= 0 && fraction <= 1))
    refuse("a sample with the fraction " + std::to_string(fraction) + " of the rows");
  return static_cast<std::int64_t>(fraction * static_cast<double>(n));
}

}  // namespace

RowSplit train_test_split(std::int64_t n, const SplitShares& shares, LegacyRandom random) {
  const Counts counts = split_counts(n, shares);
  const Rows order = random.permutation(n);
  const auto test_end = order.begin() + counts.test;
  return {Rows(test_end, test_end + counts.train), Rows(order.begin(), test_end)};
}

RowSplit stratified_split(std::span<const std::int64_t> labels, const SplitShares& shares,
                          LegacyRandom random) {
  const Counts counts = split_counts(static_cast<std::int64_t>(labels.size()), shares);
  const std::vector<Rows> classes = rows_by_class(labels);
  if (std::min(counts.train, counts.test) < static_cast<std::int64_t>(classes.size())) {
    refuse("a stratified split with a part of " +
           std::to_string(std::min(counts.train, counts.test)) + " rows for " +
           std::to_string(classes.size()) + " classes");
  }
  Rows left;
  for (const Rows& members : classes) left.push_back(static_cast<std::int64_t>(members.size()));
  const Rows train_rows = share_out(left, counts.train, random);
  for (std::size_t c = 0; c < left.size(); ++c) left[c] -= train_rows[c];
  const Rows test_rows = share_out(left, counts.test, random);
  RowSplit split;
  for (std::size_t c = 0; c < classes.size(); ++c) {
    const Rows order = random.permutation(static_cast<std::int64_t>(classes[c].size()));
    const std::span<const std::int64_t> places(order);
    const auto train = static_cast<std::size_t>(train_rows[c]);
    append(split.train, classes[c], places.first(train));
    append(split.test, classes[c], places.subspan(train, static_cast<std::size_t>(test_rows[c])));
  }
  random.shuffle(split.train);
  random.shuffle(split.test);
  return split;
}

std::vector<std::int64_t> dataframe_sample(std::int64_t n, RowShare share, LegacyRandom random) {
  std::int64_t rows = 0;
  if (const double* fraction = std::get_if<double>(&share)) {
    if (!(*fraction >= 0 && *fraction <= 1))
      refuse("a sample with the fraction " + std::to_string(*fraction) + " of the rows");
    rows = static_cast<std::int64_t>(std::nearbyint(*fraction * static_cast<double>(n)));
  } else {
    rows = std::get<std::int64_t>(share);
  }
  if (rows < 0 || rows > n)
    refuse("a sample of " + std::to_string(rows) + " out of " + std::to_string(n) + " rows");
  return random.choice(n, rows, LegacyRandom::Replace::kNo);
}

std::vector<std::int64_t> mgca_fraction(std::int64_t n, double fraction) {
  return dataframe_sample(n, fraction, LegacyRandom(kFractionSeed));
}

std::vector<std::int64_t> mgca_detection_fraction(std::int64_t n, double fraction) {
  return LegacyRandom(kFractionSeed)
      .choice(n, rounded_down(n, fraction), LegacyRandom::Replace::kNo);
}

std::vector<std::int64_t> mgca_siim_fraction(std::span<const std::uint8_t> positive,
                                             double fraction) {
  Rows images, negative;
  for (std::size_t i = 0; i < positive.size(); ++i)
    (positive[i] != 0 ? images : negative).push_back(static_cast<std::int64_t>(i));
  LegacyRandom random(kFractionSeed);  // one generator for both draws
  const auto without = static_cast<std::int64_t>(negative.size());
  Rows drawn =
      random.choice(without, static_cast<std::int64_t>(images.size()), LegacyRandom::Replace::kNo);
  std::sort(drawn.begin(), drawn.end());
  append(images, negative, drawn);
  if (fraction >= 1) return images;
  const auto n = static_cast<std::int64_t>(images.size());
  Rows places = random.choice(n, rounded_down(n, fraction), LegacyRandom::Replace::kNo);
  std::sort(places.begin(), places.end());
  Rows chosen;
  append(chosen, images, places);
  return chosen;
}

}  // namespace biplane

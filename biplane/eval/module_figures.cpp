#include "biplane/eval/module_figures.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "biplane/core/parallel.h"

namespace biplane {
namespace {

constexpr double kRounding = 1e-9;

// The patch along one side that holds the centre of a pixel.
std::size_t patch_of(std::int64_t pixel, std::int64_t side, std::int64_t patches) {
  return static_cast<std::size_t>((2 * pixel + 1) * patches / (2 * side));
}

}  // namespace

std::vector<double> patch_cover(Flags truth, std::int64_t side, std::int64_t rows,
                                std::int64_t columns) {
  std::vector<double> inside(static_cast<std::size_t>(rows * columns), 0.0), all = inside;
  for (std::int64_t y = 0; y < side; ++y) {
    const std::size_t row = patch_of(y, side, rows) * static_cast<std::size_t>(columns);
    for (std::int64_t x = 0; x < side; ++x) {
      const std::size_t patch = row + patch_of(x, side, columns);
      inside[patch] += truth[static_cast<std::size_t>(y * side + x)];
      all[patch] += 1;
    }
  }
  for (std::size_t i = 0; i < inside.size(); ++i) inside[i] /= std::max(1.0, all[i]);
  return inside;
}

std::vector<std::uint8_t> lesion_patches(Values cover) {
  std::vector<std::uint8_t> lesion;
  for (const double share : cover) lesion.push_back(share >= kLesionCover - kRounding ? 1 : 0);
  return lesion;
}

std::optional<double> enrichment(Values score, Flags positive, double share) {
  const auto n = static_cast<double>(score.size());
  const double positives = std::accumulate(positive.begin(), positive.end(), 0.0);
  if (positives == 0) return std::nullopt;
  const auto kept = static_cast<std::size_t>(std::ceil(share * n - kRounding));
  std::vector<double> falling(score.begin(), score.end());
  std::sort(falling.begin(), falling.end(), std::greater<>());
  const double last = falling[kept - 1];
  double above = 0, above_positive = 0, tied = 0, tied_positive = 0;
  for (std::size_t i = 0; i < score.size(); ++i) {
    const bool higher = score[i] > last;
    (higher ? above : tied) += score[i] >= last ? 1 : 0;
    (higher ? above_positive : tied_positive) += score[i] >= last ? positive[i] : 0;
  }
  const double room = static_cast<double>(kept) - above;
  const double found = above_positive + tied_positive * room / tied;
  return found / static_cast<double>(kept) / (positives / n);
}

FigureTable::Figure FigureTable::add(ResultRow row, std::vector<FigurePart> parts,
                                     const std::string& note) {
  double weight = 0;
  for (const FigurePart& part : parts) weight += part.weight;
  row.n = std::llround(weight);
  if (weight <= 0) row.note = note;
  figures_.push_back({Kind::kRatio, std::move(row), std::move(parts), {}});
  return figures_.size() - 1;
}

FigureTable::Figure FigureTable::add_mean(ResultRow row, std::vector<Figure> of) {
  figures_.push_back({Kind::kMean, std::move(row), {}, std::move(of)});
  return figures_.size() - 1;
}

FigureTable::Figure FigureTable::add_difference(ResultRow row, Figure minuend, Figure subtrahend) {
  figures_.push_back({Kind::kDifference, std::move(row), {}, {minuend, subtrahend}});
  return figures_.size() - 1;
}

std::optional<double> FigureTable::ratio(const Entry& entry, Values weight) {
  double value = 0, total = 0;
  for (const FigurePart& part : entry.parts) {
    const double times = weight.empty() ? 1.0 : weight[static_cast<std::size_t>(part.study)];
    value += times * part.value;
    total += times * part.weight;
  }
  return total > 0 ? std::optional<double>(value / total) : std::nullopt;
}

FigureTable::Column FigureTable::ratios(Values weight) const {
  Column column;
  column.reserve(figures_.size());
  for (const Entry& entry : figures_)
    column.push_back(entry.kind == Kind::kRatio ? ratio(entry, weight) : std::nullopt);
  return column;
}

ResultRow FigureTable::derived(const Entry& entry, const std::vector<ResultRow>& before) {
  if (entry.kind == Kind::kMean) {
    std::vector<ResultRow> classes;
    for (const Figure figure : entry.of) classes.push_back(before.at(figure));
    return mean_row(entry.row, classes);
  }
  const ResultRow &minuend = before.at(entry.of[0]), &subtrahend = before.at(entry.of[1]);
  ResultRow row = entry.row;
  row.n = minuend.n;
  if (!minuend.value || !subtrahend.value) {
    row.note = "undefined in one of the two";
    return row;
  }
  row.value = *minuend.value - *subtrahend.value;
  set_repeats(row, difference_of(minuend.repeats, subtrahend.repeats));
  return row;
}

std::vector<ResultRow> FigureTable::measure(std::span<const std::string> patients,
                                            const BootstrapOptions& options, int threads) const {
  const PatientBootstrap bootstrap(patients, options);
  std::vector<Column> repeats(static_cast<std::size_t>(bootstrap.repeats()));
  parallel_for(bootstrap.repeats(), threads, [&](std::int64_t repeat) {
    repeats[static_cast<std::size_t>(repeat)] = ratios(bootstrap.weights(repeat));
  });
  const Column all = ratios({});
  std::vector<ResultRow> rows;
  for (std::size_t i = 0; i < figures_.size(); ++i) {
    if (figures_[i].kind != Kind::kRatio) {
      rows.push_back(derived(figures_[i], rows));
      continue;
    }
    rows.push_back(figures_[i].row);
    rows.back().value = all[i];
    if (!all[i]) continue;
    Replicates replicates;
    for (const Column& repeat : repeats) replicates.push_back(repeat[i]);
    set_repeats(rows.back(), std::move(replicates));
  }
  return rows;
}

}  // namespace biplane

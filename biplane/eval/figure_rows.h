#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "biplane/eval/bootstrap.h"
#include "biplane/eval/metrics.h"
#include "biplane/eval/results.h"

namespace biplane {

// A metric of a head as a function of how often each study counts.
using Statistic = std::function<std::optional<double>(Values weight)>;

// A figure, how it is computed from weights of its rows, and what it rests on.
struct Figure {
  std::string metric, label;  // label: a class, or "all" for what no class has a share in
  Statistic statistic;
  std::int64_t n = 0;
  std::optional<std::int64_t> positives{};
  std::string note{};  // why it is undefined; empty: it is defined
};

// The rows of figures over the same studies, whose patients are given one by one: first the mean of
// each metric over its defined classes (macro), then the figures. `base`: what all rows share.
std::vector<ResultRow> figure_rows(const std::vector<Figure>& figures,
                                   std::span<const std::string> patients, const ResultRow& base,
                                   const BootstrapOptions& options, int threads);

}  // namespace biplane

#include <algorithm>
#include <map>

#include "biplane/core/parallel.h"
#include "biplane/eval/module_measures.h"
#include "biplane/nn/one_thread.h"

namespace biplane {
namespace {

constexpr std::int64_t kRows = 64;  // queries whose cosines are in memory at the same time

// Equal texts get equal numbers.
std::vector<std::int32_t> numbered(const std::vector<std::string>& texts) {
  std::map<std::string, std::int32_t> number;
  std::vector<std::int32_t> numbers;
  for (const std::string& text : texts)
    numbers.push_back(number.emplace(text, static_cast<std::int32_t>(number.size())).first->second);
  return numbers;
}

struct Groups {
  std::vector<std::int32_t> findings, patients;
};

ContrastItem measure(const double* cosines, const double* masses, std::size_t query,
                     const Groups& groups) {
  ContrastItem item;
  for (std::size_t j = 0; j < groups.findings.size(); ++j) {
    if (j == query) {
      item.own_cosine = cosines[j];
      item.own_mass = masses[j];
    } else if (groups.patients[j] == groups.patients[query]) {
      continue;
    } else if (groups.findings[j] == groups.findings[query]) {
      ++item.same;
      item.same_cosine += cosines[j];
      item.same_mass += masses[j];
    } else {
      ++item.different;
      item.different_cosine += cosines[j];
      item.different_mass += masses[j];
    }
  }
  if (item.same > 0) item.same_cosine /= static_cast<double>(item.same);
  if (item.different > 0) item.different_cosine /= static_cast<double>(item.different);
  return item;
}

}  // namespace

std::vector<ContrastItem> contrast_items(const ContrastInput& input, int threads) {
  const std::int64_t count = input.images.size(0);
  const Groups groups{numbered(input.findings), numbered(input.patients)};
  const torch::Tensor images = input.images.to(torch::kFloat64),
                      texts = input.texts.to(torch::kFloat64).t().contiguous();
  std::vector<ContrastItem> items(static_cast<std::size_t>(count));
  parallel_for((count + kRows - 1) / kRows, threads, [&](std::int64_t block) {
    const OneThreadPerOperation one_thread;
    const torch::NoGradGuard no_grad;
    const std::int64_t first = block * kRows, rows = std::min(kRows, count - first);
    const torch::Tensor cosines = images.narrow(0, first, rows).matmul(texts);
    const torch::Tensor masses = (cosines / kContrastTemperature).softmax(1);
    for (std::int64_t row = 0; row < rows; ++row) {
      const auto query = static_cast<std::size_t>(first + row);
      items[query] = measure(cosines.const_data_ptr<double>() + row * count,
                             masses.const_data_ptr<double>() + row * count, query, groups);
    }
  });
  return items;
}

}  // namespace biplane

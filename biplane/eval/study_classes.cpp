#include "biplane/eval/study_classes.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "biplane/eval/columns.h"

namespace biplane {
namespace {

// The only finding of the prompts that a study shows; nothing where it is not one, or uncertain.
std::optional<std::int64_t> only_class(const Study& study, const PromptSet& prompts) {
  std::optional<std::int64_t> only;
  for (std::size_t i = 0; i < prompts.classes.size(); ++i) {
    const auto label = study.labels.find(prompts.classes[i].finding);
    if (label == study.labels.end() || label->second == 0) continue;
    if (label->second < 0 || only) return std::nullopt;
    only = static_cast<std::int64_t>(i);
  }
  return only;
}

}  // namespace

std::optional<std::vector<std::int64_t>> exclusive_classes(const EvaluationInput& input) {
  if (input.prompts == nullptr) return std::nullopt;
  std::vector<std::int64_t> classes;
  for (std::int64_t row = 0; row < input.features.size(); ++row) {
    const auto of = only_class(study_of(input, row), *input.prompts);
    if (!of) return std::nullopt;
    classes.push_back(*of);
  }
  if (std::set<std::int64_t>(classes.begin(), classes.end()).size() < 2) return std::nullopt;
  return classes;
}

std::vector<std::int64_t> finding_sets(const EvaluationInput& input) {
  std::map<std::string, std::int64_t> numbers;
  std::vector<std::int64_t> sets;
  for (std::int64_t row = 0; row < input.features.size(); ++row) {
    const auto& labels = study_of(input, row).labels;
    const bool uncertain =
        std::any_of(labels.begin(), labels.end(), [](const auto& one) { return one.second < 0; });
    if (uncertain || labels.empty()) {
      sets.push_back(-1);
      continue;
    }
    std::string present;
    for (const auto& [label, value] : labels) present += value == 1 ? label + "\n" : "";
    sets.push_back(
        numbers.emplace(present, static_cast<std::int64_t>(numbers.size())).first->second);
  }
  return sets;
}

}  // namespace biplane

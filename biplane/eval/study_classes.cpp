#include "biplane/eval/study_classes.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "biplane/eval/columns.h"

namespace biplane {
namespace {

constexpr double kFew = 0.05;        // of the studies may show none or several of the classes
constexpr double kNeverMeant = 0.5;  // where so many do, the findings are no classes

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

ExclusiveClasses exclusive_classes(const EvaluationInput& input) {
  if (input.prompts == nullptr) return {};
  std::vector<std::int64_t> classes;
  for (std::int64_t row = 0; row < input.features.size(); ++row)
    classes.push_back(only_class(study_of(input, row), *input.prompts).value_or(-1));
  const std::int64_t others = std::count(classes.begin(), classes.end(), -1);
  const double share = static_cast<double>(others) / static_cast<double>(classes.size());
  std::set<std::int64_t> occurring(classes.begin(), classes.end());
  occurring.erase(-1);
  if (occurring.size() < 2 || share >= kNeverMeant) return {};
  const std::string what = std::to_string(others) + " of " + std::to_string(classes.size()) +
                           " studies do not show exactly one of the prompts' findings";
  if (share > kFew) return {{}, "figures of classes that exclude each other are skipped, " + what};
  return {std::move(classes),
          others == 0 ? "" : what + ": they are left out where classes exclude each other"};
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

std::vector<std::int64_t> picked(const std::vector<std::int64_t>& of_row,
                                 const std::vector<std::int64_t>& rows) {
  std::vector<std::int64_t> groups;
  for (const std::int64_t row : rows) groups.push_back(of_row[static_cast<std::size_t>(row)]);
  return groups;
}

std::vector<std::uint8_t> known_groups(const std::vector<std::int64_t>& of_row) {
  std::vector<std::uint8_t> known;
  for (const std::int64_t group : of_row) known.push_back(group >= 0 ? 1 : 0);
  return known;
}

std::string undefined_note(const ViewColumn& column, std::size_t least) {
  if (!column.features.defined()) return column.note;
  return column.rows.size() < least ? "too few studies whose findings are known" : "";
}

}  // namespace biplane

#include "biplane/eval/study_classes.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "biplane/eval/columns.h"
#include "biplane/eval/study_findings.h"

namespace biplane {
namespace {

constexpr double kFew = 0.05;        // of the studies may show none or several of the classes
constexpr double kNeverMeant = 0.5;  // where so many do, the findings are no classes
constexpr double kMostTell = 0.5;    // of the studies must tell on which sides their findings are

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

// Numbers equal texts; nothing gets -1.
class TextNumbers {
 public:
  std::int64_t of(const std::optional<std::string>& text) {
    if (!text) return -1;
    return numbers_.emplace(*text, static_cast<std::int64_t>(numbers_.size())).first->second;
  }

 private:
  std::map<std::string, std::int64_t> numbers_;
};

std::string side_text(FindingSide side) {
  if (side == FindingSide::kUntold) return {};
  return side == FindingSide::kRight ? " right" : " left";
}

// The findings, one a line, and their sides where those count.
std::string findings_text(const StudyFindings& findings, bool sides) {
  std::string text;
  for (const auto& [name, side] : findings) text += name + (sides ? side_text(side) : "") + "\n";
  return text;
}

bool tells_a_side(const StudyFindings& findings) {
  return std::any_of(findings.begin(), findings.end(),
                     [](const auto& finding) { return finding.second != FindingSide::kUntold; });
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
  TextNumbers numbers;
  std::vector<std::int64_t> sets;
  for (const Study& study : input.studies) {
    const std::optional<StudyFindings> findings = true_findings(study);
    sets.push_back(
        numbers.of(findings ? std::optional(findings_text(*findings, false)) : std::nullopt));
  }
  return sets;
}

std::vector<std::int64_t> sided_finding_sets(const EvaluationInput& input) {
  TextNumbers numbers;
  std::vector<std::int64_t> sets;
  std::int64_t known = 0, told = 0;
  bool any_side = false;
  for (const Study& study : input.studies) {
    const std::optional<StudyFindings> findings = true_findings(study);
    const bool tells = findings && sides_told(study, *findings);
    known += findings ? 1 : 0;
    told += tells ? 1 : 0;
    any_side = any_side || (tells && tells_a_side(*findings));
    sets.push_back(
        numbers.of(tells ? std::optional(findings_text(*findings, true)) : std::nullopt));
  }
  const bool most = static_cast<double>(told) >= kMostTell * static_cast<double>(known);
  return any_side && most ? sets : std::vector<std::int64_t>{};
}

std::vector<std::uint8_t> flags_of(const torch::Tensor& flags) {
  const torch::Tensor bytes = flags.to(torch::kUInt8).contiguous();
  return {bytes.data_ptr<std::uint8_t>(), bytes.data_ptr<std::uint8_t>() + bytes.numel()};
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

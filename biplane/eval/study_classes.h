#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "biplane/eval/columns.h"
#include "biplane/eval/evaluator.h"

namespace biplane {

// Classes that exclude each other: every study shows exactly one of the findings that the prompts
// know, but for a few, and at least two of them occur, as in CheXpert 5x200 and COVIDx.
struct ExclusiveClasses {
  // The class of every study (place in input.prompts->classes), -1 of one that shows none or
  // several or is uncertain. Empty: classes do not exclude each other.
  std::vector<std::int64_t> of_row;
  std::string note;  // how many were left out, or why nothing is measured; may be empty
  bool hold() const { return !of_row.empty(); }
};

// At most 5 % of the studies are left out. Where it is more but less than half, the note says why
// there are no classes; beyond that the findings were never meant to exclude each other.
ExclusiveClasses exclusive_classes(const EvaluationInput& input);

// Studies of one number show the same set of findings; -1 where a label is uncertain or none is
// known.
std::vector<std::int64_t> finding_sets(const EvaluationInput& input);

// The same where every finding is also on the same side (study_findings.h); -1 also where masks and
// boxes do not tell where all findings are. Empty where they tell it of less than half of the
// studies whose findings are known, or of no finding a side.
std::vector<std::int64_t> sided_finding_sets(const EvaluationInput& input);

// The numbers of these rows.
std::vector<std::int64_t> picked(const std::vector<std::int64_t>& of_row,
                                 const std::vector<std::int64_t>& rows);
// One entry a row of the features: whether its flag is set.
std::vector<std::uint8_t> flags_of(const torch::Tensor& flags);
// 1 for the studies whose number is known.
std::vector<std::uint8_t> known_groups(const std::vector<std::int64_t>& of_row);
// Why a column says nothing, also where it has fewer than `least` studies; empty where it does.
std::string undefined_note(const ViewColumn& column, std::size_t least);

}  // namespace biplane

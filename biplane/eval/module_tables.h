#pragma once

#include <span>
#include <string>
#include <vector>

#include "biplane/eval/module_measures.h"

namespace biplane {

// The figures that items of all studies give, with the rows' task, views, metric, class and
// condition. docs/evaluation.md describes every row.

inline constexpr const char* kSelectionTask = "modules/selection";
inline constexpr const char* kAlignmentTask = "modules/alignment";
inline constexpr const char* kMaskedWordsTask = "modules/masked_words";
inline constexpr const char* kFalseNegativesTask = "modules/false_negatives";
inline constexpr const char* kCounterfactualTask = "modules/counterfactual";

// scores: the names that were measured, in the order of the rows.
FigureTable selection_figures(const std::vector<SelectionItem>& items,
                              const std::vector<std::string>& scores);
// trained: whether the attention maps and the gap mean something.
FigureTable alignment_figures(const AlignmentItems& items, bool trained);
// counts: of each study, in order. trained: whether the predictions mean something.
FigureTable masked_word_figures(std::span<const WordCounts> counts, bool trained);

// Items of one column, of each study in order; normal: the study has no finding.
struct ContrastColumn {
  std::string views, note;  // note: why there are no items
  std::vector<ContrastItem> items;
  std::vector<std::uint8_t> normal;
};
FigureTable contrast_figures(std::span<const ContrastColumn> columns);

// A study's score for a finding, and that of the same study without it, by column.
struct CounterfactualColumn {
  std::string views, note;
  std::vector<double> with, without;  // one entry a pair
};
// removed: the finding of each pair.
FigureTable counterfactual_figures(std::span<const CounterfactualColumn> columns,
                                   std::span<const std::string> removed);

}  // namespace biplane

#pragma once

#include <span>
#include <string>
#include <vector>

#include "biplane/eval/reference_figures.h"
#include "biplane/eval/results.h"

namespace biplane {

// What a suite shows: rows of several corpora, one model.
struct SuiteContent {
  std::string model;
  std::span<const ResultRow> rows;
  std::span<const ReferenceFigure> references;
  std::span<const std::string> notes;
  const ResultOrigin& origin;  // without the parts that differ by corpus
};

// How many published figures are not shown, and why; a line each.
std::vector<std::string> reference_notes(const SuiteContent& content);

// A self-contained page: for each corpus the main figures, and published ones below them, marked,
// with split and source. Throws Error kMissingInput where the style sheet is missing.
std::string suite_page(const SuiteContent& content);
// Every row and every published figure of the corpora; the first column tells ours from published.
std::string suite_csv(const SuiteContent& content);
// The main figures as a LaTeX tabular; needs no package. Published rows in italics with a footnote
// mark for each source.
std::string suite_latex(const SuiteContent& content);

}  // namespace biplane

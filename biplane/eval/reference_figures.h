#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace biplane {

// A figure that somebody published, as a CSV of the user's tells it; nothing is built in.
struct ReferenceFigure {
  std::string corpus, split;  // as published; figures of other splits do not compare
  std::string protocol;       // zero_shot, linear, finetune, ...
  std::string metric;         // auroc, ...
  std::string fraction;       // of the labels, percent; may be empty
  std::string method;
  double value = 0;  // share, 0 to 1
  std::string source;
  std::int64_t pool = 0;  // candidates of a retrieval; 0: not said
};

// Columns corpus, split, protocol, metric, fraction, method, value (percent), source, and pool
// where there is one. Throws Error as CsvReader; kBadContent naming file and row for a row that
// cannot be trusted, a value that is no number or one without a method or source.
std::vector<ReferenceFigure> read_reference_figures(const std::filesystem::path& file);

// Whether the figure is of this corpus: its name, or the name with more behind it in parentheses.
bool is_of_corpus(const ReferenceFigure& figure, const std::string& corpus);

}  // namespace biplane

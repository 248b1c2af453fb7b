#include "biplane/corpus/corpora/chexpert_labels.h"

#include "biplane/corpus/chexpert.h"
#include "biplane/corpus/corpora/fields.h"
#include "biplane/corpus/corpora/tables.h"

namespace biplane {

ChexpertLabelColumns::ChexpertLabelColumns(const CsvReader& csv, bool all) {
  for (const std::string label : kChexpertLabels) {
    std::optional<std::size_t> column = csv.find_column(label);
    if (!column && label == "Lung Opacity") column = csv.find_column("Airspace Opacity");
    if (!column && all) column = csv.column(label);
    if (column) columns_.emplace_back(label, *column);
  }
}

std::optional<std::map<std::string, int>> ChexpertLabelColumns::read(const CsvRow& row) const {
  std::map<std::string, int> labels;
  for (const auto& [label, column] : columns_) {
    const std::string text = field(row, column);
    if (text.empty()) continue;
    const std::optional<double> value = parse_number(text);
    if (value != 1 && value != 0 && value != -1) return std::nullopt;
    labels[label] = static_cast<int>(*value);
  }
  return labels;
}

}  // namespace biplane

#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "biplane/formats/csv.h"

namespace biplane {

// The columns of a table that has the 14 labels of CheXpert, each a column by its name. Tables of
// labelled test sets call Lung Opacity "Airspace Opacity" and may lack some.
class ChexpertLabelColumns {
 public:
  // `all`: throws Error kBadContent naming file and column where one is not there.
  ChexpertLabelColumns(const CsvReader& csv, bool all);

  bool empty() const { return columns_.empty(); }
  // Without those that are blank; nothing where a field is neither blank nor 1, 0 or -1.
  std::optional<std::map<std::string, int>> read(const CsvRow& row) const;

 private:
  std::vector<std::pair<std::string, std::size_t>> columns_;
};

}  // namespace biplane

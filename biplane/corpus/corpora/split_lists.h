#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "biplane/corpus/corpora/published_rules.h"

namespace biplane {

// The entries of lists as others ship them: text with a name (and perhaps labels) a line, or CSV
// with a column that names an image or a study. `arguments`: FILE, whose name says which split it
// is (train_1.txt, val_list.txt, test.csv), or SPLIT=FILE. Throws Error kMissingInput, kUsage for a
// file that does not say its split, kBadContent for a CSV without such a column.
std::vector<Placement> read_split_lists(const std::vector<std::string>& arguments);

// Studies by the names that a list may use: study, path of an image, end of a CheXpert path, file
// name, each with or without its ending. A name of two studies finds neither.
class StudyLookup {
 public:
  explicit StudyLookup(const std::vector<Study>& studies);
  const Study* find(const std::string& entry) const;  // null: none

 private:
  void add(const std::string& name, const Study& study);
  const Study* look_up(const std::string& name) const;

  std::unordered_map<std::string, const Study*> studies_;
};

}  // namespace biplane

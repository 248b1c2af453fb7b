#pragma once

#include <map>
#include <string>
#include <vector>

namespace biplane {

// What the labels of a corpus say about the 14 of CheXpert (docs/data.md has the table in words):
// present where a label that implies one is present; uncertain likewise; absent where a label with
// the same meaning is absent. Left out where the corpus says nothing. `corpus` as `prepare` names
// it; empty for one without such a table.
std::map<std::string, int> chexpert_of(const std::string& corpus,
                                       const std::map<std::string, int>& labels);

// Whether the labels of a corpus are the 14 of CheXpert themselves.
bool has_chexpert_labels(const std::string& corpus);

// The labels of a corpus in the table, in its order.
std::vector<std::string> known_labels(const std::string& corpus);

}  // namespace biplane

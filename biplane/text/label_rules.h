#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "biplane/text/label_phrases.h"

namespace biplane {

// A label file ready for use (docs/labels.md); for labeler.cpp and label_scopes.cpp.
struct LabelRules {
  // What an organ says when no word about it is in reach; nothing where `said` is false.
  struct Alone {
    bool said = false;
    int value = 0;
  };
  std::string name, language, into, sha256;
  std::int64_t version = 0;
  std::vector<std::string> labels;  // in file order
  std::vector<Alone> organ_alone;   // of each label
  // Labels that say the same more exactly: where one of them is stated or doubted in a sentence, no
  // mention of this label counts there.
  std::vector<std::vector<std::int32_t>> yields_to;  // of each label
  PhraseSet phrases;
  // Index of "No Finding", the last label: 1 where neither a label that is not exempt nor its own
  // phrases (findings without a label) are present or uncertain. -1: the file has none.
  std::int32_t nothing = -1;
  std::vector<char> exempt;  // of each label
};

// Throws Error kMissingInput, kUsage for an unknown key or a value of the wrong type, kBadContent
// for a missing, empty or repeated label or a phrase that cannot be; each names file, key and
// value.
LabelRules read_label_rules(const std::filesystem::path& file);
LabelRules parse_label_rules(const std::string& yaml, const std::string& source);

}  // namespace biplane

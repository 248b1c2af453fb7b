#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "biplane/corpus/study.h"

namespace biplane {

// What MIMIC-CXR-JPG, its reports and the corpora made of it have in common.

struct StudyNames {
  std::string study, patient;  // "s50414267", "p10000032"
};

// From the folders of a path (".../p10000032/s50414267/..."); nothing where it has none.
std::optional<StudyNames> mimic_names(const std::string& path);

// The newest mimic-cxr-VERSION-KIND.csv or .csv.gz in a folder.
std::optional<std::filesystem::path> find_mimic_table(const std::filesystem::path& folder,
                                                      const std::string& kind);

// PA and AP are frontals, LATERAL, LL and RL laterals; nothing else is either.
ViewPosition mimic_view(const std::string& view_position);

}  // namespace biplane

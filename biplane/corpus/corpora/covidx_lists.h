#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace biplane {

// "train.txt", else the one list of the name that COVID-Net gives it ("train_COVIDx9A.txt").
// `name`: train, val or test. Throws Error kUsage where there are several.
std::optional<std::filesystem::path> find_covidx_list(const std::filesystem::path& root,
                                                      const std::string& name);

// A line "patient file class source"; files may have blanks in their names, so it is read from both
// ends.
struct CovidxLine {
  std::string patient, file, label;
};
std::optional<CovidxLine> parse_covidx_line(const std::string& text);

}  // namespace biplane

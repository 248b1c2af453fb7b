#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace biplane {

// Files with a JSON object a line: results, what a run keeps of its test studies.

// One line; what is no UTF-8 is replaced.
std::string json_line(const nlohmann::ordered_json& json);

// Appends the lines that a file of JSON lines does not have yet: the same measured again is one
// line. A last line that lacks its end stays where it is whole, and goes where it is not: what was
// killed while it wrote left it.
void append_missing_lines(const std::filesystem::path& file, const std::vector<std::string>& lines);

// Calls `add` with every line and its number from 1. Throws Error kMissingInput, kIo, and
// kBadContent naming file and line for what is no JSON, for whatever `add` throws, and for an empty
// file.
void read_json_lines(
    const std::filesystem::path& file,
    const std::function<void(const nlohmann::ordered_json& json, std::int64_t number)>& add);

}  // namespace biplane

#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

namespace biplane {

// What a run keeps of its test studies: a file with a JSON object a line.

// One line; what is no UTF-8 is replaced.
std::string json_line(const nlohmann::ordered_json& json);

// Calls `add` with every line and its number from 1. Throws Error kMissingInput, kIo, and
// kBadContent naming file and line for what is no JSON, for whatever `add` throws, and for an empty
// file.
void read_json_lines(
    const std::filesystem::path& file,
    const std::function<void(const nlohmann::ordered_json& json, std::int64_t number)>& add);

}  // namespace biplane

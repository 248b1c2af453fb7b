#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace biplane {

// SHA-256 as 64 lower-case hexadecimal digits.
std::string sha256_hex(std::string_view data);

// SHA-256 of a file's content, read in pieces. Throws Error (kMissingInput, kIo).
std::string sha256_file(const std::filesystem::path& path);

}  // namespace biplane

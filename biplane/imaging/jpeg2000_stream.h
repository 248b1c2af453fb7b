#pragma once

// What jpeg2000.cpp and jpeg2000_scan.cpp share.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace biplane {

[[noreturn]] void refuse_jpeg2000(const std::string& name, const std::string& what);
std::uint32_t big_endian(std::span<const std::byte> bytes, std::size_t at, std::size_t size);
// The stream itself, or the one inside a JP2 file.
std::span<const std::byte> codestream_of(std::span<const std::byte> stream);

}  // namespace biplane

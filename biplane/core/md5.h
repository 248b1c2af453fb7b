#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace biplane {

// MD5 as 32 lower-case hexadecimal digits; empty where the system forbids MD5. Reference values of
// image decoding are given in it; it protects nothing.
std::string md5_hex(std::span<const std::byte> data);

}  // namespace biplane

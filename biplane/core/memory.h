#pragma once

#include <cstdint>

namespace biplane {

// The most memory that this process has had resident so far, in bytes.
std::int64_t peak_memory_bytes();

}  // namespace biplane

#pragma once

#include <cstdint>
#include <string>

namespace biplane {

// One of several equal parts of a work that several machines do.
struct Shard {
  std::int64_t index = 0, count = 1;

  bool is_whole() const { return count == 1; }
  bool takes(std::int64_t i) const { return i % count == index; }
  std::string name() const { return std::to_string(index) + "-of-" + std::to_string(count); }

  // "0/4" to "3/4", as --shard takes it. Throws Error kUsage.
  static Shard parse(const std::string& text);
};

}  // namespace biplane

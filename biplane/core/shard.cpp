#include "biplane/core/shard.h"

#include <charconv>

#include "biplane/core/error.h"

namespace biplane {

Shard Shard::parse(const std::string& text) {
  constexpr std::int64_t kMost = 100000;
  Shard shard;
  const char* end = text.data() + text.size();
  const auto [slash, first] = std::from_chars(text.data(), end, shard.index);
  if (first == std::errc() && slash != end && *slash == '/') {
    const auto [rest, second] = std::from_chars(slash + 1, end, shard.count);
    if (second == std::errc() && rest == end && shard.count >= 1 && shard.count <= kMost &&
        shard.index >= 0 && shard.index < shard.count)
      return shard;
  }
  throw Error(ErrorKind::kUsage,
              "--shard: '" + text + "' is not PART/PARTS, for example 0/4, 1/4, 2/4 and 3/4");
}

}  // namespace biplane

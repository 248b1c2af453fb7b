#include "biplane/corpus/copies.h"

#include <algorithm>
#include <array>
#include <compare>
#include <map>
#include <numeric>
#include <utility>

#include "biplane/core/parallel.h"
#include "biplane/core/random.h"

namespace biplane {
namespace {

constexpr int kKeys = 16, kBits = 32;

// Which images are known to belong together: a forest whose roots are the lowest of their group.
class Groups {
 public:
  explicit Groups(std::size_t count) : parent_(count) {
    std::iota(parent_.begin(), parent_.end(), std::size_t{0});
  }
  std::size_t root(std::size_t image) {
    while (parent_[image] != image) image = parent_[image] = parent_[parent_[image]];
    return image;
  }
  void join(std::size_t a, std::size_t b) {
    const std::size_t first = root(a), second = root(b);
    parent_[std::max(first, second)] = std::min(first, second);
  }

 private:
  std::vector<std::size_t> parent_;
};

// Directions of +1 and -1: bit i of word w is the sign of value 64 w + i of the fingerprint.
using Direction = std::array<std::uint64_t, (Fingerprint::kSize + 63) / 64>;

std::vector<Direction> directions_of_key(int key) {
  std::vector<Direction> directions(kBits);
  for (std::size_t bit = 0; bit < directions.size(); ++bit) {
    CounterRandom random(0, "copies", {static_cast<std::uint64_t>(key), bit});
    for (std::uint64_t& word : directions[bit]) word = random.next_u64();
  }
  return directions;
}

std::uint32_t key_of(const Fingerprint& print, const std::vector<Direction>& directions) {
  std::uint32_t key = 0;
  for (const Direction& direction : directions) {
    std::int32_t sum = 0;
    for (std::size_t i = 0; i < print.values.size(); ++i) {
      const bool minus = (direction[i / 64] >> (i % 64) & 1U) != 0;
      sum += minus ? -print.values[i] : print.values[i];
    }
    key = key << 1U | (sum < 0 ? 1U : 0U);
  }
  return key;
}

struct Keyed {
  std::uint32_t key = 0, image = 0;
  auto operator<=>(const Keyed&) const = default;
};

class CopySearch {
 public:
  explicit CopySearch(const std::vector<std::optional<Fingerprint>>& prints)
      : prints_(prints), groups_(prints.size()) {
    for (std::size_t i = 0; i < prints.size(); ++i)
      if (prints[i]) keyed_.push_back({0, static_cast<std::uint32_t>(i)});
  }

  void search(int key, int threads) {
    const std::vector<Direction> directions = directions_of_key(key);
    parallel_for(static_cast<std::int64_t>(keyed_.size()), threads, [&](std::int64_t i) {
      Keyed& entry = keyed_[static_cast<std::size_t>(i)];
      entry.key = key_of(*prints_[entry.image], directions);
    });
    std::sort(keyed_.begin(), keyed_.end());
    const auto other_key = [](const Keyed& a, const Keyed& b) { return a.key != b.key; };
    for (auto begin = keyed_.begin(); begin != keyed_.end();) {
      auto end = std::adjacent_find(begin, keyed_.end(), other_key);
      if (end != keyed_.end()) ++end;
      compare(begin, end);
      begin = end;
    }
  }

  std::vector<std::vector<std::int64_t>> groups() {
    std::map<std::size_t, std::vector<std::int64_t>> by_root;
    for (std::size_t i = 0; i < prints_.size(); ++i) {
      const std::size_t root = groups_.root(i);
      if (root == i) continue;
      std::vector<std::int64_t>& images = by_root[root];
      if (images.empty()) images.push_back(static_cast<std::int64_t>(root));
      images.push_back(static_cast<std::int64_t>(i));
    }
    std::vector<std::vector<std::int64_t>> groups;
    for (auto& [root, images] : by_root) groups.push_back(std::move(images));
    return groups;
  }

 private:
  // Each image of a key is compared with one of every group found so far, so that a thousand
  // copies of one image cost a thousand comparisons.
  template <class Iterator>
  void compare(Iterator begin, Iterator end) {
    std::vector<std::size_t> leaders;
    for (; begin != end; ++begin) {
      const std::size_t image = begin->image;
      const auto same = [&](std::size_t leader) {
        return groups_.root(leader) == groups_.root(image) ||
               resemblance(*prints_[leader], *prints_[image]) >= kCopyResemblance;
      };
      const auto leader = std::find_if(leaders.begin(), leaders.end(), same);
      if (leader == leaders.end()) {
        leaders.push_back(image);
      } else {
        groups_.join(*leader, image);
      }
    }
  }

  const std::vector<std::optional<Fingerprint>>& prints_;
  Groups groups_;
  std::vector<Keyed> keyed_;
};

}  // namespace

std::vector<std::vector<std::int64_t>> copy_groups(
    const std::vector<std::optional<Fingerprint>>& prints, int threads) {
  CopySearch search(prints);
  for (int key = 0; key < kKeys; ++key) search.search(key, threads);
  return search.groups();
}

}  // namespace biplane

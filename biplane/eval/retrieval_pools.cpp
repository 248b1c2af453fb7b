#include "biplane/eval/retrieval_pools.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "biplane/core/random.h"

namespace biplane {
namespace {

constexpr std::int64_t kSmallestPool = 2;
constexpr std::uint64_t kPoolSeed = 0;  // pools are part of the protocol, not of a run

bool equally_hard(const ReportKind& shorter, const ReportKind& longer) {
  return shorter.findings == longer.findings && 10 * longer.words <= 11 * shorter.words;
}

// Cuts pools off an order in which equally hard studies stand together. A study that begins no pool
// is passed over, which leaves the most pools.
RetrievalPools cut_pools(std::span<const ReportKind> studies,
                         const std::vector<std::int64_t>& order, std::int64_t size) {
  RetrievalPools pools;
  pools.size = size;
  const auto kind = [&](std::int64_t i) -> const ReportKind& {
    return studies[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])];
  };
  for (std::int64_t first = 0; first + size <= std::ssize(order);) {
    if (!equally_hard(kind(first), kind(first + size - 1))) {
      ++first;
      continue;
    }
    pools.places.insert(pools.places.end(), order.begin() + first, order.begin() + first + size);
    first += size;
  }
  pools.left_out = std::ssize(studies) - std::ssize(pools.places);
  return pools;
}

}  // namespace

std::int64_t RetrievalPools::count() const { return size == 0 ? 0 : std::ssize(places) / size; }

std::span<const std::int64_t> RetrievalPools::pool(std::int64_t index) const {
  return std::span(places).subspan(static_cast<std::size_t>(index * size),
                                   static_cast<std::size_t>(size));
}

RetrievalPools draw_pools(std::int64_t studies, std::int64_t wanted) {
  RetrievalPools pools;
  pools.size = std::min(studies, wanted);
  if (pools.size < kSmallestPool) return {};
  pools.places = CounterRandom(kPoolSeed, "retrieval pools").permutation(studies);
  pools.left_out = studies % pools.size;
  pools.places.resize(static_cast<std::size_t>(studies - pools.left_out));
  return pools;
}

RetrievalPools draw_hard_pools(std::span<const ReportKind> studies, std::int64_t wanted) {
  std::vector<std::int64_t> order =
      CounterRandom(kPoolSeed, "hard retrieval pools").permutation(std::ssize(studies));
  const auto kind = [&](std::int64_t place) -> const ReportKind& {
    return studies[static_cast<std::size_t>(place)];
  };
  std::erase_if(order, [&](std::int64_t place) { return !kind(place).findings; });
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    return std::tie(kind(a).findings, kind(a).words) < std::tie(kind(b).findings, kind(b).words);
  });
  RetrievalPools best;
  for (const std::int64_t size : {kHardPool, kSmallHardPool}) {
    RetrievalPools pools = cut_pools(studies, order, std::min(size, wanted));
    if (pools.places.size() > best.places.size()) best = std::move(pools);
    if (2 * best.places.size() >= order.size()) break;
  }
  return best;
}

}  // namespace biplane

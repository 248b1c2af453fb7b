#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace biplane {

// Disjoint pools of studies, each as large as the others.
struct RetrievalPools {
  std::vector<std::int64_t> places;  // of the studies, pool after pool
  std::int64_t size = 0;             // studies of a pool; 0: there is none
  std::int64_t left_out = 0;         // studies that fill no pool

  std::int64_t count() const;
  // The places of one pool, 0 .. count() - 1.
  std::span<const std::int64_t> pool(std::int64_t index) const;
};

// Pools of studies 0 .. studies-1 that are drawn by chance, the same of every model: of `wanted`
// studies, or a smaller one where there are fewer. None of fewer than two.
RetrievalPools draw_pools(std::int64_t studies, std::int64_t wanted);

// What makes two reports hard to tell apart.
struct ReportKind {
  std::optional<std::int64_t> findings;  // number of them; nothing where they are not known
  std::int64_t words = 0;                // of the report
};

// Sizes that hard pools may have, where the wanted one is not smaller.
inline constexpr std::int64_t kHardPool = 50, kSmallHardPool = 20;

// Pools of studies that have the same number of findings and reports of a length within 10 %: the
// longest has at most 1.1 times the words of the shortest. A pool has kHardPool studies where at
// least half of those with known findings fill pools of so many, else kHardPool or kSmallHardPool,
// whichever more of them fill; `wanted` where that is smaller. Equals stand by chance, the same of
// every model. None where no pool is filled.
RetrievalPools draw_hard_pools(std::span<const ReportKind> studies, std::int64_t wanted);

}  // namespace biplane

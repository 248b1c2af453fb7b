#include "biplane/core/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <vector>

namespace biplane {
namespace {

TEST(ParallelFor, CallsEveryIndexOnceOnAnyNumberOfThreads) {
  for (const int threads : {0, 1, 2, 9}) {
    std::vector<std::atomic<int>> calls(100);
    parallel_for(100, threads, [&](std::int64_t i) { ++calls[static_cast<std::size_t>(i)]; });
    for (const auto& count : calls) EXPECT_EQ(count, 1);
  }
  parallel_for(0, 4, [](std::int64_t) { FAIL(); });
}

TEST(ParallelFor, ThrowsTheFirstFailureAgain) {
  for (const int threads : {1, 4}) {
    try {
      parallel_for(1000, threads, [](std::int64_t i) {
        if (i == 10) throw std::runtime_error("at " + std::to_string(i));
      });
      FAIL() << "no exception";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "at 10");
    }
  }
}

TEST(ResolveThreads, ZeroIsOneACore) {
  EXPECT_EQ(resolve_threads(3), 3);
  EXPECT_GE(resolve_threads(0), 1);
}

}  // namespace
}  // namespace biplane

#include "biplane/train/thread_collective.h"

#include <gtest/gtest.h>

#include <string>

#include "biplane/core/error.h"
#include "tests/nn/tensor_checks.h"

namespace biplane {
namespace {

using testing::expect_near;
using testing::noise;

TEST(ThreadCollective, GatherPutsTheRanksInOrderAlsoUnequalAndEmptyOnes) {
  ThreadGroup group(3);
  std::vector<torch::Tensor> seen(3);
  group.run([&](const Collective& collective) {
    const std::int64_t rows = collective.rank == 1 ? 0 : collective.rank + 1;
    seen[static_cast<std::size_t>(collective.rank)] =
        collective.gather(torch::full({rows, 2}, static_cast<double>(collective.rank)));
  });
  const torch::Tensor expected =
      torch::tensor({{0.0, 0.0}, {2.0, 2.0}, {2.0, 2.0}, {2.0, 2.0}}, torch::kFloat32);
  for (const torch::Tensor& all : seen) EXPECT_TRUE(all.equal(expected));
}

TEST(ThreadCollective, GradientOfAGatherIsTheSumOverTheRanksForOnesOwnRows) {
  const torch::Tensor whole = noise({5, 3}, 1), weights = noise({2, 5, 3}, 2);
  torch::Tensor one = whole.clone().requires_grad_(true);
  ((one * one * weights[0]).sum() + (one * one * weights[1]).sum()).backward();
  ThreadGroup group(2);
  std::vector<torch::Tensor> gradients(2);
  group.run([&](const Collective& collective) {
    const std::int64_t begin = collective.rank == 0 ? 0 : 2, end = collective.rank == 0 ? 2 : 5;
    torch::Tensor mine = whole.slice(0, begin, end).clone().requires_grad_(true);
    const torch::Tensor all = collective.gather(mine);
    (all * all * weights[collective.rank]).sum().backward();
    gradients[static_cast<std::size_t>(collective.rank)] = mine.grad();
  });
  expect_near(torch::cat(gradients), one.grad(), 1e-12, "gradient");
}

TEST(ThreadCollective, SumsAreTheSameOnEveryRankAndFromRunToRun) {
  ThreadGroup group(4);
  std::vector<torch::Tensor> first(4), second(4);
  for (auto* seen : {&first, &second}) {
    group.run([&](const Collective& collective) {
      const torch::Tensor mine =
          noise({100}, 10 + static_cast<std::uint64_t>(collective.rank), torch::kFloat32);
      (*seen)[static_cast<std::size_t>(collective.rank)] = collective.sum(mine);
    });
  }
  for (std::size_t rank = 0; rank < 4; ++rank) {
    EXPECT_TRUE(first[rank].equal(first[0]));
    EXPECT_TRUE(second[rank].equal(first[0]));
  }
}

TEST(ThreadCollective, AnExceptionOfOneRankFreesTheOthersAndArrives) {
  ThreadGroup group(3);
  const auto failing = [](const Collective& collective) {
    if (collective.rank == 1) throw Error(ErrorKind::kBadContent, "rank one is ill");
    for (int i = 0; i < 3; ++i) collective.sum(torch::ones({1}));
  };
  for (int attempt = 0; attempt < 20; ++attempt) {
    try {
      group.run(failing);
      FAIL() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()), "rank one is ill");
      EXPECT_EQ(error.kind(), ErrorKind::kBadContent);
    }
  }
  std::vector<double> sums(3);
  group.run([&](const Collective& collective) {  // the group is still of use
    sums[static_cast<std::size_t>(collective.rank)] =
        collective.sum(torch::ones({1})).item<double>();
  });
  EXPECT_EQ(sums, (std::vector<double>{3, 3, 3}));
}

TEST(ThreadCollective, AnExceptionInABackwardPassArrives) {
  ThreadGroup group(2);
  const auto failing = [](const Collective& collective) {
    torch::Tensor x = torch::ones({2}).requires_grad_(true);
    torch::Tensor all = collective.gather(x);
    if (collective.rank == 0) throw Error(ErrorKind::kFailure, "left before backward");
    all.sum().backward();
  };
  EXPECT_THROW(
      {
        try {
          group.run(failing);
        } catch (const Error& error) {
          EXPECT_EQ(std::string(error.what()), "left before backward");
          throw;
        }
      },
      Error);
}

TEST(ThreadCollective, DifferentExchangesAreAnErrorAndNoDeadlock) {
  ThreadGroup group(2);
  EXPECT_THROW(group.run([](const Collective& collective) {
    collective.rank == 0 ? collective.sum(torch::ones({1})) : collective.gather(torch::ones({1}));
  }),
               Error);
  EXPECT_THROW(group.run([](const Collective& collective) {
    if (collective.rank == 0) collective.sum(torch::ones({1}));
  }),
               Error);
}

TEST(ThreadCollective, RanksTakeOverTheCallersGradientMode) {
  ThreadGroup group(2);
  std::vector<int> enabled(2);
  const auto note = [&](const Collective& collective) {
    enabled[static_cast<std::size_t>(collective.rank)] = torch::GradMode::is_enabled() ? 1 : 0;
  };
  group.run(note);
  EXPECT_EQ(enabled, (std::vector<int>{1, 1}));
  const torch::NoGradGuard no_grad;
  group.run(note);
  EXPECT_EQ(enabled, (std::vector<int>{0, 0}));
}

}  // namespace
}  // namespace biplane

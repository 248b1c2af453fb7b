#include "biplane/data/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "biplane/core/error.h"

namespace biplane {
namespace {

SamplerOptions options(std::int64_t studies, std::int64_t batch, bool training = true) {
  SamplerOptions options;
  options.studies = studies;
  options.batch = batch;
  options.seed = 7;
  options.training = training;
  return options;
}

TEST(BatchSampler, OrderIsAPureFunctionOfSeedAndEpoch) {
  BatchSampler sampler(options(50, 8)), again(options(50, 8));
  EXPECT_EQ(sampler.batches_per_epoch(), 6);
  const auto order = sampler.order(3);
  EXPECT_EQ(order, again.order(3));
  EXPECT_NE(order, sampler.order(4));
  EXPECT_TRUE(std::is_permutation(order.begin(), order.end(), sampler.order(0).begin()));
  SamplerOptions other = options(50, 8);
  other.seed = 8;
  EXPECT_NE(order, BatchSampler(other).order(3));
}

TEST(BatchSampler, AnyStepCanBeReachedDirectly) {
  BatchSampler forward(options(50, 8));
  for (std::int64_t step = 0; step < 20; ++step) {
    const BatchPlan plan = forward.plan(step);
    BatchSampler fresh(options(50, 8));
    const BatchPlan direct = fresh.plan(step);
    EXPECT_EQ(plan.studies, direct.studies);
    EXPECT_EQ(plan.reserves, direct.reserves);
    EXPECT_EQ(plan.epoch, step / 6);
    const auto order = forward.order(step / 6);
    EXPECT_TRUE(std::equal(plan.studies.begin(), plan.studies.end(), order.begin() + step % 6 * 8));
  }
}

TEST(BatchSampler, ReservesAreNeverInTheBatch) {
  BatchSampler sampler(options(20, 8));
  for (std::int64_t step = 0; step < 6; ++step) {
    const BatchPlan plan = sampler.plan(step);
    std::set<std::int64_t> all(plan.studies.begin(), plan.studies.end());
    all.insert(plan.reserves.begin(), plan.reserves.end());
    EXPECT_EQ(plan.studies.size(), 8u);
    EXPECT_EQ(plan.reserves.size(), 12u);
    EXPECT_EQ(all.size(), 20u);
  }
}

TEST(BatchSampler, RanksPartTheGlobalBatch) {
  BatchSampler whole(options(40, 8));
  std::vector<std::int64_t> joined;
  std::set<std::int64_t> reserves;
  std::size_t reserve_count = 0;
  for (std::int64_t rank = 0; rank < 2; ++rank) {
    SamplerOptions part = options(40, 4);
    part.rank = rank;
    part.world = 2;
    BatchSampler sampler(part);
    EXPECT_EQ(sampler.batches_per_epoch(), whole.batches_per_epoch());
    const BatchPlan plan = sampler.plan(7);
    joined.insert(joined.end(), plan.studies.begin(), plan.studies.end());
    reserves.insert(plan.reserves.begin(), plan.reserves.end());
    reserve_count += plan.reserves.size();
  }
  EXPECT_EQ(joined, whole.plan(7).studies);
  EXPECT_EQ(reserves.size(), reserve_count);  // no study is a reserve of both
}

TEST(BatchSampler, EvaluationSeesEveryStudyOnceInOrder) {
  BatchSampler sampler(options(10, 4, false));
  EXPECT_EQ(sampler.batches_per_epoch(), 3);
  EXPECT_EQ(sampler.plan(0).studies, (std::vector<std::int64_t>{0, 1, 2, 3}));
  EXPECT_EQ(sampler.plan(2).studies, (std::vector<std::int64_t>{8, 9}));
}

TEST(BatchSampler, RefusesABatchThatCanNeverBeFilled) {
  EXPECT_THROW(BatchSampler(options(7, 8)), Error);
  EXPECT_THROW(BatchSampler(options(7, 0)), Error);
  EXPECT_NO_THROW(BatchSampler(options(7, 8, false)));
}

}  // namespace
}  // namespace biplane

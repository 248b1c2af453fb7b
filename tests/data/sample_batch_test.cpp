// What the loader's workers do before tensors are made; under the sanitizers too.
#include "biplane/data/sample_batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "biplane/data/ordered_queue.h"
#include "tests/data/small_dataset.h"

namespace biplane {
namespace {

using testing::SmallData;

BatchSampler sampler(const StudyDataset& dataset, std::int64_t batch) {
  return BatchSampler({.studies = dataset.size(), .batch = batch, .seed = 11});
}

std::vector<SampleBatch> read_all(const StudyDataset& dataset, int workers, std::int64_t count) {
  BatchSampler order = sampler(dataset, 4);
  std::int64_t step = 0;
  OrderedQueue<BatchPlan, SampleBatch> queue(
      [&]() -> std::optional<BatchPlan> {
        return step < count ? std::optional(order.plan(step++)) : std::nullopt;
      },
      [&](const BatchPlan& plan) { return read_batch(dataset, plan, /*training=*/true); }, workers,
      3);
  std::vector<SampleBatch> batches;
  while (auto batch = queue.next()) batches.push_back(std::move(*batch));
  return batches;
}

TEST(SampleBatch, IsTheSameOnAnyNumberOfWorkersAlsoWithABrokenStudy) {
  const SmallData data(20);
  write_file_atomically(data.root() / "images/f7.png", "broken");
  const auto alone = data.dataset(true);
  const std::vector<SampleBatch> expected = read_all(*alone, 0, 12);
  ASSERT_EQ(expected.size(), 12u);
  for (const int workers : {1, 4}) {
    const auto dataset = data.dataset(true);
    const std::vector<SampleBatch> batches = read_all(*dataset, workers, 12);
    std::int64_t replaced = 0;
    for (std::size_t i = 0; i < batches.size(); ++i) {
      EXPECT_EQ(batches[i].step, static_cast<std::int64_t>(i));
      EXPECT_EQ(batches[i].places, expected[i].places);
      ASSERT_EQ(batches[i].samples.size(), 4u);
      for (std::size_t row = 0; row < 4; ++row) {
        EXPECT_EQ(batches[i].samples[row].frontal.pixels, expected[i].samples[row].frontal.pixels);
        EXPECT_EQ(batches[i].samples[row].masked.masked_ids,
                  expected[i].samples[row].masked.masked_ids);
      }
      for (const BrokenStudy& study : batches[i].broken) {
        EXPECT_EQ(study.study_id, "s107");
        EXPECT_FALSE(study.replaced_by.empty());
        ++replaced;
      }
    }
    EXPECT_GE(replaced, 2);  // 12 batches of 4 from 20 studies: two whole epochs and a part
  }
}

TEST(SampleBatch, LeavesBrokenStudiesOutOfAnEvaluation) {
  const SmallData data(4);
  for (const char* name : {"images/f2.png", "images/g2.png"})
    write_file_atomically(data.root() / name, "broken");
  const auto dataset = data.dataset(false);
  BatchPlan plan;
  plan.studies = {0, 1, 2, 3};
  const SampleBatch batch = read_batch(*dataset, plan, /*training=*/false);
  EXPECT_THAT(batch.places, ::testing::ElementsAre(0, 1, 3));
  ASSERT_EQ(batch.broken.size(), 1u);
  EXPECT_TRUE(batch.broken[0].replaced_by.empty());
}

}  // namespace
}  // namespace biplane

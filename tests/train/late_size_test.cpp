#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored \
    "-Wstringop-overflow"  // false alarm on operator+ of strings (bug 105651)
#endif

#include "biplane/train/late_size.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "biplane/core/error.h"
#include "biplane/train/loader_source.h"
#include "tests/data/small_dataset.h"

namespace biplane {
namespace {

using ::testing::HasSubstr;
using testing::SmallData;

// 224 px to 384 px, the last fifth.
PretrainConfig published_sizes() {
  PretrainConfig config;
  config.train.late_size = 384;
  return config;
}

std::string refusal(const PretrainConfig& config) {
  try {
    check_late_size(config);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    return error.what();
  }
  return "";
}

TEST(LateSize, TheLastPartOfTheStepsIsLargerAndTheResizeTargetGrowsWithTheCrop) {
  const PretrainConfig config = published_sizes();
  EXPECT_EQ(late_start(config.train, 1000), 800);
  EXPECT_EQ(late_start(config.train, 15), 12);  // 0.2 * 15 is above 3 in binary
  EXPECT_EQ(late_start(config.train, 4), 3);    // never without effect
  EXPECT_EQ(late_image(config).crop, 384);
  EXPECT_EQ(late_image(config).size, 439);  // 256 * 384 / 224 = 438.9
  EXPECT_EQ(image_of_step(config, 1000, 799).crop, 224);
  EXPECT_EQ(image_of_step(config, 1000, 800).crop, 384);
}

TEST(LateSize, OffMeansTheSameSizeToTheEnd) {
  const PretrainConfig config;
  EXPECT_EQ(late_start(config.train, 1000), 1000);
  EXPECT_EQ(image_of_step(config, 1000, 999).size, 256);
}

TEST(LateSize, SizesThatCannotBeAreNamed) {
  PretrainConfig config = published_sizes();
  EXPECT_EQ(refusal(config), "");
  config.train.late_size = 224;
  EXPECT_THAT(refusal(config), HasSubstr("train.late_size = 224: more than data.image.crop = 224"));
  config.train.late_size = 380;
  EXPECT_THAT(refusal(config), HasSubstr("train.late_size = 380: model.frontal.vit.patch"));
  config.train.late_size = 4080;
  EXPECT_THAT(refusal(config), HasSubstr("train.late_size = 4080: data.image.size: 4663"));
}

class LateSource : public ::testing::Test {
 protected:
  // 6 steps of 4 studies, the last 2 at 24 px instead of 16.
  LateSource() {
    config_.data.image = data_.options(true).image;
    config_.data.prefetch = 3;
    config_.train.steps = 6;
    config_.train.batch = 4;
    config_.train.late_size = 24;
    config_.train.late_fraction = 0.3;
  }
  LoaderSource source(std::int64_t workers) {
    config_.data.workers = workers;
    return {data_.dataset(true), config_, [](const std::string&) {}};
  }

  SmallData data_{12};
  PretrainConfig config_;
};

TEST_F(LateSource, ABatchDependsOnItsNumberAlone) {
  LoaderSource whole = source(0);
  std::vector<StudyBatch> batches;
  for (std::int64_t index = 0; index < whole.steps(); ++index) {
    batches.push_back(whole.batch(index));
    EXPECT_EQ(batches.back().frontal.size(2), index < 4 ? 16 : 24) << index;
  }
  for (const std::int64_t first : {0, 2, 3, 4, 5}) {
    LoaderSource resumed = source(first % 3);
    for (std::int64_t index = first; index < 6; ++index) {
      const StudyBatch batch = resumed.batch(index);
      const StudyBatch& expected = batches[static_cast<std::size_t>(index)];
      EXPECT_EQ(batch.study_ids, expected.study_ids);
      EXPECT_TRUE(torch::equal(batch.frontal, expected.frontal)) << first << " " << index;
      EXPECT_TRUE(torch::equal(batch.lateral, expected.lateral));
      EXPECT_TRUE(torch::equal(batch.masked_ids, expected.masked_ids));
    }
  }
}

TEST_F(LateSource, TheLargerImageShowsTheSameStudyAndMasks) {
  LoaderSource late = source(0);
  config_.train.late_size = 0;
  LoaderSource small = source(0);
  const StudyBatch a = late.batch(4), b = small.batch(4);
  EXPECT_EQ(a.study_ids, b.study_ids);
  EXPECT_TRUE(torch::equal(a.masked_ids, b.masked_ids));
  EXPECT_EQ(a.frontal.size(2), 24);
  EXPECT_EQ(b.frontal.size(2), 16);
}

}  // namespace
}  // namespace biplane

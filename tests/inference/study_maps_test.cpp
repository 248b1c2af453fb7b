// Maps that are kept of a tower against those that it computes anew.
#include "biplane/inference/study_maps.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "biplane/core/files.h"
#include "biplane/model/image_tower.h"
#include "tests/eval/small_evaluation.h"

namespace biplane {
namespace {

using testing::kSide;
using testing::SmallEvaluation;

// The maps of every study, row by row, and in which batch it came.
std::map<std::int64_t, std::pair<std::int64_t, torch::Tensor>> rows_of(const MapSource& source) {
  std::vector<std::pair<std::int64_t, MapBatch>> batches(static_cast<std::size_t>(source.batches));
  source.each([&](std::int64_t number, const MapBatch& batch) {
    batches[static_cast<std::size_t>(number)] = {number, batch};
  });
  std::map<std::int64_t, std::pair<std::int64_t, torch::Tensor>> rows;
  for (const auto& [number, batch] : batches) {
    for (std::size_t i = 0; i < batch.studies.size(); ++i)
      rows[batch.studies[i]] = {number, batch.maps.front()[static_cast<std::int64_t>(i)]};
  }
  return rows;
}

class StudyMaps : public ::testing::Test {
 protected:
  std::unique_ptr<StudyDataset> dataset() const {
    return engine_.read_studies(manifest_, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  }
  MapView view() const { return {engine_.model(), /*lateral=*/false, {1}, /*one_by_one=*/true}; }

  SmallEvaluation small_{10};
  Engine engine_ = Engine::open(small_.model_path());
  Manifest manifest_ = Manifest::read(small_.manifest_path());
};

TEST_F(StudyMaps, KeptOnesAreTheComputedOnesInTheSameBatches) {
  const auto read = dataset();
  const KeptMaps kept = keep_maps(view(), *read, 2);
  for (const std::int64_t batch : {1, 3, 16}) {
    const StudyBatchOptions options{.batch = batch, .threads = 2};
    const auto there = rows_of(computed_maps(view(), *read, options)),
               here = rows_of(kept_maps(kept, options));
    ASSERT_EQ(there.size(), 10U);
    for (const auto& [study, row] : there) {
      EXPECT_EQ(here.at(study).first, row.first);
      EXPECT_TRUE(here.at(study).second.equal(row.second)) << study << " in batches of " << batch;
    }
  }
  EXPECT_FALSE(kept.maps[0][0].equal(kept.maps[1][0])) << "or this test sees nothing";
}

TEST_F(StudyMaps, ABrokenStudyIsLeftOutOfBoth) {
  write_file_atomically(small_.root() / small_.studies()[4].views[0].path, "no image");
  const auto read = dataset();
  const KeptMaps kept = keep_maps(view(), *read, 2);
  ASSERT_EQ(kept.broken.size(), 1U);
  EXPECT_EQ(kept.broken[0].study_id, "s104");
  const StudyBatchOptions options{.batch = 3, .threads = 1};
  const auto there = rows_of(computed_maps(view(), *read, options)),
             here = rows_of(kept_maps(kept, options));
  ASSERT_EQ(there.size(), 9U);
  for (const auto& [study, row] : there) EXPECT_TRUE(here.at(study).second.equal(row.second));
}

TEST_F(StudyMaps, TheirBytesAreKnownBefore) {
  const auto read = dataset();
  const KeptMaps kept = keep_maps(view(), *read, 1);
  EXPECT_EQ(map_bytes(engine_.description().config.frontal, {1}, kSide),
            kept.maps[0][0].numel() * 4);
  TowerConfig swin;
  swin.kind = "swin";
  swin.swin.width = 8;
  swin.swin.heads = {1, 2, 4, 8};
  const ImageTower tower(swin, 96);
  std::int64_t bytes = 0;
  for (const torch::Tensor& map : tower.maps(torch::zeros({1, 3, 96, 96}), {1, 2, 3, 4}))
    bytes += map.numel() * 4;
  EXPECT_EQ(map_bytes(swin, {1, 2, 3, 4}, 96), bytes);
}

}  // namespace
}  // namespace biplane

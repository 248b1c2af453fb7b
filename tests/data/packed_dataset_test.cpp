#include <gmock/gmock.h>

#include "biplane/core/error.h"
#include "biplane/corpus/decoded_images.h"
#include "biplane/corpus/pack.h"
#include "biplane/data/sample_batch.h"
#include "tests/data/small_dataset.h"

namespace biplane {
namespace {

using testing::SmallData;
using testing::TemporaryFolder;

constexpr int kStudies = 22;

// A small corpus as loose files and as a pack.
class PackedDataset : public ::testing::Test {
 protected:
  std::unique_ptr<StudyDataset> loose(const DatasetOptions& options) const {
    return data_.dataset(options);
  }

  std::unique_ptr<StudyDataset> packed(const DatasetOptions& options, bool original) const {
    ManifestWriter writer(data_.root() / "manifest.jsonl");
    for (const Study& study : data_.manifest()->read_all()) writer.write(study);
    writer.finish();
    const Manifest all = Manifest::read(data_.root());
    PackOptions pack_options;
    pack_options.out = out();
    pack_options.form.original = original;
    pack_options.form.image = options.image;
    pack_options.form.shard_studies = 4;
    pack(all, plan_shards(all, pack_options.form), pack_options);
    merge_pack(out(), 0);
    return dataset(options);
  }
  std::unique_ptr<StudyDataset> dataset(const DatasetOptions& options) const {
    return std::make_unique<StudyDataset>(std::make_shared<Manifest>(Manifest::read(out())),
                                          data_.all(), data_.text(), options);
  }

  DatasetOptions options(std::int64_t size, const std::string& fit = "longest") const {
    DatasetOptions options = data_.options(true);
    options.image = {fit, size, 16};
    return options;
  }

  std::filesystem::path out() const { return folder_ / "pack"; }

  const SmallData data_{kStudies};
  TemporaryFolder folder_;
};

void expect_same(const FloatImage& a, const FloatImage& b, float tolerance) {
  ASSERT_EQ(a.pixels.size(), b.pixels.size());
  if (tolerance == 0) {
    EXPECT_EQ(a.pixels, b.pixels);
  }
  for (std::size_t i = 0; i < a.pixels.size(); ++i)
    ASSERT_NEAR(a.pixels[i], b.pixels[i], tolerance);
}

// Batches of both, from a step on, as a rank of some reads them.
void expect_same_batches(const StudyDataset& a, const StudyDataset& b, float tolerance = 0) {
  for (const std::int64_t world : {1, 2}) {
    for (std::int64_t rank = 0; rank < world; ++rank) {
      SamplerOptions order{.studies = kStudies, .batch = 4, .seed = 5};
      order.rank = rank;
      order.world = world;
      BatchSampler first(order), second(order);
      for (const std::int64_t step : {7, 8, 2, 11}) {
        const SampleBatch left = read_batch(a, first.plan(step), true),
                          right = read_batch(b, second.plan(step), true);
        EXPECT_EQ(left.places, right.places);
        ASSERT_EQ(left.samples.size(), right.samples.size());
        for (std::size_t i = 0; i < left.samples.size(); ++i) {
          const StudySample &x = left.samples[i], &y = right.samples[i];
          EXPECT_EQ(x.study_id, y.study_id);
          EXPECT_EQ(x.study_index, y.study_index);
          EXPECT_EQ(x.masked.masked_ids, y.masked.masked_ids);
          EXPECT_EQ(x.report->encoding.ids, y.report->encoding.ids);
          expect_same(x.frontal, y.frontal, tolerance);
          expect_same(x.lateral, y.lateral, tolerance);
        }
      }
    }
  }
}

TEST_F(PackedDataset, OriginalsGiveTheBatchesOfLooseFilesBitForBit) {
  for (const DatasetOptions& options : {options(24), options(20), options(20, "shortest")}) {
    const auto packed = this->packed(options, true);
    expect_same_batches(*loose(options), *packed);
    std::filesystem::remove_all(out());
  }
}

TEST_F(PackedDataset, ReducedImagesDoSoAtTheirSize) {
  expect_same_batches(*loose(options(20)), *packed(options(20), false));
  std::filesystem::remove_all(out());
  // Interpolation gives real numbers, which 8 bits round.
  const DatasetOptions shortest = options(20, "shortest");
  expect_same_batches(*loose(shortest), *packed(shortest, false), 0.5F / 255 + 1e-6F);
}

TEST_F(PackedDataset, DecodedImagesChangeNothingButTheReading) {
  const DatasetOptions options = this->options(20);
  const auto packed = this->packed(options, true);
  DecodedImages::write_beside(packed->manifest(), options.image, 2, nullptr);
  const auto decoded = dataset(options);
  expect_same_batches(*packed, *decoded);
  const std::filesystem::path shard = out() / "train/shard-000000.tar";
  std::filesystem::rename(shard, out() / "away.tar");
  EXPECT_EQ(decoded->sample(1, 0).study_id, "s101");  // no shard is read
  EXPECT_THROW(packed->at_size({"longest", 22, 16})->sample(1, 0), Error);
  EXPECT_THROW(decoded->at_size({"longest", 22, 16})->sample(1, 0), Error);
}

TEST_F(PackedDataset, AStaleFileOfDecodedImagesIsRefused) {
  const DatasetOptions options = this->options(20);
  const auto packed = this->packed(options, true);
  write_file_atomically(out() / "decoded-longest-20.u8", std::string(10'000, 'x'));
  EXPECT_THROW(dataset(options), Error);
  EXPECT_NO_THROW(dataset(this->options(24)));
}

TEST_F(PackedDataset, ABrokenPartOfAShardIsNamed) {
  const DatasetOptions options = this->options(24);
  const auto packed = this->packed(options, true);
  const View view = Manifest::read(out()).study(1).views[1];
  const std::filesystem::path shard = out() / view.path;
  std::string bytes = read_file(shard);
  bytes.replace(static_cast<std::size_t>(view.stored.offset), 40, 40, 'x');
  write_file_atomically(shard, bytes);
  try {
    packed->sample(1, 0);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadContent);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("train/shard-000000.tar, bytes " +
                                                   std::to_string(view.stored.offset) + " to "));
  }
  std::filesystem::resize_file(shard, 100);
  EXPECT_THROW(packed->sample(2, 0), Error);
}

}  // namespace
}  // namespace biplane

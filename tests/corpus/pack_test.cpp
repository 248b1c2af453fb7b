#include "biplane/corpus/pack.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <set>

#include "biplane/core/error.h"
#include "biplane/core/sha256.h"
#include "biplane/corpus/audit.h"
#include "biplane/corpus/decoded_images.h"
#include "biplane/corpus/pack_shard.h"
#include "tests/corpus/small_corpus.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using testing::TemporaryFolder;

// A corpus of small_corpus.h on disk, in three splits, with boxes and masks, and its packs.
class Pack : public ::testing::Test {
 protected:
  static constexpr int kStudies = 23;

  void SetUp() override {
    studies_ = testing::write_test_studies(root(), kStudies);
    for (std::size_t i = 0; i < studies_.size(); ++i) {
      studies_[i].split = i % 5 == 3 ? Split::kValidate : i % 5 == 4 ? Split::kTest : Split::kTrain;
      for (std::size_t v = 0; v < studies_[i].views.size(); ++v) {
        const auto view = static_cast<std::int64_t>(v);
        studies_[i].boxes.push_back({view, "Edema", 1.0 + static_cast<double>(v), 2, 5, 4, ""});
        studies_[i].masks.push_back({view, "Mass", {3, 24 * 24 - 3}, 24, 24});
      }
    }
  }

  // Another image, of which the masks of its study know nothing.
  void replace_image(const std::string& path, const std::string& bytes) {
    write_file_atomically(root() / path, bytes);
    for (Study& study : studies_) {
      const bool own = std::any_of(study.views.begin(), study.views.end(),
                                   [&](const View& view) { return view.path == path; });
      if (own) study.masks.clear();
    }
  }

  fs::path root() const { return folder_ / "corpus"; }
  fs::path out(const std::string& name) const { return folder_ / name; }

  Manifest manifest() const {
    ManifestWriter writer(root() / "manifest.jsonl");
    for (const Study& study : studies_) writer.write(study);
    writer.finish();
    return Manifest::read(root());
  }

  PackOptions options(const std::string& name) const {
    PackOptions options;
    options.out = out(name);
    options.form.image = {"longest", 16, 1};
    options.form.shard_studies = 4;
    return options;
  }

  PackResult pack_share(const PackOptions& options) const {
    const Manifest all = manifest();
    return pack(all, plan_shards(all, options.form), options);
  }

  Manifest packed(const PackOptions& options, double max_bad = 0) const {
    pack_share(options);
    merge_pack(options.out, max_bad);
    return Manifest::read(options.out);
  }

  // Every file under a folder and its content.
  static std::map<std::string, std::string> files(const fs::path& folder) {
    std::map<std::string, std::string> all;
    for (const auto& file : fs::recursive_directory_iterator(folder)) {
      if (file.is_regular_file())
        all[fs::relative(file.path(), folder).string()] = read_file(file.path());
    }
    return all;
  }

  TemporaryFolder folder_;
  std::vector<Study> studies_;
};

TEST_F(Pack, OriginalsComeBackByteForByteAndSoDoesEverythingElse) {
  PackOptions options = this->options("pack");
  options.form.original = true;
  const Manifest before = manifest(), after = packed(options);
  ASSERT_EQ(after.summaries().size(), before.summaries().size());
  for (std::size_t i = 0; i < after.summaries().size(); ++i) {
    Study now = after.study(i);
    const Study then = before.study(i);
    ASSERT_EQ(now.views.size(), then.views.size());
    for (std::size_t v = 0; v < now.views.size(); ++v) {
      const std::string bytes = read_image_bytes(after.image_source(now.views[v]));
      EXPECT_EQ(bytes, read_image_bytes(before.image_source(then.views[v])));
      EXPECT_EQ(now.views[v].sha256, sha256_hex(bytes));
      EXPECT_EQ(now.views[v].rows, 24);
      EXPECT_EQ(now.views[v].stored.rows, 24);
      now.views[v] = then.views[v];
    }
    EXPECT_EQ(study_to_json(now), study_to_json(then));
  }
}

TEST_F(Pack, ReducedImagesAreWhatALoaderWouldHaveMadeOfThem) {
  for (const std::string fit : {"longest", "shortest"}) {
    testing::write_test_image(root() / "images/f1.png", 3, 40);
    replace_image("images/l1.png", encode_png(make_grey(20, 31)));
    PackOptions options = this->options(fit);
    options.form.image.fit = fit;
    const Manifest before = manifest(), after = packed(options);
    for (std::size_t i = 0; i < after.summaries().size(); ++i) {
      for (std::size_t v = 0; v < after.study(i).views.size(); ++v) {
        const View view = after.study(i).views[v];
        const PreprocessOptions image{fit, 16, 1};
        const FloatImage then =
            read_fitted_image(before.image_source(before.study(i).views[v]), image);
        const FloatImage now = read_fitted_image(after.image_source(view), image);
        ASSERT_EQ(now.pixels.size(), then.pixels.size());
        if (fit == "longest") {
          EXPECT_EQ(now.pixels, then.pixels);
        }
        for (std::size_t p = 0; p < now.pixels.size(); ++p)
          ASSERT_NEAR(now.pixels[p], then.pixels[p], 0.5 / 255 + 1e-6);
      }
    }
    const View lateral = after.study(1).views[1];
    EXPECT_EQ(lateral.rows, 20);  // boxes are in pixels of the original
    EXPECT_EQ(lateral.cols, 31);
    EXPECT_EQ(lateral.stored.rows, fit == "longest" ? 10 : 16);
    EXPECT_EQ(lateral.stored.cols, fit == "longest" ? 16 : 24);
    EXPECT_EQ(after.study(1).boxes.size(), 2u);
  }
}

// Its sides do not divide by 8, so that the last pixels of its reduction cover less than the
// others.
GreyImage large_slope() {
  GreyImage image = make_grey(803, 1005);
  for (int y = 0; y < image.rows; ++y)
    for (int x = 0; x < image.cols; ++x)
      image.pixels[static_cast<std::size_t>(y * image.cols + x)] =
          static_cast<std::uint8_t>((y + x) / 8);
  return image;
}

TEST_F(Pack, LargeJpegsThatAreReducedWhileTheyAreDecodedAreThoseOfALoader) {
  replace_image("images/f1.png", encode_jpeg(large_slope(), 92));
  for (const std::string encoding : {"png", "jpeg"}) {
    PackOptions options = this->options(encoding);
    options.form.image.size = 100;
    options.form.encoding = encoding;
    const Manifest before = manifest(), after = packed(options);
    const View view = after.study(1).views[0];
    EXPECT_EQ(view.rows, 803);
    EXPECT_EQ(view.stored.rows, 79);
    for (const int size : {100, 30}) {  // 30: of the packed JPEG a reduction again
      const PreprocessOptions image{"longest", size, 1};
      const FloatImage then =
          read_fitted_image(before.image_source(before.study(1).views[0]), image);
      const FloatImage now = read_fitted_image(after.image_source(view), image);
      ASSERT_EQ(now.pixels.size(), then.pixels.size());
      if (encoding == "png" && size == 100) {
        EXPECT_EQ(now.pixels, then.pixels);
      }
      for (std::size_t p = 0; p < now.pixels.size(); ++p)
        ASSERT_NEAR(now.pixels[p], then.pixels[p], 4.0 / 255) << encoding << size << " " << p;
    }
  }
}

TEST_F(Pack, AnIndexThatSaysWhatIsNotThereIsNotBelieved) {
  const PackOptions options = this->options("pack");
  packed(options);
  const fs::path first = options.out / "train/shard-000000",
                 second = options.out / "train/shard-000001";
  const std::string index = read_file(first.string() + ".jsonl");
  std::string wrong = index;
  wrong.replace(wrong.find("\"length\":") + 9, 0, "9999999999");
  write_file_atomically(first.string() + ".jsonl", wrong);
  EXPECT_THROW(merge_pack(options.out, 0), Error);
  write_file_atomically(first.string() + ".jsonl", index);
  EXPECT_NO_THROW(merge_pack(options.out, 0));
  for (const char* ending : {".tar", ".jsonl"})  // another shard's, under its name
    write_file_atomically(second.string() + ending, read_file(first.string() + ending));
  EXPECT_THROW(merge_pack(options.out, 0), Error);
  EXPECT_EQ(pack_share(options).written, 1);
}

TEST_F(Pack, SmallerImagesThanPackedStayCloseToThoseOfTheOriginals) {
  for (std::size_t i = 0; i < 3; ++i) {
    GreyImage smooth = make_grey(100, 95);  // 48 x 45 in the pack, 20 x 19 and not 20 x 18
    for (int y = 0; y < 100; ++y) {
      for (int x = 0; x < 95; ++x)
        smooth.pixels[static_cast<std::size_t>(y * 95 + x)] =
            static_cast<std::uint8_t>(y + x + 10 * static_cast<int>(i));
    }
    replace_image(studies_[i].views[0].path, encode_png(smooth));
  }
  PackOptions options = this->options("pack");
  options.form.image.size = 48;
  const Manifest before = manifest(), after = packed(options);
  for (std::size_t i = 0; i < 3; ++i) {
    const PreprocessOptions image{"longest", 20, 1};
    const FloatImage then = read_fitted_image(before.image_source(before.study(i).views[0]), image);
    const FloatImage now = read_fitted_image(after.image_source(after.study(i).views[0]), image);
    for (std::size_t p = 0; p < now.pixels.size(); ++p)
      ASSERT_NEAR(now.pixels[p], then.pixels[p], 2.0 / 255) << p;
  }
}

TEST_F(Pack, IsTheSameOnAnyNumberOfThreadsAndMachines) {
  PackOptions options = this->options("one");
  packed(options);
  const auto one = files(options.out);
  EXPECT_EQ(one.count("train/shard-000003.tar"), 1u);
  EXPECT_EQ(one.count("test/shard-000000.jsonl"), 1u);
  options.out = out("threads");
  options.threads = 3;
  packed(options);
  EXPECT_EQ(files(options.out), one);
  // Three machines, the first one last; nobody can merge before it is done.
  options.out = out("machines");
  for (const std::int64_t index : {2, 1, 0}) {
    if (index < 2) {
      EXPECT_THROW(merge_pack(options.out, 0), Error);
    }
    options.share = {index, 3};
    EXPECT_EQ(pack_share(options).missing == 0, index == 0);
  }
  merge_pack(options.out, 0);
  EXPECT_EQ(files(options.out), one);
}

TEST_F(Pack, GoesOnWithTheShardsThatAreNotThereOrNotWhole) {
  const PackOptions options = this->options("pack");
  packed(options);
  const auto whole = files(options.out);
  const Manifest all = manifest();
  const auto shards = static_cast<std::int64_t>(plan_shards(all, options.form).size());
  EXPECT_EQ(pack_share(options).kept, shards);
  fs::remove(options.out / "train/shard-000001.tar");       // never finished
  fs::remove(options.out / "validate/shard-000000.jsonl");  // its index was not written
  std::string damaged = whole.at("test/shard-000000.tar");
  damaged[600] ^= 1;
  write_file_atomically(options.out / "test/shard-000000.tar", damaged);
  write_file_atomically(options.out / "train/.shard-000001.tar.tmp-1-0", "half");  // killed
  const PackResult again = pack_share(options);
  EXPECT_EQ(again.written, 3);
  EXPECT_EQ(again.kept, shards - 3);
  EXPECT_EQ(files(options.out), whole);
}

TEST_F(Pack, AFolderWithAnotherPackIsRefused) {
  PackOptions options = this->options("pack");
  packed(options);
  const auto before = files(options.out);
  options.form.image.size = 12;
  try {
    pack_share(options);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_THAT(error.what(), HasSubstr("\"size\":16"));
    EXPECT_THAT(error.what(), HasSubstr("\"size\":12"));
  }
  EXPECT_EQ(files(options.out), before);
}

TEST_F(Pack, AShardOfAnotherPackIsNoneOfThisOne) {
  PackOptions options = this->options("other");
  options.form.image.size = 12;
  packed(options);
  options = this->options("pack");
  packed(options);
  const auto whole = files(options.out);
  for (const char* name : {"train/shard-000000.tar", "train/shard-000000.jsonl"})
    fs::copy(out("other") / name, options.out / name, fs::copy_options::overwrite_existing);
  try {
    merge_pack(options.out, 0);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kMissingInput);
    EXPECT_THAT(error.what(), HasSubstr("1 of 6 shards"));
  }
  EXPECT_EQ(pack_share(options).written, 1);
  EXPECT_EQ(files(options.out), whole);
}

TEST_F(Pack, WhatCannotBeReadIsCountedAndLeftOutWithItsBoxes) {
  fs::remove(root() / "images/f0.png");                         // study 0: f0, g0; no lateral
  write_file_atomically(root() / "images/l1.png", "no image");  // study 1: f1, l1
  fs::remove(root() / "images/f3.png");                         // study 3 has nothing else
  studies_[4].views[0].sha256 = std::string(64, 'a');
  studies_[6].views[0].rows = 99;
  const PackOptions options = this->options("pack");
  const Manifest after = packed(options, 1);
  ASSERT_EQ(after.summaries().size(), kStudies - 2u);
  EXPECT_EQ(after.study(0).study_id, "s100");
  ASSERT_EQ(after.study(0).views.size(), 1u);
  EXPECT_EQ(after.study(0).views[0].view, ViewPosition::kAP);
  ASSERT_EQ(after.study(0).boxes.size(), 1u);
  EXPECT_EQ(after.study(0).boxes[0].view, 0);
  EXPECT_EQ(after.study(0).boxes[0].x, 2);  // the box of the image that was second
  EXPECT_EQ(after.study(0).masks.size(), 1u);
  const auto funnel = nlohmann::json::parse(read_file(options.out / "funnel.json"));
  std::map<std::string, int> lost;
  for (const auto& stage : funnel["stages"]) {
    int sum = 0;
    for (const auto& reason : stage["reasons"]) {
      lost[reason["reason"]] = reason["count"];
      sum += reason["count"].get<int>();
    }
    EXPECT_EQ(stage["in"], stage["out"].get<int>() + sum);
  }
  EXPECT_EQ(
      lost,
      (std::map<std::string, int>{
          {"missing image", 2}, {"broken image", 1}, {"changed image", 2}, {"no image left", 2}}));
  EXPECT_THAT(funnel.dump(), HasSubstr("study s101: images/l1.png"));
  EXPECT_THROW(merge_pack(options.out, 0.05), Error);
  EXPECT_TRUE(audit(after, {}).clean());
}

TEST_F(Pack, AnImageThatItsMarksDoNotFitIsLost) {
  // The manifest does not say its size, so only the packer can tell.
  View& view = studies_[0].views[0];
  view.rows = view.cols = 0;
  write_file_atomically(root() / view.path, encode_png(make_grey(20, 31)));
  const PackOptions options = this->options("pack");
  const Manifest after = packed(options, 1);
  EXPECT_EQ(after.study(0).views.size(), studies_[0].views.size() - 1);
  EXPECT_THAT(read_file(options.out / "funnel.json"), HasSubstr("misplaced mark"));
}

TEST_F(Pack, ARootWithoutTheImagesIsRefused) {
  const Manifest all(manifest().read_all(), out("elsewhere"), root() / "manifest.jsonl");
  const PackOptions options = this->options("pack");
  try {
    pack(all, plan_shards(all, options.form), options);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_THAT(error.what(), HasSubstr("--root"));
  }
  EXPECT_FALSE(fs::exists(options.out / "train/shard-000000.tar"));
}

TEST_F(Pack, TheIndexFindsEveryMember) {
  const PackOptions options = this->options("pack");
  packed(options);
  const auto index = nlohmann::json::parse(read_file(options.out / "index.json"));
  std::set<std::int64_t> places;
  for (const auto& shard : index["shards"]) {
    const std::string tar = read_file(options.out / shard["shard"]);
    EXPECT_EQ(shard["sha256"], sha256_hex(tar));
    EXPECT_EQ(shard["bytes"], tar.size());
    for (const PackedStudy& study : read_shard_index(options.out / shard["index"]).studies) {
      places.insert(study.place);
      const Study& original = studies_[static_cast<std::size_t>(study.place)];
      const TarMember& text = study.members.back();
      EXPECT_EQ(
          tar.substr(static_cast<std::size_t>(text.offset), static_cast<std::size_t>(text.length)),
          original.report.text);
      ASSERT_EQ(study.members.size(), original.views.size() + 2);
      EXPECT_THAT(study.members[0].name, HasSubstr(".frontal0.png"));
    }
  }
  EXPECT_EQ(places.size(), static_cast<std::size_t>(kStudies));
}

TEST_F(Pack, ShardsAreAtMostAsLargeAsAsked) {
  PackOptions options = this->options("pack");
  options.form.shard_studies = 0;
  options.form.shard_bytes = 16 << 10;
  packed(options);
  std::size_t shards = 0;
  for (const auto& [name, content] : files(options.out)) {
    if (!name.ends_with(".tar")) continue;
    ++shards;
    EXPECT_LE(content.size(), 16u << 10) << name;
  }
  EXPECT_GT(shards, 5u);
}

TEST_F(Pack, CanBePackedAgain) {
  PackOptions options = this->options("first");
  const Manifest first = packed(options);
  options.out = out("second");
  options.form.original = true;
  pack(first, plan_shards(first, options.form), options);
  merge_pack(options.out, 0);
  const Manifest second = Manifest::read(options.out);
  for (std::size_t i = 0; i < second.summaries().size(); ++i)
    EXPECT_EQ(study_to_json(second.study(i)), study_to_json(first.study(i)));
}

TEST_F(Pack, ADamagedIndexIsNamedWithItsRow) {
  const PackOptions options = this->options("pack");
  packed(options);
  const fs::path path = options.out / "train/shard-000000.jsonl";
  const std::string text = read_file(path);
  write_file_atomically(path, text.substr(0, text.size() - 9));
  try {
    read_shard_index(path);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadContent);
    EXPECT_THAT(error.what(), HasSubstr("shard-000000.jsonl: row 6"));
  }
  EXPECT_THROW(merge_pack(options.out, 0), Error);
  EXPECT_EQ(pack_share(options).written, 1);
}

class Decoded : public Pack {
 protected:
  const PreprocessOptions image_{"longest", 16, 12};
};

TEST_F(Decoded, HoldsThePixelsOfEveryImage) {
  for (const std::string fit : {"longest", "shortest"}) {
    const PreprocessOptions image{fit, 16, 12};
    write_file_atomically(root() / "images/l1.png", encode_png(make_grey(20, 31)));
    const Manifest all = manifest();
    EXPECT_EQ(DecodedImages::open_beside(all, image), nullptr);
    DecodedImages::write_beside(all, image, 3, nullptr);
    const auto decoded = DecodedImages::open_beside(all, image);
    ASSERT_NE(decoded, nullptr);
    for (std::size_t i = 0; i < all.summaries().size(); ++i) {
      for (std::size_t v = 0; v < all.study(i).views.size(); ++v) {
        const auto view = decoded->image(i, v);
        ASSERT_TRUE(view.has_value());
        const GreyImage wanted =
            to_grey(read_fitted_image(all.image_source(all.study(i).views[v]), image));
        ASSERT_EQ(view->rows, wanted.rows);
        ASSERT_EQ(view->cols, wanted.cols);
        EXPECT_EQ(std::vector<std::uint8_t>(view->pixels, view->pixels + wanted.pixels.size()),
                  wanted.pixels);
      }
    }
  }
}

TEST_F(Decoded, AFileOfOtherImagesOrAnotherSizeIsRefusedByName) {
  DecodedImages::write_beside(manifest(), image_, 1, nullptr);
  const fs::path path = root() / "decoded-longest-16.u8";
  const auto refused = [&](const Manifest& all, const PreprocessOptions& image,
                           const std::string& why) {
    try {
      DecodedImages::open_beside(all, image);
      ADD_FAILURE() << why;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kBadContent);
      EXPECT_THAT(error.what(),
                  HasSubstr(image.size == 16 ? "decoded-longest-16.u8" : "decoded-longest-20.u8"));
      EXPECT_THAT(error.what(), HasSubstr(why));
    }
  };
  const std::string whole = read_file(path);
  write_file_atomically(root() / "decoded-longest-20.u8", whole);
  refused(manifest(), {"longest", 20, 12}, "stale");
  write_file_atomically(path, whole.substr(0, whole.size() - 16));
  refused(manifest(), image_, "cut or damaged");
  write_file_atomically(path, whole.substr(0, 100));
  refused(manifest(), image_, "no whole file");
  write_file_atomically(path, whole);
  std::swap(studies_[0].views[0], studies_[0].views[1]);
  refused(manifest(), image_, "stale");
  DecodedImages::write_beside(manifest(), image_, 1, nullptr);  // made anew
  EXPECT_NE(DecodedImages::open_beside(manifest(), image_), nullptr);
  studies_[2].report.text = "Another report.";
  studies_[2].labels["Edema"] = 0;  // neither is in the images
  EXPECT_NE(DecodedImages::open_beside(manifest(), image_), nullptr);
  studies_.pop_back();
  refused(manifest(), image_, "stale");
}

TEST_F(Decoded, AnImageThatCannotBeReadIsNotInIt) {
  write_file_atomically(root() / "images/f2.png", "no image");
  DecodedImages::write_beside(manifest(), image_, 2, nullptr);
  const auto decoded = DecodedImages::open_beside(manifest(), image_);
  EXPECT_FALSE(decoded->image(2, 0).has_value());
  EXPECT_TRUE(decoded->image(2, 1).has_value());
  EXPECT_TRUE(decoded->image(3, 0).has_value());
}

}  // namespace
}  // namespace biplane

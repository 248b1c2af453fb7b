#include "biplane/corpus/check_store.h"

#include <gmock/gmock.h>

#include <fstream>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "tests/corpus/small_corpus.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class CheckStoreTest : public ::testing::Test {
 protected:
  CheckStoreTest() {
    testing::write_test_image(image_, 1);
    testing::write_test_image(folder_ / "flat.png", 0, 1);
  }
  fs::path parts() const { return folder_ / "out"; }
  // How many images are not read again.
  std::int64_t reused(const WorkShare& share = {}) const {
    CheckStore store(parts(), share);
    EXPECT_EQ(store.check("a", image_).sha256, check_image(image_, true).sha256);
    return store.reused();
  }

  testing::TemporaryFolder folder_;
  fs::path image_ = folder_ / "a.png";
};

TEST_F(CheckStoreTest, WhatAnyPartFoundOutIsNotFoundOutAgain) {
  EXPECT_EQ(reused({1, 3}), 0);
  EXPECT_EQ(reused({1, 3}), 1);
  EXPECT_EQ(reused({2, 3}), 1);
  EXPECT_EQ(reused(), 1);
  CheckStore store(parts(), {});
  const ImageCheck check = store.check("a", image_), fresh = check_image(image_, true);
  EXPECT_EQ(check.rows, fresh.rows);
  EXPECT_EQ(check.cols, fresh.cols);
  EXPECT_EQ(check.problem, "");
  store.remove();
  EXPECT_TRUE(fs::is_empty(parts()));
}

TEST_F(CheckStoreTest, AFileThatChangedIsReadAgain) {
  EXPECT_EQ(reused(), 0);
  fs::last_write_time(image_, fs::last_write_time(image_) + std::chrono::milliseconds(3));
  EXPECT_EQ(reused(), 0);
  EXPECT_EQ(reused(), 1);
  const fs::file_time_type time = fs::last_write_time(image_);
  testing::write_test_image(image_, 2, 25);
  fs::last_write_time(image_, time);
  EXPECT_EQ(reused(), 0) << "of another size";
}

TEST_F(CheckStoreTest, AFingerprintIsKeptAlsoWhereAnImageHasNone) {
  std::optional<Fingerprint> first, again, none;
  EXPECT_EQ(reused(), 0);
  {
    CheckStore store(parts(), {});
    store.check("a", image_, &first);
    EXPECT_EQ(store.reused(), 0) << "the record has no fingerprint";
    store.check("flat", folder_ / "flat.png", &none);
  }
  CheckStore store(parts(), {});
  store.check("a", image_, &again);
  none = first;
  store.check("flat", folder_ / "flat.png", &none);
  EXPECT_EQ(store.reused(), 2);
  ASSERT_TRUE(first && again);
  EXPECT_EQ(first->values, again->values);
  EXPECT_FALSE(none.has_value());
}

TEST_F(CheckStoreTest, ABrokenImageStaysBrokenAndAMissingOneMayCome) {
  write_file_atomically(folder_ / "broken.png", "no image");
  for (const int run : {0, 1}) {
    CheckStore store(parts(), {});
    EXPECT_THAT(store.check("broken", folder_ / "broken.png").problem, HasSubstr("broken.png"));
    EXPECT_TRUE(store.check("none", folder_ / "none.png").missing);
    EXPECT_EQ(store.reused(), run);
  }
}

TEST_F(CheckStoreTest, ATornLineIsPassedOverAndABadOneNamed) {
  EXPECT_EQ(reused({0, 2}), 0);
  const fs::path file = parts() / "part-0-of-2/images.jsonl";
  const std::string good = read_file(file);
  write_file_atomically(file, good + good.substr(0, good.size() / 2));
  EXPECT_EQ(reused({0, 2}), 1);
  write_file_atomically(file, good + "{}\n" + good);
  try {
    const CheckStore store(parts(), {});
    ADD_FAILURE() << "a bad record was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadContent);
    EXPECT_THAT(error.what(), HasSubstr("images.jsonl: row 2: "));
  }
}

TEST_F(CheckStoreTest, TheWholeWaitsForItsParts) {
  CheckStore part(parts(), {0, 2});
  part.check("a", image_);
  EXPECT_THROW(CheckStore(parts(), {}), Error);
  CheckStore other(parts(), {1, 2});
  testing::write_test_image(folder_ / "b.png", 2);
  other.check("b", folder_ / "b.png");
  EXPECT_EQ(other.reused(), 0);
}

}  // namespace
}  // namespace biplane

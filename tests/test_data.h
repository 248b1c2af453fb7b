#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace biplane::testing {

// Folder of the real and golden test data: $BIPLANE_TEST_DATA, default ../shared/data.
inline std::filesystem::path test_data_root() {
  const char* set = std::getenv("BIPLANE_TEST_DATA");
  return set != nullptr ? std::filesystem::path(set) : std::filesystem::path("../shared/data");
}

inline std::filesystem::path test_data(const std::string& name) { return test_data_root() / name; }

// A folder of its own for one test, removed when the test ends.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "biplane-test-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace biplane::testing

// Skips a test by name where the data folder is absent; with BIPLANE_REQUIRE_TEST_DATA (set in CI)
// it fails instead.
#define BIPLANE_NEEDS_TEST_DATA(name)                                                         \
  if (!std::filesystem::exists(::biplane::testing::test_data(name))) {                        \
    if (std::getenv("BIPLANE_REQUIRE_TEST_DATA") != nullptr)                                  \
      FAIL() << "test data is required but missing: " << ::biplane::testing::test_data(name); \
    GTEST_SKIP() << "no test data: " << ::biplane::testing::test_data(name);                  \
  }

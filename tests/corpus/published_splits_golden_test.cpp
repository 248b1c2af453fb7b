// Rows of published splits against golden/numpy_random (scikit-learn, pandas): all equal.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "biplane/corpus/published_splits.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

using nlohmann::json;
using Rows = std::vector<std::int64_t>;

json read_cases(const std::string& name) {
  std::ifstream file(testing::test_data("golden/numpy_random/" + name));
  return json::parse(file);
}

RowShare share(const json& value) {
  if (value.is_number_integer()) return value.get<std::int64_t>();
  return value.get<double>();
}

LegacyRandom generator(const json& entry) {
  return LegacyRandom(entry["random_state"].get<std::uint32_t>());
}

Rows first(const Rows& rows, std::size_t count) {
  return {rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(std::min(count, rows.size()))};
}

TEST(PublishedSplitsGolden, TrainTestSplit) {
  BIPLANE_NEEDS_TEST_DATA("golden/numpy_random/train_test_split.json");
  int stratified = 0;
  for (const json& entry : read_cases("train_test_split.json")) {
    SplitShares shares{.test = share(entry["test_size"]), .train = std::nullopt};
    if (entry.contains("train_size")) shares.train = share(entry["train_size"]);
    RowSplit split;
    if (entry["stratify"].is_null()) {
      split = train_test_split(entry["n"], shares, generator(entry));
    } else {
      split = stratified_split(entry["stratify"].get<Rows>(), shares, generator(entry));
      ++stratified;
    }
    const std::string what = "n " + entry["n"].dump() + ", test " + entry["test_size"].dump();
    EXPECT_EQ(split.test, entry["test"].get<Rows>()) << what;
    EXPECT_EQ(split.train.size(), entry["train"].get<std::size_t>()) << what;
    const Rows expected = entry["train_first"];
    EXPECT_EQ(first(split.train, expected.size()), expected) << what;
  }
  EXPECT_GT(stratified, 0);
}

TEST(PublishedSplitsGolden, DataFrameSample) {
  BIPLANE_NEEDS_TEST_DATA("golden/numpy_random/dataframe_sample.json");
  for (const json& entry : read_cases("dataframe_sample.json")) {
    const std::string key = entry.contains("frac") ? "frac" : "k";
    const Rows rows = dataframe_sample(entry["n"], share(entry[key]), generator(entry));
    EXPECT_EQ(rows.size(), entry["count"].get<std::size_t>()) << entry["n"] << " " << entry[key];
    const Rows expected = entry["rows"];
    EXPECT_EQ(first(rows, expected.size()), expected) << entry["n"] << " " << entry[key];
  }
}

}  // namespace
}  // namespace biplane

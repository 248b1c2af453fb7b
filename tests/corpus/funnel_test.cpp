#include "biplane/corpus/funnel.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

Funnel make_funnel(int bad, int good) {
  Funnel funnel;
  FunnelStage& rows = funnel.stage("rows", "rows");
  rows.pass(good);
  for (int i = 0; i < bad; ++i) rows.reject("broken", "row " + std::to_string(i));
  rows.drop("empty", "row x");
  rows.drop("empty", "row y");
  return funnel;
}

TEST(Funnel, CountsWhatGoesInAndWhy) {
  const Funnel funnel = make_funnel(7, 91);
  const FunnelStage& rows = funnel.stages().front();
  EXPECT_EQ(rows.in(), 100);
  EXPECT_EQ(rows.out(), 91);
  EXPECT_EQ(rows.bad(), 7);
  const auto json = nlohmann::json::parse(funnel.json());
  const auto& stage = json["stages"][0];
  EXPECT_EQ(stage["in"], 100);
  std::int64_t lost = 0;
  for (const auto& reason : stage["reasons"]) lost += reason["count"].get<std::int64_t>();
  EXPECT_EQ(stage["in"].get<std::int64_t>(), stage["out"].get<std::int64_t>() + lost);
  EXPECT_EQ(stage["reasons"][0]["examples"].size(), 5u);
  EXPECT_EQ(stage["reasons"][0]["examples"][0], "row 0");
}

TEST(Funnel, ANoteStandsBesideTheSum) {
  Funnel funnel = make_funnel(7, 91);
  funnel.stage("rows").note("odd", "row 3");
  funnel.stage("rows").note("odd", "row 4");
  EXPECT_EQ(funnel.stages().front().in(), 100);
  EXPECT_EQ(funnel.stages().front().bad(), 7);
  const auto notes = nlohmann::json::parse(funnel.json())["stages"][0]["notes"];
  EXPECT_EQ(notes.dump(), R"([{"count":2,"examples":["row 3","row 4"],"note":"odd"}])");
  EXPECT_THAT(funnel.table(), ::testing::ContainsRegex("  \\* odd +2 +e.g. row 3"));
}

TEST(Funnel, OnlyDamagedItemsCountAsBad) {
  EXPECT_NO_THROW(make_funnel(5, 93).check_bad(0.05));
  EXPECT_NO_THROW(make_funnel(0, 0).check_bad(0));
  try {
    make_funnel(6, 92).check_bad(0.05);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadContent);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("6 of 100 rows"));
    EXPECT_THAT(error.what(), ::testing::HasSubstr("row 0"));
  }
}

TEST(Funnel, IsWrittenBesideTheManifest) {
  const testing::TemporaryFolder folder;
  make_funnel(1, 2).write(folder / "funnel.json");
  EXPECT_EQ(nlohmann::json::parse(read_file(folder / "funnel.json"))["format"], 1);
}

}  // namespace
}  // namespace biplane

#include "biplane/core/work_share.h"

#include <gmock/gmock.h>

#include <cstdlib>

#include "biplane/core/error.h"

namespace biplane {
namespace {

TEST(WorkShare, EveryNumberIsInOneShare) {
  const WorkShare first = parse_work_share("0/3", "--shard"),
                  last = parse_work_share("2/3", "--shard");
  EXPECT_TRUE(first.has(0));
  EXPECT_TRUE(first.has(3));
  EXPECT_FALSE(first.has(2));
  EXPECT_TRUE(last.has(5));
  EXPECT_EQ(last.text(), "2/3");
  EXPECT_FALSE(last.is_all());
  EXPECT_TRUE(parse_work_share("0/1", "--shard").is_all());
}

TEST(WorkShare, WhatIsNoneIsNamed) {
  for (const char* text : {"", "1", "3/3", "-1/3", "1/0", "a/3", "1/3x", "1/3/5", "/"}) {
    try {
      parse_work_share(text, "--shard");
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      EXPECT_THAT(error.what(), ::testing::HasSubstr(std::string("--shard is '") + text + "'"));
    }
  }
}

TEST(WorkShare, TheLaunchersVariablesAreRead) {
  ::unsetenv("RANK");
  ::unsetenv("WORLD_SIZE");
  EXPECT_FALSE(launcher_share().has_value());
  ::setenv("RANK", "1", 1);
  EXPECT_FALSE(launcher_share().has_value());
  ::setenv("WORLD_SIZE", "4", 1);
  EXPECT_EQ(launcher_share()->text(), "1/4");
  ::setenv("RANK", "4", 1);
  EXPECT_THROW(launcher_share(), Error);
  ::setenv("RANK", "0", 1);
  ::setenv("WORLD_SIZE", "1", 1);
  EXPECT_FALSE(launcher_share().has_value());
  ::unsetenv("RANK");
  ::unsetenv("WORLD_SIZE");
}

}  // namespace
}  // namespace biplane

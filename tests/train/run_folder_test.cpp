// Files of a run and the TensorBoard format, read back by a reader written here from the format's
// description.
#include "biplane/train/run_folder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

std::uint64_t little_endian(const std::string& bytes, std::size_t at, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i)
    value |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes.at(at + i))) << (8 * i);
  return value;
}

std::uint32_t masked_crc(const std::string& data) {
  const std::uint32_t crc = crc32c(data);
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

std::vector<std::string> records_of(const std::string& file) {
  std::vector<std::string> records;
  for (std::size_t at = 0; at < file.size();) {
    const auto length = static_cast<std::size_t>(little_endian(file, at, 8));
    EXPECT_EQ(little_endian(file, at + 8, 4), masked_crc(file.substr(at, 8)));
    records.push_back(file.substr(at + 12, length));
    EXPECT_EQ(little_endian(file, at + 12 + length, 4), masked_crc(records.back()));
    at += 16 + length;
  }
  return records;
}

TEST(Tensorboard, ChecksumIsCastagnoli) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);  // RFC 3720, B.4
}

TEST(Tensorboard, FileHoldsVersionStartAndScalars) {
  testing::TemporaryFolder folder;
  TensorboardWriter writer(folder.path(), 1.5e9, 300);
  writer.scalars(300, 1.5e9, {{"loss", 0.5}});
  const std::vector<std::string> records = records_of(read_file(writer.path()));
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[0].substr(9), std::string("\x1a\x0d") + "brain.Event:2");
  EXPECT_EQ(records[1].substr(9),
            std::string("\x10\xac\x02\x3a\x02\x08\x01"));  // step 300, session_log {status: START}
  const std::string value =
      std::string("\x0a\x04") + "loss" + std::string("\x15\x00\x00\x00\x3f", 5);
  EXPECT_EQ(records[2].substr(9), "\x10\xac\x02\x2a" +
                                      std::string(1, static_cast<char>(value.size() + 2)) + "\x0a" +
                                      std::string(1, static_cast<char>(value.size())) + value);
  EXPECT_NE(writer.path().filename().string().find("tfevents"), std::string::npos);
}

TEST(RunFolder, ValuesThatAreNotFiniteBecomeNull) {
  testing::TemporaryFolder folder;
  RunFolder run({folder / "run", [] { return 0.0; }, [](const std::string&) {}});
  run.start("a: 1\n", 0);
  run.metrics(1, {{"loss", std::nan("")}, {"epoch", 2}});
  const auto line = nlohmann::json::parse(read_file(folder / "run/metrics.jsonl"));
  EXPECT_TRUE(line["loss"].is_null());
  EXPECT_TRUE(line["epoch"].is_number_integer());
  EXPECT_EQ(read_file(folder / "run/state"), "running\n");
  run.log("hello");
  EXPECT_EQ(read_file(folder / "run/out.log"), "1970-01-01T00:00:00Z hello\n");
}

TEST(RunFolder, RefusesToWriteOverFilesThatNoRunHasMade) {
  testing::TemporaryFolder folder;
  write_file_atomically(folder / "config.yaml", "mine: 1\n");
  const auto open = [&] {
    RunFolder({folder.path(), [] { return 0.0; }, [](const std::string&) {}});
  };
  EXPECT_THROW(open(), Error);
  EXPECT_EQ(read_file(folder / "config.yaml"), "mine: 1\n");
  write_file_atomically(folder / "state",
                        "running\n");  // as a run leaves it, however early it ends
  EXPECT_NO_THROW(open());
}

}  // namespace
}  // namespace biplane

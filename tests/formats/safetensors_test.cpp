#include "biplane/formats/safetensors.h"

#include <gmock/gmock.h>

#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

using ::testing::HasSubstr;

std::string with_header(const std::string& json, std::size_t data_bytes) {
  const std::uint64_t size = json.size();
  std::string content(8, '\0');
  std::memcpy(content.data(), &size, 8);
  return content + json + std::string(data_bytes, 'x');
}

// The message with which a content is refused; empty if it is accepted.
std::string refusal(const std::string& content) {
  try {
    SafetensorsFile::parse(content, "weights.safetensors");
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kBadContent);
    EXPECT_THAT(e.what(), HasSubstr("weights.safetensors"));
    return e.what();
  }
  return {};
}

template <class T>
TensorView view(const std::string& name, const std::string& dtype, std::vector<std::int64_t> shape,
                const std::vector<T>& values) {
  return {name, dtype, std::move(shape), std::as_bytes(std::span(values))};
}

TEST(Safetensors, WhatIsWrittenIsRead) {
  testing::TemporaryFolder folder;
  const std::vector<float> weights = {1.5F, -2, 3, 4, 5, 6};
  const std::vector<std::int64_t> ids = {1, -1};
  const std::vector<std::uint8_t> flags = {1, 0, 1};
  write_safetensors(
      folder / "a.safetensors",
      {view("w", "F32", {2, 3}, weights), view("flags", "BOOL", {3}, flags),
       view("ids", "I64", {2}, ids), view("none", "F16", {0, 4}, std::vector<char>{})},
      {{"format", "pt"}, {"note", "\"quoted\"\n"}});
  const SafetensorsFile file = SafetensorsFile::open(folder / "a.safetensors");
  ASSERT_EQ(file.entries().size(), 4U);
  EXPECT_EQ(file.metadata().at("note"), "\"quoted\"\n");
  EXPECT_EQ(file.entry("w").shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(file.entry("none").shape, (std::vector<std::int64_t>{0, 4}));
  EXPECT_EQ(std::memcmp(file.bytes("w").data(), weights.data(), 24), 0);
  EXPECT_EQ(std::memcmp(file.bytes("ids").data(), ids.data(), 16), 0);
  EXPECT_EQ(std::memcmp(file.bytes("flags").data(), flags.data(), 3), 0);
  for (const char* name : {"w", "ids"})
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(file.bytes(name).data()) % 4, 0U) << name;
}

TEST(Safetensors, BytesDoNotDependOnTheOrderOfTheTensors) {
  testing::TemporaryFolder folder;
  const std::vector<float> a = {1}, b = {2};
  write_safetensors(folder / "1", {view("a", "F32", {1}, a), view("b", "F32", {1}, b)});
  write_safetensors(folder / "2", {view("b", "F32", {1}, b), view("a", "F32", {1}, a)});
  const std::string content = read_file(folder / "1");
  EXPECT_EQ(content, read_file(folder / "2"));
  std::uint64_t header = 0;
  std::memcpy(&header, content.data(), 8);
  EXPECT_EQ(header % 8, 0U);
}

TEST(Safetensors, WriterRefusesWhatItCouldNotRead) {
  testing::TemporaryFolder folder;
  const std::vector<float> one = {1};
  const auto path = folder / "x";
  EXPECT_THROW(write_safetensors(path, {view("a", "F32", {2}, one)}), Error);
  EXPECT_THROW(write_safetensors(path, {view("a", "F32", {1}, one), view("a", "F32", {1}, one)}),
               Error);
  EXPECT_THROW(write_safetensors(path, {view("a", "F32", {-1}, one)}), Error);
  try {
    write_safetensors(path, {view("a", "F33", {1}, one)});
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kUsage);
    EXPECT_THAT(e.what(), HasSubstr("'a'"));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(Safetensors, AMissingFileAndAMissingTensorAreNamed) {
  testing::TemporaryFolder folder;
  try {
    SafetensorsFile::open(folder / "gone.safetensors");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kMissingInput);
    EXPECT_THAT(e.what(), HasSubstr("gone.safetensors"));
  }
  const std::vector<float> one = {1};
  write_safetensors(folder / "a", {view("encoder.weight", "F32", {1}, one)});
  const SafetensorsFile file = SafetensorsFile::open(folder / "a");
  try {
    file.bytes("encoder.weigth");
    FAIL();
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("encoder.weigth"));
    EXPECT_THAT(e.what(), HasSubstr("'encoder.weight'"));
  }
}

TEST(Safetensors, HostileHeadersAreRefusedByName) {
  const std::string ok = R"({"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  ASSERT_EQ(refusal(with_header(ok, 8)), "");
  const auto tensor = [](const std::string& fields) { return "{\"t\":{" + fields + "}}"; };
  struct Case {
    std::string content, expected;
  };
  const std::string huge_header("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F{}", 10);
  const std::string big = "4611686018427387904";
  const std::vector<Case> cases = {
      {"", "shorter than 8"},
      {huge_header, "100 MB"},
      {with_header(ok, 8).substr(0, 30), "ends before"},
      {with_header("[]", 0), "not a JSON object"},
      {with_header("{", 0), "not JSON"},
      {with_header(std::string(100000, '['), 0), "nested"},
      {with_header(
           R"({"t":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"t":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}})",
           0),
       "'t' occurs twice"},
      {with_header(ok, 7), "'t': its data ends"},
      {with_header(ok, 9), "1 bytes after"},
      {with_header(tensor(R"("dtype":"F32","shape":[2],"data_offsets":[4,12])"), 12), "hole"},
      {with_header(tensor(R"("dtype":"F32","shape":[3],"data_offsets":[0,8])"), 8),
       "need 12 bytes"},
      {with_header(tensor(R"("dtype":"F99","shape":[2],"data_offsets":[0,8])"), 8), "dtype 'F99'"},
      {with_header(tensor(R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])"), 8), "shape"},
      {with_header(tensor(R"("dtype":"F32","shape":[2.0],"data_offsets":[0,8])"), 8), "shape"},
      {with_header(tensor(R"("dtype":"F32","shape":[2],"data_offsets":[8,0])"), 8),
       "before it begins"},
      {with_header(tensor(R"("dtype":"F32","shape":[2],"data_offsets":[0])"), 8), "data_offsets"},
      {with_header(
           tensor(R"("dtype":"F32","shape":[)" + big + "," + big + R"(],"data_offsets":[0,8])"), 8),
       "overflows"},
      {with_header(tensor(R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0])"),
                   0),
       "overflows"},
      {with_header(tensor(R"("dtype":"F32","data_offsets":[0,8])"), 8), "no shape"},
      {with_header(tensor(R"("shape":[2],"data_offsets":[0,8])"), 8), "no dtype"},
      {with_header(R"({"t":7})", 0), "not an object"},
      {with_header(R"({"__metadata__":{"a":1}})", 0), "__metadata__"},
      {with_header(
           R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
           12),
       "'b': its data overlaps"},
  };
  for (const Case& c : cases) {
    const std::string message = refusal(c.content);
    EXPECT_THAT(message, HasSubstr(c.expected)) << c.content.substr(0, 200);
    EXPECT_EQ(message.find('\n'), std::string::npos);
  }
}

// Every single changed byte and every length of a valid file: accepted or refused with an Error,
// nothing else.
TEST(Safetensors, DamageNeverEscapesTheChecks) {
  testing::TemporaryFolder folder;
  const std::vector<float> values = {1, 2, 3, 4};
  write_safetensors(folder / "a", {view("a", "F32", {2}, std::vector<float>{5, 6}),
                                   view("b", "F32", {4}, values)});
  const std::string content = read_file(folder / "a");
  std::size_t refused = 0;
  for (std::size_t i = 0; i < content.size(); ++i) {
    EXPECT_NE(refusal(content.substr(0, i)), "") << "cut at " << i;
    for (const int change : {1, 2, 4, 8, 16, 32, 64, 128}) {
      std::string damaged = content;
      damaged[i] = static_cast<char>(damaged[i] ^ change);
      refused += refusal(damaged).empty() ? 0 : 1;
    }
  }
  EXPECT_GT(refused, content.size());
}

}  // namespace
}  // namespace biplane

#include "biplane/formats/weight_file.h"

#include <gmock/gmock.h>

#include <fstream>
#include <span>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/formats/safetensors.h"
#include "tests/formats/torch_builder.h"
#include "tests/formats/weight_bytes.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string text(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class WeightFiles : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& content) {
    std::ofstream(folder_ / name, std::ios::binary) << content;
  }
  void write_tensor(const std::string& file, const std::string& name, const std::string& content) {
    write_safetensors(folder_ / file, {{name,
                                        "U8",
                                        {static_cast<std::int64_t>(content.size())},
                                        std::as_bytes(std::span(content))}});
  }
  std::string zip_of(const std::string& name) {
    return torch_zip(p_whole(p_dict({p_text(name), p_tensor(p_storage("0", 2), 0, {2}, {1})})),
                     {{"0", floats({1, 2})}});
  }
  TemporaryFolder folder_;
};

TEST_F(WeightFiles, TheContentTellsTheContainerAndNotTheName) {
  write_tensor("pytorch_model.bin", "a", "xyz");
  const WeightFile plain = WeightFile::open(folder_ / "pytorch_model.bin");
  EXPECT_EQ(plain.container(), "safetensors");
  EXPECT_EQ(text(bytes_of(plain, plain.entries()[0])), "xyz");
  write("model.safetensors", zip_of("b"));
  const WeightFile zip = WeightFile::open(folder_ / "model.safetensors");
  EXPECT_EQ(zip.container(), "torch zip");
  ASSERT_NE(zip.find("b"), nullptr);
  EXPECT_EQ(zip.find("b")->dtype, "F32");
  EXPECT_EQ(zip.find("b")->bytes, 8U);
  EXPECT_EQ(text(bytes_of(zip, *zip.find("b"))), floats({1, 2}));
  EXPECT_EQ(zip.find("a"), nullptr);
  std::vector<std::byte> room(7);
  EXPECT_THROW(zip.read(*zip.find("b"), room), Error);
}

TEST_F(WeightFiles, AnIndexJoinsItsFilesOfAnyContainer) {
  write_tensor("model-1.safetensors", "a", "xyz");
  write("model-2.bin", zip_of("b"));
  write(
      "model.safetensors.index.json",
      R"({"metadata": {"total_size": 11}, "weight_map": {"b": "model-2.bin", "a": "model-1.safetensors"}})");
  for (const auto& path : {folder_ / "model.safetensors.index.json", folder_.path()}) {
    const WeightFile file = WeightFile::open(path);
    ASSERT_EQ(file.entries().size(), 2U);
    EXPECT_EQ(text(bytes_of(file, *file.find("a"))), "xyz");
    EXPECT_EQ(text(bytes_of(file, *file.find("b"))), floats({1, 2}));
    EXPECT_THAT(file.container(), HasSubstr("in 2 files"));
    EXPECT_THAT(file.files(),
                ElementsAre(folder_ / "model-1.safetensors", folder_ / "model-2.bin"));
  }
}

TEST_F(WeightFiles, AFolderMeansTheFirstOfTheUsualNames) {
  try {
    WeightFile::open(folder_.path());
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kMissingInput);
    EXPECT_THAT(e.what(), HasSubstr("pytorch_model.bin"));
  }
  for (const char* name : {"open_clip_pytorch_model.bin", "pytorch_model.bin",
                           "open_clip_model.safetensors", "model.safetensors"}) {
    write(name, zip_of(name));
    EXPECT_EQ(WeightFile::open(folder_.path()).name(), (folder_ / name).string());
  }
}

TEST_F(WeightFiles, WhatIsMissingIsSaid) {
  for (const char* name : {"gone.safetensors", "gone/model.safetensors"}) {
    try {
      WeightFile::open(folder_ / name);
      FAIL();
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::kMissingInput);
      EXPECT_THAT(e.what(), HasSubstr(name));
    }
  }
  write("index.json", R"({"weight_map": {"a": "gone.bin"}})");
  try {
    WeightFile::open(folder_ / "index.json");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kMissingInput);
    EXPECT_THAT(e.what(), HasSubstr("gone.bin"));
  }
}

}  // namespace
}  // namespace biplane

// Published containers against the safetensors files beside them (READMEs of the golden folder).
#include <gmock/gmock.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <set>
#include <string>

#include "biplane/core/error.h"
#include "biplane/formats/weight_file.h"
#include "tests/formats/weight_bytes.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

using ::testing::StartsWith;

constexpr const char* kFolder = "golden/models";

WeightFile golden(const std::string& name) {
  return WeightFile::open(testing::test_data(std::string(kFolder) + "/" + name));
}

float half_to_float(std::uint16_t bits) {
  const int exponent = (bits >> 10) & 31;
  const auto mantissa = static_cast<float>(bits & 1023);
  const float magnitude =
      exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

// Every tensor of `expected` is in `file` under the name that `renamed` gives; floats of 16 bits
// are compared to 1e-3 relative, everything else byte for byte.
void expect_same(const WeightFile& file, const WeightFile& expected,
                 const std::function<std::string(const std::string&)>& renamed) {
  ASSERT_FALSE(expected.entries().empty());
  for (const WeightEntry& wanted : expected.entries()) {
    const WeightEntry* found = file.find(renamed(wanted.name));
    ASSERT_NE(found, nullptr) << file.name() << " " << renamed(wanted.name);
    EXPECT_EQ(found->shape, wanted.shape) << wanted.name;
    const auto bytes = testing::bytes_of(file, *found), truth = testing::bytes_of(expected, wanted);
    if (found->dtype == wanted.dtype) {
      EXPECT_TRUE(bytes == truth) << file.name() << " " << wanted.name;
      continue;
    }
    ASSERT_EQ(found->dtype, "F16");
    ASSERT_EQ(wanted.dtype, "F32");
    ASSERT_EQ(bytes.size() * 2, truth.size());
    for (std::size_t i = 0; i < bytes.size() / 2; ++i) {
      std::uint16_t half = 0;
      float value = 0;
      std::memcpy(&half, bytes.data() + 2 * i, 2);
      std::memcpy(&value, truth.data() + 4 * i, 4);
      ASSERT_NEAR(half_to_float(half), value, 1e-3F * std::abs(value) + 1e-7F) << wanted.name;
    }
  }
}

std::string same_name(const std::string& name) { return name; }

std::function<std::string(const std::string&)> prefixed(const std::string& prefix) {
  return [prefix](const std::string& name) { return prefix + name; };
}

std::string gamma_beta(std::string name) {
  for (const auto& [now, old] : {std::pair{"LayerNorm.weight", "LayerNorm.gamma"},
                                 std::pair{"LayerNorm.bias", "LayerNorm.beta"}}) {
    const std::size_t at = name.find(now);
    if (at != std::string::npos) name.replace(at, std::strlen(now), old);
  }
  return name;
}

TEST(GoldenWeights, EveryFormOfTheBertFileHoldsTheTensorsOfItsSafetensors) {
  BIPLANE_NEEDS_TEST_DATA(kFolder);
  const WeightFile truth = golden("bert_bin/weights.safetensors");
  const WeightFile bin = golden("bert_bin/pytorch_model.bin");
  EXPECT_EQ(bin.container(), "torch zip");
  expect_same(bin, truth, same_name);
  EXPECT_EQ(bin.entries().size(), truth.entries().size());
  expect_same(golden("bert_bin/pytorch_model_gamma_beta.bin"), truth, gamma_beta);
  expect_same(golden("bert_bin/pytorch_model_fp16.bin"), truth, same_name);
  const WeightFile legacy = golden("bert_bin/pytorch_model_legacy.bin");
  EXPECT_EQ(legacy.container(), "torch legacy");
  expect_same(legacy, truth, same_name);
  EXPECT_EQ(golden("bert_bin").files(), bin.files());
}

TEST(GoldenWeights, TiedWeightsAreThereUnderBothNames) {
  BIPLANE_NEEDS_TEST_DATA(kFolder);
  for (const char* name : {"pytorch_model.bin", "pytorch_model_legacy.bin"}) {
    const WeightFile file = golden(std::string("bert_bin/") + name);
    const WeightEntry* words = file.find("bert.embeddings.word_embeddings.weight");
    const WeightEntry* decoder = file.find("cls.predictions.decoder.weight");
    ASSERT_TRUE(words != nullptr && decoder != nullptr);
    EXPECT_TRUE(testing::bytes_of(file, *words) == testing::bytes_of(file, *decoder));
    ASSERT_NE(file.find("bert.embeddings.position_ids"), nullptr);
    EXPECT_EQ(file.find("bert.embeddings.position_ids")->dtype, "I64");
  }
}

TEST(GoldenWeights, EveryFormOfTheClipTowerHoldsTheTensorsOfItsSafetensors) {
  BIPLANE_NEEDS_TEST_DATA(kFolder);
  const WeightFile truth = golden("clip_vision/weights_openai.safetensors");
  for (const char* name :
       {"openai_torchscript.pt", "openai_torchscript_scripted.pt", "openai_torchscript_fp16.pt"}) {
    const WeightFile file = golden(std::string("clip_vision/") + name);
    EXPECT_EQ(file.container(), "TorchScript");
    expect_same(file, truth, same_name);
  }
  const WeightFile plain = golden("clip_vision/openai_state_dict.pt");
  EXPECT_EQ(plain.container(), "torch zip");
  expect_same(plain, truth, same_name);
  EXPECT_GT(plain.entries().size(), truth.entries().size());  // the text side
  ASSERT_NE(plain.find("input_resolution"), nullptr);
  EXPECT_TRUE(plain.find("input_resolution")->shape.empty());
  expect_same(golden("clip_vision/openai_checkpoint_module_prefix.pt"), truth,
              prefixed("state_dict.module."));
}

TEST(GoldenWeights, MaeCheckpointsHoldTheTensorsOfTheirSafetensorsAlsoWithANamespaceBeside) {
  BIPLANE_NEEDS_TEST_DATA(kFolder);
  const WeightFile truth = golden("vit_timm/weights.safetensors");
  expect_same(golden("vit_timm/mae_checkpoint.pth"), truth, prefixed("model."));
  expect_same(golden("vit_timm/mae_checkpoint_with_namespace.pth"), truth, prefixed("model."));
}

TEST(GoldenWeights, EveryWeightFileOfTheFolderIsReadWhole) {
  BIPLANE_NEEDS_TEST_DATA(kFolder);
  const std::set<std::string> kinds = {".safetensors", ".bin", ".pt", ".pth"};
  std::size_t files = 0;
  for (const auto& item :
       std::filesystem::recursive_directory_iterator(testing::test_data(kFolder))) {
    if (!kinds.contains(item.path().extension().string())) continue;
    ++files;
    const WeightFile file = WeightFile::open(item.path());
    EXPECT_FALSE(file.entries().empty()) << item.path();
    EXPECT_EQ(file.files().size(), 1U);
    for (const WeightEntry& entry : file.entries())
      EXPECT_EQ(testing::bytes_of(file, entry).size(), entry.bytes)
          << item.path() << " " << entry.name;
  }
  EXPECT_GT(files, 20U);
}

}  // namespace
}  // namespace biplane

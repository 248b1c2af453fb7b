// A published tower alone as the start of a task: the head reads the feature that the reference
// library computes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "biplane/core/error.h"
#include "biplane/tasks/start_model.h"
#include "tests/nn/tensor_checks.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;
using testing::expect_near;
using ::testing::HasSubstr;
using testing::test_data;

const fs::path kModels = "golden/models";
const fs::path kClip = kModels / "clip_vision", kSwin = kModels / "swin";
constexpr double kTolerance = 5e-5;

FinetuneConfig with_views(const std::string& views) {
  FinetuneConfig config;
  config.data.views = views;
  return config;
}

// The values in [0,1] (and beyond) that the tower's own normalisation turns into `input`.
torch::Tensor pixels_of(const torch::Tensor& input, const std::vector<double>& mean,
                        const std::vector<double>& deviation) {
  const auto channels = [](const std::vector<double>& values) {
    return torch::tensor(at::ArrayRef<double>(values), torch::kFloat32).view({1, -1, 1, 1});
  };
  return input * channels(deviation) + channels(mean);
}

// What a head on the tower's own features reads of the input under that name.
torch::Tensor feature_of(const fs::path& file, const std::string& views, const fs::path& folder,
                         const std::string& input) {
  const FinetuneConfig config = with_views(views);
  const StartModel start = read_start(test_data(file), config);
  const auto model = make_start(start, config);
  const TowerConfig& tower = views == "frontal" ? model->config().frontal : model->config().lateral;
  const bool swin = tower.kind == "swin";
  const torch::Tensor pixels =
      pixels_of(load_safetensors(test_data(folder / "inputs.safetensors")).at(input),
                swin ? tower.swin.mean : tower.vit.mean, swin ? tower.swin.std : tower.vit.std);
  const torch::NoGradGuard no_grad;
  return (views == "frontal" ? model->encode_frontal(pixels) : model->encode_lateral(pixels))
      .pooled;
}

torch::Tensor expected_of(const fs::path& folder, const std::string& name) {
  return load_safetensors(test_data(folder / "outputs.safetensors")).at(name);
}

TEST(GoldenStart, AFrontalAloneGivesItsOwnGlobalFeature) {
  BIPLANE_NEEDS_TEST_DATA(kClip);
  expect_near(feature_of(kClip / "openai_torchscript.pt", "frontal", kClip, "pixels"),
              expected_of(kClip, "pixels.tokens_normed").select(1, 0), kTolerance, "class token");
}

TEST(GoldenStart, ALateralAloneGivesTheMeanOfItsPatches) {
  BIPLANE_NEEDS_TEST_DATA(kSwin);
  for (const auto& [name, input] : load_safetensors(test_data(kSwin / "inputs.safetensors"))) {
    if (input.size(2) != input.size(3)) continue;
    expect_near(feature_of(kSwin / "weights.safetensors", "lateral", kSwin, name),
                expected_of(kSwin, name + ".pooler_output"), kTolerance, "Swin " + name);
  }
  expect_near(feature_of(kClip / "weights.safetensors", "lateral", kClip, "pixels"),
              expected_of(kClip, "pixels.tokens_normed").slice(1, 1).mean(1), kTolerance, "ViT");
}

TEST(GoldenStart, ATowerFitsOneViewAndItsOwnFeaturesOnly) {
  BIPLANE_NEEDS_TEST_DATA(kClip);
  const auto refusal = [](const FinetuneConfig& config) -> std::string {
    try {
      read_start(test_data(kClip / "weights.safetensors"), config);
    } catch (const Error& error) {
      return error.what();
    }
    return "nothing is refused";
  };
  EXPECT_THAT(refusal(with_views("both")), HasSubstr("is one tower"));
  FinetuneConfig projected = with_views("frontal");
  projected.head.features = "projected";
  EXPECT_THAT(refusal(projected), HasSubstr("head.features = tower"));
}

}  // namespace
}  // namespace biplane

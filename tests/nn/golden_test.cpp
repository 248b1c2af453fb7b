#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "biplane/core/files.h"
#include "biplane/nn/bert.h"
#include "biplane/nn/swin_transformer.h"
#include "biplane/nn/vision_transformer.h"
#include "biplane/nn/weights.h"
#include "tests/nn/tensor_checks.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

using testing::expect_near;
using testing::load_as;
using testing::only_tower;
using testing::test_data;

nlohmann::json read_json(const std::string& name) {
  return nlohmann::json::parse(read_file(test_data(name)));
}

class GoldenNetworks : public ::testing::TestWithParam<torch::ScalarType> {
 protected:
  TensorMap load(const std::string& name) const {
    return load_as(test_data("golden/models/" + name), GetParam());
  }
};

VisionTransformerConfig vit_config(const nlohmann::json& json, const std::string& style) {
  VisionTransformerConfig config;
  config.style = style;
  config.image_size = json.at("image_size");
  config.patch = json.at("patch_size");
  config.width = json.at("hidden_size");
  config.layers = json.at("num_hidden_layers");
  config.heads = json.at("num_attention_heads");
  config.mlp_ratio =
      json.at("intermediate_size").get<double>() / json.at("hidden_size").get<double>();
  config.mean = {0.0};  // the golden pixels are normalised already
  config.std = {1.0};
  return config;
}

double tolerance(const std::string& input) { return input == "pixels" ? 2e-5 : 5e-5; }

void check_clip(const TensorMap& weights, torch::ScalarType dtype, const TensorMap& inputs,
                const TensorMap& expected) {
  VisionTransformer tower(vit_config(read_json("golden/models/clip_vision/config.json"), "clip"));
  tower.to(dtype);
  TensorMap own = weights;
  const torch::Tensor projection = own.at("projection.weight");
  own.erase("projection.weight");
  assign_weights(tower, own);
  const torch::NoGradGuard no_grad;
  for (const auto& [name, pixels] : inputs) {
    const VisionTokens out = tower.forward(pixels);
    const torch::Tensor projected = at::linear(out.tokens, projection);
    expect_near(out.tokens, expected.at(name + ".tokens_normed"), tolerance(name),
                name + ".tokens_normed");
    expect_near(projected, expected.at(name + ".tokens_projected"), tolerance(name),
                name + ".tokens_projected");
    expect_near(at::linear(out.pooled, projection), expected.at(name + ".image_embeds"),
                tolerance(name), name);
  }
}

TEST_P(GoldenNetworks, ClipVisionTowerAgreesUnderBothNamingSchemes) {
  BIPLANE_NEEDS_TEST_DATA("golden/models/clip_vision");
  const TensorMap inputs = load("clip_vision/inputs.safetensors");
  const TensorMap expected = load("clip_vision/outputs.safetensors");
  check_clip(only_tower(load("clip_vision/weights_openai.safetensors"), "vit"), GetParam(), inputs,
             expected);
  check_clip(only_tower(load("clip_vision/weights.safetensors"), "vit"), GetParam(), inputs,
             expected);
}

TEST_P(GoldenNetworks, TimmVisionTransformerAgrees) {
  BIPLANE_NEEDS_TEST_DATA("golden/models/vit_timm");
  const TensorMap expected = load("vit_timm/outputs.safetensors");
  VisionTransformerConfig config =
      vit_config(read_json("golden/models/vit_timm/config.json"), "timm");
  VisionTransformer tower(config);
  tower.to(GetParam());
  assign_weights(tower, only_tower(load("vit_timm/weights.safetensors"), "vit"));
  const torch::NoGradGuard no_grad;
  const TensorMap inputs = load("vit_timm/inputs.safetensors");
  for (const auto& [name, pixels] : inputs) {
    const VisionTokens out = tower.forward(pixels);
    expect_near(out.tokens, expected.at(name + ".tokens"), tolerance(name), name + ".tokens");
    expect_near(out.pooled, expected.at(name + ".cls"), tolerance(name), name + ".cls");
    expect_near(out.patches().mean(1), expected.at(name + ".mean_of_patches"), tolerance(name),
                name + ".mean");
  }
  config.pooling = "mean";
  VisionTransformer pooling(config);
  pooling.to(GetParam());
  assign_weights(pooling, only_tower(load("vit_timm/weights_fc_norm.safetensors"), "vit"));
  expect_near(pooling.forward(inputs.at("pixels")).pooled, expected.at("pixels.fc_norm_of_mean"),
              2e-5, "fc_norm");
}

// A network of DINOv2 under both naming schemes; `part` is "" or "registers".
void check_dinov2(const std::string& part, torch::ScalarType dtype) {
  const std::string folder = "golden/models/dinov2/", suffix = part.empty() ? "" : "_" + part;
  const auto json = read_json(folder + "config" + suffix + ".json");
  VisionTransformerConfig config;
  config.style = "dinov2";
  config.image_size = json.at("image_size");
  config.patch = json.at("patch_size");
  config.width = json.at("hidden_size");
  config.layers = json.at("num_hidden_layers");
  config.heads = json.at("num_attention_heads");
  config.mlp_ratio = json.at("mlp_ratio");
  config.registers = json.value("num_register_tokens", 0);
  config.mean = {0.0};  // the golden pixels are normalised already
  config.std = {1.0};
  const TensorMap inputs = load_as(test_data(folder + "inputs.safetensors"), dtype);
  const TensorMap expected = load_as(test_data(folder + "outputs.safetensors"), dtype);
  for (const char* naming : {"", "_hub"}) {
    VisionTransformer tower(config);
    tower.to(dtype);
    assign_weights(
        tower,
        only_tower(load_as(test_data(folder + "weights" + suffix + naming + ".safetensors"), dtype),
                   "vit"));
    for (const auto& [input, pixels] : inputs) {
      const std::string name = (part.empty() ? "" : part + ".") + input;
      const VisionTokens out = tower.forward(pixels);
      expect_near(out.tokens, expected.at(name + ".tokens"), tolerance(input), name + ".tokens");
      expect_near(out.pooled, expected.at(name + ".cls"), tolerance(input), name + ".cls");
      expect_near(out.patches().mean(1), expected.at(name + ".mean_of_patches"), tolerance(input),
                  name + ".mean");
    }
  }
}

TEST_P(GoldenNetworks, DinoV2AgreesUnderBothNamingSchemesWithAndWithoutRegisters) {
  // Only the golden set of this repository has it.
  if (!std::filesystem::exists(test_data("golden/models/dinov2")))
    GTEST_SKIP() << "no test data: " << test_data("golden/models/dinov2");
  const torch::NoGradGuard no_grad;
  check_dinov2("", GetParam());
  check_dinov2("registers", GetParam());
}

SwinTransformerConfig swin_config() {
  const auto json = read_json("golden/models/swin/config.json");
  SwinTransformerConfig config;
  config.patch = json.at("patch_size");
  config.width = json.at("embed_dim");
  config.depths = json.at("depths").get<std::vector<std::int64_t>>();
  config.heads = json.at("num_heads").get<std::vector<std::int64_t>>();
  config.window = json.at("window_size");
  config.mlp_ratio = json.at("mlp_ratio");
  config.mean = {0.0};  // the golden pixels are normalised already
  config.std = {1.0};
  return config;
}

TEST_P(GoldenNetworks, SwinAgreesInAllHiddenStatesUnderBothNamingSchemes) {
  BIPLANE_NEEDS_TEST_DATA("golden/models/swin");
  const TensorMap inputs = load("swin/inputs.safetensors");
  const TensorMap expected = load("swin/outputs.safetensors");
  const torch::NoGradGuard no_grad;
  for (const char* file : {"weights", "weights_original_names"}) {
    SwinTransformer tower(swin_config());
    tower.to(GetParam());
    assign_weights(tower, only_tower(load("swin/" + std::string(file) + ".safetensors"), "swin"));
    for (const auto& [name, pixels] : inputs) {
      std::vector<torch::Tensor> hidden;
      const VisionTokens out = tower.forward(pixels, &hidden);
      expect_near(out.tokens, expected.at(name + ".last_hidden_state"), 5e-5, name);
      expect_near(out.pooled, expected.at(name + ".pooler_output"), 5e-5, name + " pooled");
      ASSERT_EQ(hidden.size(), swin_config().depths.size() + 1);
      for (std::size_t i = 0; i < hidden.size(); ++i) {
        const std::string state = name + ".hidden_states." + std::to_string(i);
        expect_near(hidden[i], expected.at(state), 5e-5, state);
      }
    }
  }
}

BertConfig bert_config() {
  const auto json = read_json("golden/models/bert/config.json");
  BertConfig config;
  config.vocabulary = json.at("vocab_size");
  config.width = json.at("hidden_size");
  config.layers = json.at("num_hidden_layers");
  config.heads = json.at("num_attention_heads");
  config.mlp_ratio =
      json.at("intermediate_size").get<double>() / json.at("hidden_size").get<double>();
  config.max_positions = json.at("max_position_embeddings");
  config.token_types = json.at("type_vocab_size");
  return config;
}

TEST_P(GoldenNetworks, BertAgreesInAllHiddenStates) {
  BIPLANE_NEEDS_TEST_DATA("golden/models/bert");
  Bert bert(bert_config());
  bert.to(GetParam());
  assign_weights(bert, only_tower(load("bert/weights.safetensors"), "bert"));
  const TensorMap inputs = load("bert/inputs.safetensors");
  const TensorMap expected = load("bert/outputs.safetensors");
  const torch::Tensor mask = inputs.at("attention_mask").to(torch::kBool);
  const torch::NoGradGuard no_grad;
  const TokenLayout layout = TokenLayout::padded(mask.size(0), mask.size(1), mask);
  std::vector<torch::Tensor> hidden;
  const BertInput input{inputs.at("input_ids"), inputs.at("token_type_ids")};
  expect_near(layout.unflatten(bert.forward(input, layout, &hidden)),
              expected.at("last_hidden_state"), 2e-5, "last_hidden_state");
  ASSERT_EQ(static_cast<std::int64_t>(hidden.size()), bert.config().layers + 1);
  for (std::size_t i = 0; i < hidden.size(); ++i) {
    const std::string name = "hidden_states." + std::to_string(i);
    expect_near(layout.unflatten(hidden[i]), expected.at(name), 2e-5, name);
  }
  expect_near(layout.unflatten(bert.forward({inputs.at("input_ids")}, layout)),
              expected.at("last_hidden_state_no_token_types"), 2e-5, "without token types");
}

TEST_P(GoldenNetworks, BertGradientsAgree) {
  BIPLANE_NEEDS_TEST_DATA("golden/models/bert");
  Bert bert(bert_config());
  bert.to(GetParam());
  assign_weights(bert, only_tower(load("bert/weights.safetensors"), "bert"));
  const TensorMap inputs = load("bert/inputs.safetensors");
  TensorMap expected = load("bert/grads.safetensors");
  const torch::Tensor mask = inputs.at("attention_mask").to(torch::kBool);
  const TokenLayout layout = TokenLayout::packed(mask.size(0), mask.size(1), mask);
  const torch::Tensor last =
      layout.unflatten(bert.forward({inputs.at("input_ids"), inputs.at("token_type_ids")}, layout));
  const torch::Tensor loss = (last * inputs.at("probe") * mask.unsqueeze(2)).sum() / mask.sum();
  testing::expect_near_relative(loss, expected.at("loss"), 1e-4, "loss");
  loss.backward();
  // Published names of the gradients become own names by the same mapping as the weights; a part of
  // q, k, v is filled up.
  TensorMap named;
  for (const auto& [name, tensor] : load("bert/weights.safetensors"))
    named[name] = torch::full_like(tensor, NAN);
  for (const auto& [name, tensor] : expected) {
    if (name.starts_with("grad.")) named.at(name.substr(5)) = tensor;
  }
  const TensorMap own = only_tower(named, "bert");
  double largest = 0.0;
  for (const auto& [name, tensor] : expected) {
    if (name != "loss") largest = std::max(largest, tensor.abs().max().item<double>());
  }
  int compared = 0;
  for (const auto& item : bert.named_parameters()) {
    const torch::Tensor known = own.at(item.key()).isnan().logical_not();
    if (!known.any().item<bool>()) continue;
    ++compared;
    const torch::Tensor wanted = own.at(item.key()).masked_select(known);
    // The gradient by a key bias is 0 but for rounding, so a floor goes with the relative
    // tolerance.
    const double scale = std::max(wanted.abs().max().item<double>(), 1e-3 * largest);
    expect_near(item.value().grad().masked_select(known), wanted, 1e-4 * scale, item.key());
  }
  EXPECT_GE(compared, 9);
}

INSTANTIATE_TEST_SUITE_P(Types, GoldenNetworks, ::testing::Values(torch::kFloat32, torch::kFloat64),
                         [](const auto& info) { return c10::toString(info.param); });

}  // namespace
}  // namespace biplane

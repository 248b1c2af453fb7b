#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "biplane/core/files.h"
#include "biplane/model/cross_decoder.h"
#include "biplane/model/heads.h"
#include "biplane/model/key_semantics.h"
#include "biplane/nn/weights.h"
#include "tests/nn/tensor_checks.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

using testing::expect_near;
using testing::expect_near_relative;
using testing::load_as;
using testing::test_data;

nlohmann::json read_json(const std::string& name) {
  return nlohmann::json::parse(read_file(test_data(name)));
}

TensorMap with_prefix(const TensorMap& tensors, const std::string& prefix) {
  TensorMap found;
  for (const auto& [name, tensor] : tensors) {
    if (name.starts_with(prefix)) found.emplace(name.substr(prefix.size()), tensor);
  }
  return found;
}

class GoldenMethod : public ::testing::TestWithParam<torch::ScalarType> {
 protected:
  TensorMap load(const std::string& name) const {
    return load_as(test_data("golden/method/" + name), GetParam());
  }
  template <class T>
  void fill(T& module, const TensorMap& weights,
            const std::vector<std::string>& optional = {}) const {
    module.to(GetParam());
    TensorMap all = weights;
    for (const auto& item : module.named_parameters()) {
      for (const std::string& prefix : optional)
        if (item.key().starts_with(prefix)) all.emplace(item.key(), item.value());
    }
    assign_weights(module, all);
  }
};

TEST_P(GoldenMethod, DecodersAgreeWithTheirGradients) {
  BIPLANE_NEEDS_TEST_DATA("golden/method/decoder");
  const auto json = read_json("golden/method/decoder/config.json");
  const TensorMap inputs = load("decoder/inputs.safetensors");
  const TensorMap expected = load("decoder/outputs.safetensors");
  for (const std::string name : {"reference", "figure", "figure_first_cross_without_residual"}) {
    const bool figure = name != "reference";
    CrossDecoder decoder({figure ? "figure" : "reference", json.at("width"), json.at("heads"),
                          json.at(figure ? "figure_layers" : "reference_self_blocks"),
                          name != "figure_first_cross_without_residual"});
    fill(decoder, load(figure ? "decoder/weights_figure.safetensors"
                              : "decoder/weights_reference.safetensors"));
    const torch::Tensor query = inputs.at("query").clone().requires_grad_();
    const torch::Tensor keys = inputs.at("keys").clone().requires_grad_();
    const torch::Tensor mask = inputs.at("query_mask");
    torch::Tensor attention;
    const TokenLayout layout = TokenLayout::padded(query.size(0), query.size(1), mask);
    const torch::Tensor output = layout.unflatten(decoder.forward(
        layout.flatten(query), layout, {keys, inputs.at("key_mask")}, {&attention}));
    expect_near(output, expected.at(name + ".output"), 3e-5, name);
    (output * inputs.at("probe") * mask.unsqueeze(2)).sum().backward();
    expect_near(query.grad(), expected.at(name + ".grad_query"), 1e-4, name + ".grad_query");
    expect_near(keys.grad(), expected.at(name + ".grad_keys"), 1e-4, name + ".grad_keys");
    const torch::Tensor sums = attention.sum(2);
    expect_near(sums, torch::ones_like(sums), 1e-5, name + " attention");
    EXPECT_EQ(
        (attention * inputs.at("key_mask").logical_not().unsqueeze(1)).abs().max().item<double>(),
        0.0);
  }
}

void expect_indices(const torch::Tensor& kept, const nlohmann::json& wanted) {
  for (std::int64_t study = 0; study < kept.size(0); ++study) {
    const torch::Tensor index = kept[study].nonzero().squeeze(1);
    const std::vector<std::int64_t> got(index.data_ptr<std::int64_t>(),
                                        index.data_ptr<std::int64_t>() + index.size(0));
    EXPECT_EQ(got, wanted.at(static_cast<std::size_t>(study)).get<std::vector<std::int64_t>>())
        << "study " << study;
  }
}

void expect_key_set(const KeySet& set, const TensorMap& expected, const nlohmann::json& json) {
  expect_near(set.scores.raw, expected.at("raw_scores"), 2e-5, "raw_scores");
  expect_near(set.scores.standard, expected.at("scores"), 2e-5, "scores");
  EXPECT_TRUE(torch::equal(set.scores.valid, expected.at("valid")));
  EXPECT_TRUE(torch::equal(set.kept, expected.at("kept")));
  EXPECT_TRUE(torch::equal(set.key_mask, expected.at("key_mask")));
  expect_near(set.aggregation, expected.at("aggregation"), 2e-5, "aggregation");
  expect_near(set.keys, expected.at("keys"), 2e-5, "keys");
  expect_indices(set.kept, json.at("kept_indices"));
  EXPECT_EQ(set.aggregation.size(1), json.at("outputs").get<std::int64_t>());
}

TEST_P(GoldenMethod, KeySemanticsAgreesWithItsGradients) {
  BIPLANE_NEEDS_TEST_DATA("golden/method/key_semantics");
  const auto index = read_json("golden/method/key_semantics/index.json");
  for (const auto& [name, json] : index.items()) {
    SCOPED_TRACE(name);
    const TensorMap inputs = load("key_semantics/" + name + ".inputs.safetensors");
    const TensorMap expected = load("key_semantics/" + name + ".outputs.safetensors");
    const torch::Tensor frontal = inputs.at("frontal_patches").clone().requires_grad_();
    const torch::Tensor lateral = inputs.at("lateral_patches").clone().requires_grad_();
    KeySemanticsConfig config;
    config.rho = json.at("rho");
    config.alpha = json.at("alpha");
    KeySemantics module(config, frontal.size(2), frontal.size(1) + lateral.size(1));
    fill(module, load("key_semantics/" + name + ".weights.safetensors"), {"view_"});
    const KeySet set = module.forward({frontal,
                                       lateral,
                                       inputs.at("has_frontal"),
                                       inputs.at("has_lateral"),
                                       {},
                                       {},
                                       {},
                                       {},
                                       inputs.at("tokens"),
                                       inputs.at("word_mask")});
    expect_key_set(set, expected, json);
    (set.keys * inputs.at("probe")).sum().backward();
    expect_near(frontal.grad(), expected.at("grad.frontal_patches"), 2e-5, "grad.frontal_patches");
    expect_near(lateral.grad(), expected.at("grad.lateral_patches"), 2e-5, "grad.lateral_patches");
    for (const auto& [weight, gradient] : with_prefix(expected, "grad.")) {
      if (weight.ends_with("patches")) continue;
      const torch::Tensor actual = module.named_parameters()[weight].grad();
      expect_near(actual, gradient, 2e-5 * std::max(1.0, gradient.abs().max().item<double>()),
                  "grad." + weight);
    }
  }
}

TEST_P(GoldenMethod, HeadsAgree) {
  BIPLANE_NEEDS_TEST_DATA("golden/method/heads");
  const TensorMap inputs = load("heads/inputs.safetensors");
  const TensorMap weights = load("heads/weights.safetensors");
  const TensorMap expected = load("heads/outputs.safetensors");
  const torch::Tensor vocabulary = weights.at("head.decoder.weight");
  const std::int64_t width = vocabulary.size(1);
  MlmHead head(width, vocabulary.size(0));
  fill(head, with_prefix(weights, "head."));
  const torch::Tensor logits = head.forward(inputs.at("hidden"));
  expect_near(logits, expected.at("logits"), 1e-5, "logits");
  const torch::Tensor loss = at::cross_entropy_loss(logits.reshape({-1, logits.size(2)}),
                                                    inputs.at("mlm_labels").view(-1));
  expect_near(loss, expected.at("mlm_loss"), 1e-5, "mlm_loss");

  LateralAdapter adapter(inputs.at("lateral_features").size(2), width);
  fill(adapter, with_prefix(weights, "adapter."));
  const AdapterOutput adapted =
      adapter.forward(inputs.at("lateral_features"), inputs.at("lateral_valid"));
  expect_near(adapted.tokens, expected.at("adapter.tokens"), 1e-5, "adapter.tokens");
  expect_near(adapted.pooling_weights, expected.at("adapter.pooling_weights"), 1e-5,
              "adapter.pooling_weights");
  expect_near(adapted.global, expected.at("adapter.global"), 1e-5, "adapter.global");

  Fusion fusion(width);
  fill(fusion, with_prefix(weights, "fuse."));
  expect_near(fusion.forward(inputs.at("frontal_global"), inputs.at("lateral_global"),
                             inputs.at("has_frontal"), inputs.at("has_lateral")),
              expected.at("fused"), 1e-5, "fused");
}

INSTANTIATE_TEST_SUITE_P(Types, GoldenMethod, ::testing::Values(torch::kFloat32, torch::kFloat64),
                         [](const auto& info) { return c10::toString(info.param); });

}  // namespace
}  // namespace biplane

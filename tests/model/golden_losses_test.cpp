#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "biplane/model/losses.h"
#include "biplane/model/prototypes.h"
#include "biplane/model/view_alignment.h"
#include "tests/nn/tensor_checks.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

using testing::expect_near;
using testing::load_as;
using testing::test_data;

constexpr double kLossTolerance = 1e-5;
constexpr double kCodeTolerance = 2e-5;

nlohmann::json read_json(const std::filesystem::path& file) {
  std::ifstream stream(file);
  return nlohmann::json::parse(stream);
}

GlobalBatch one_process(const TensorMap& inputs) {
  return gather_batch(inputs.at("has_frontal"), inputs.at("has_lateral"), Collective{});
}

// Gradient of `loss` by `input`, zeros where it takes no part.
torch::Tensor gradient(const torch::Tensor& loss, const torch::Tensor& input) {
  const torch::Tensor result = torch::autograd::grad({loss}, {input}, {}, true, false, true)[0];
  return result.defined() ? result : torch::zeros_like(input);
}

class GoldenLosses : public ::testing::TestWithParam<torch::ScalarType> {};
INSTANTIATE_TEST_SUITE_P(Types, GoldenLosses, ::testing::Values(torch::kFloat32, torch::kFloat64),
                         [](const auto& info) { return torch::toString(info.param); });

TEST_P(GoldenLosses, InfoNceWithMissingViewsAgreesInValueAndGradient) {
  BIPLANE_NEEDS_TEST_DATA("golden/method/info_nce");
  const auto folder = test_data("golden/method/info_nce");
  const nlohmann::json expected = read_json(folder / "expected.json");
  ASSERT_FALSE(expected.empty());
  for (const auto& [name, values] : expected.items()) {
    SCOPED_TRACE(name);
    TensorMap inputs = load_as(folder / (name + ".safetensors"), GetParam());
    const GlobalBatch batch = one_process(inputs);
    const auto features = [&](const char* key) {
      return gather_units(inputs.at(key).requires_grad_(true), Collective{});
    };
    const ItcFeatures all{features("text"), features("frontal"), features("lateral"),
                          features("fused")};
    const ItcLoss loss = itc_loss(all, {torch::full({}, 10.0, GetParam())}, batch);
    const auto check = [&](const std::optional<torch::Tensor>& term, const char* key) {
      ASSERT_EQ(term.has_value(), !values.at(key).is_null()) << key;
      if (term) {
        EXPECT_NEAR(term->item<double>(), values.at(key).get<double>(), kLossTolerance) << key;
      }
    };
    check(loss.frontal_text, "ft");
    check(loss.lateral_text, "lt");
    check(loss.fused_text, "flt");
    check(loss.total, "itc");
    for (const char* key : {"text", "frontal", "lateral", "fused"}) {
      expect_near(gradient(*loss.total, inputs.at(key)), inputs.at(std::string("grad.") + key),
                  kLossTolerance, key);
    }
  }
}

TEST_P(GoldenLosses, SinkhornCodesAgreeAlsoWhereTheExponentialOverflows) {
  BIPLANE_NEEDS_TEST_DATA("golden/method/prototypes");
  const TensorMap outputs =
      load_as(test_data("golden/method/prototypes/outputs.safetensors"), GetParam());
  const torch::Tensor scores = outputs.at("scores.text");
  expect_near(sinkhorn_codes(scores, 0.05, 3), outputs.at("codes3.text"), kCodeTolerance,
              "3 iterations");
  expect_near(sinkhorn_codes(scores, 0.05, 50), outputs.at("codes50.text"), kCodeTolerance,
              "50 iterations");
  expect_near(sinkhorn_codes(outputs.at("raw_scores"), 0.05, 3), outputs.at("codes3.raw_scores"),
              kCodeTolerance, "raw scores");
  for (const char* view : {"frontal", "lateral"}) {
    const TensorMap inputs =
        load_as(test_data("golden/method/prototypes/inputs.safetensors"), GetParam());
    const torch::Tensor rows = inputs.at(std::string("has_") + view).nonzero().squeeze(1);
    const torch::Tensor present = outputs.at(std::string("scores.") + view).index_select(0, rows);
    expect_near(sinkhorn_codes(present, 0.05, 3), outputs.at(std::string("codes3.") + view),
                kCodeTolerance, view);
  }
}

TEST_P(GoldenLosses, PrototypeUseApproachesAnEqualPartition) {
  BIPLANE_NEEDS_TEST_DATA("golden/method/prototypes");
  const TensorMap outputs =
      load_as(test_data("golden/method/prototypes/outputs.safetensors"), torch::kFloat64);
  const nlohmann::json expected = read_json(test_data("golden/method/prototypes/expected.json"));
  const torch::Tensor scores = outputs.at("scores.text");
  const double even = static_cast<double>(scores.size(0)) / static_cast<double>(scores.size(1));
  for (const std::int64_t iterations : {1, 3, 10, 50, 200}) {
    const torch::Tensor use = sinkhorn_codes(scores, 0.05, iterations).sum(0);
    const double deviation = (use - even).abs().max().item<double>();
    EXPECT_NEAR(deviation,
                expected.at("use_deviation_after_" + std::to_string(iterations)).get<double>(),
                kCodeTolerance);
  }
}

TEST_P(GoldenLosses, SwappedPredictionAgreesInValueAndGradient) {
  BIPLANE_NEEDS_TEST_DATA("golden/method/prototypes");
  TensorMap inputs = load_as(test_data("golden/method/prototypes/inputs.safetensors"), GetParam());
  const TensorMap outputs =
      load_as(test_data("golden/method/prototypes/outputs.safetensors"), GetParam());
  const nlohmann::json expected = read_json(test_data("golden/method/prototypes/expected.json"));
  for (const char* key : {"text", "frontal", "lateral", "prototypes"})
    inputs.at(key).requires_grad_(true);
  const auto features = [&](const char* key) { return gather_units(inputs.at(key), Collective{}); };
  const PrototypeFeatures all{features("text"), features("frontal"), features("lateral")};
  const auto loss = prototype_loss(all, inputs.at("prototypes"), {}, PrototypeOptions{0.05, 0.1, 3},
                                   one_process(inputs));
  ASSERT_TRUE(loss.has_value());
  EXPECT_NEAR(loss->total.item<double>(), expected.at("proto").get<double>(), kLossTolerance);
  for (const char* key : {"text", "frontal", "lateral", "prototypes"}) {
    expect_near(gradient(loss->total, inputs.at(key)), outputs.at(std::string("grad.") + key),
                kLossTolerance, key);
  }
}

// The file's decoder outputs of the studies with both views, as piece units.
struct AlignmentCase {
  TensorMap inputs;
  torch::Tensor rows;
  ReportUnits units;

  explicit AlignmentCase(torch::ScalarType dtype)
      : inputs(load_as(test_data("golden/method/view_alignment/inputs.safetensors"), dtype)),
        rows(inputs.at("has_both").nonzero().squeeze(1)) {
    units.valid = inputs.at("word_mask").index_select(0, rows);
    for (const char* key : {"z_frontal", "z_lateral"}) inputs.at(key).requires_grad_(true);
  }

  torch::Tensor loss(const AlignmentOptions& options) const {
    const auto vectors = [&](const char* key) {
      return unit_vectors(inputs.at(key).index_select(0, rows), units);
    };
    const WeightedSum half =
        word_half(vectors("z_frontal"), vectors("z_lateral"), units, options, Collective{});
    return half.sum / half.weight;
  }

  void check(const std::string& name, const AlignmentOptions& options) const {
    const nlohmann::json expected =
        read_json(test_data("golden/method/view_alignment/expected.json"));
    const TensorMap outputs =
        load_as(test_data("golden/method/view_alignment/outputs.safetensors"), torch::kFloat64);
    const torch::Tensor value = loss(options);
    EXPECT_NEAR(value.item<double>(), expected.at(name).get<double>(), kLossTolerance) << name;
    for (const std::string key : {"z_frontal", "z_lateral"}) {
      expect_near(gradient(value, inputs.at(key)), outputs.at(name + ".grad_" + key),
                  kLossTolerance, name + " " + key);
    }
  }
};

TEST_P(GoldenLosses, ViewAlignmentAgreesInValueAndGradient) {
  BIPLANE_NEEDS_TEST_DATA("golden/method/view_alignment");
  AlignmentCase(GetParam()).check("fla", {});
}

TEST_P(GoldenLosses, ViewAlignmentWithWordWeightsAgrees) {
  BIPLANE_NEEDS_TEST_DATA("golden/method/view_alignment");
  AlignmentCase weighted(GetParam());
  weighted.units.weight = weighted.inputs.at("word_weights").index_select(0, weighted.rows);
  weighted.check("fla_weighted", {});
}

TEST_P(GoldenLosses, ViewAlignmentWithBatchNegativesAgrees) {
  BIPLANE_NEEDS_TEST_DATA("golden/method/view_alignment");
  AlignmentOptions options;
  options.batch_negatives = true;
  AlignmentCase(GetParam()).check("fla_batch_negatives", options);
}

}  // namespace
}  // namespace biplane

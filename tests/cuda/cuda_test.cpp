// What the CPU computes, a GPU computes too. Skipped by name where LibTorch sees no CUDA device.
#include <ATen/Context.h>
#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>

#include "biplane/nn/dropout.h"
#include "tests/cuda/needs_cuda.h"
#include "tests/model/synthetic_studies.h"
#include "tests/nn/tensor_checks.h"

namespace biplane {
namespace {

using testing::expect_near;
using testing::make_batch;
using testing::synthetic_studies;
using testing::tiny_settings;

class Autocast {
 public:
  explicit Autocast(bool on) : on_(on) {
    if (!on_) return;
    at::autocast::set_autocast_dtype(at::kCUDA, at::kBFloat16);
    at::autocast::set_autocast_enabled(at::kCUDA, true);
  }
  ~Autocast() {
    if (!on_) return;
    at::autocast::set_autocast_enabled(at::kCUDA, false);
    at::autocast::clear_cache();
  }
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  bool on_;
};

struct Step {
  std::map<std::string, double> terms;  // by name, "total" among them
  TensorMap gradients;                  // on the CPU, by parameter
};

Step step_on(torch::Device device, torch::Dtype dtype, bool autocast,
             const PretrainSettings& settings, const StudyBatch& batch) {
  PretrainObjective objective(settings);
  objective.module().to(device, dtype);
  objective.module().train();
  StepContext context{.step = 300, .seed = 5};
  LossTerms loss;
  {
    const Autocast half(autocast);
    loss = objective.compute(batch.to(device, dtype), context);
  }
  loss.total.backward();
  Step step;
  step.terms["total"] = loss.total.item<double>();
  for (const auto& [name, value] : loss.terms) step.terms[name] = value.item<double>();
  for (const auto& item : objective.module().named_parameters()) {
    if (item.value().grad().defined())
      step.gradients.emplace(item.key(), item.value().grad().to(torch::kCPU, torch::kFloat64));
  }
  return step;
}

void expect_close(const Step& gpu, const Step& cpu, double relative) {
  for (const auto& [name, value] : cpu.terms)
    EXPECT_NEAR(gpu.terms.at(name), value, relative * std::max(1.0, std::abs(value))) << name;
  ASSERT_EQ(gpu.gradients.size(), cpu.gradients.size());
  double largest = 0.0;
  for (const auto& [name, gradient] : cpu.gradients)
    largest = std::max(largest, gradient.abs().max().item<double>());
  for (const auto& [name, gradient] : cpu.gradients) {
    const double scale = std::max(gradient.abs().max().item<double>(), 1e-3 * largest);
    expect_near(gpu.gradients.at(name), gradient, 10 * relative * scale, name);
  }
}

TEST(Cuda, AStepOfAllTermsGivesTheLossesAndGradientsOfTheCpu) {
  BIPLANE_NEEDS_CUDA();
  PretrainSettings settings = tiny_settings();
  settings.model.text.dropout = 0.1;
  const StudyBatch batch = make_batch(synthetic_studies(6));
  expect_close(step_on(torch::kCUDA, torch::kFloat64, false, settings, batch),
               step_on(torch::kCPU, torch::kFloat64, false, settings, batch), 1e-9);
}

TEST(Cuda, AStepUnderBfloat16AutocastIsFiniteAndNearTheCpu) {
  BIPLANE_NEEDS_CUDA();
  const PretrainSettings settings = tiny_settings();
  const StudyBatch batch = make_batch(synthetic_studies(6));
  const Step exact = step_on(torch::kCPU, torch::kFloat32, false, settings, batch);
  const Step rounded = step_on(torch::kCUDA, torch::kFloat32, true, settings, batch);
  for (const auto& [name, value] : exact.terms)
    EXPECT_NEAR(rounded.terms.at(name), value, 0.1 * std::max(1.0, std::abs(value))) << name;
  for (const auto& [name, gradient] : rounded.gradients)
    EXPECT_TRUE(gradient.isfinite().all().item<bool>()) << name;
}

TEST(Cuda, DropoutMasksAreThoseOfTheCpuBitByBit) {
  BIPLANE_NEEDS_CUDA();
  KeyedDropout dropout;
  dropout.rate = 0.3;
  dropout.seed = 9;
  dropout.study_index = torch::arange(5);
  const torch::Tensor ones = torch::ones({5, 7, 33});
  EXPECT_TRUE(at::equal(dropout.apply(ones.to(torch::kCUDA), 2).cpu(), dropout.apply(ones, 2)));
}

// With the plain kernel forbidden an attention that no fused one takes is an error.
TEST(Cuda, AttentionNeedsNoPlainKernel) {
  BIPLANE_NEEDS_CUDA();
  const PretrainSettings settings = tiny_settings();
  const StudyBatch batch = make_batch(synthetic_studies(6));
  at::globalContext().setSDPUseMath(false);
  try {
    step_on(torch::kCUDA, torch::kFloat32, true, settings, batch);
  } catch (const std::exception& error) {
    ADD_FAILURE() << error.what();
  }
  at::globalContext().setSDPUseMath(true);
}

// The towers of configs/paper.yaml at full size, random weights, 4 studies of 224 px.
TEST(Cuda, AStepOfThePapersTowersAgreesWithTheCpu) {
  BIPLANE_NEEDS_CUDA();
  PretrainSettings settings;
  settings.model.lateral.kind = "swin";
  settings.model.lateral.frozen = settings.model.lateral.allow_random_frozen = true;
  settings.model.text.dropout = 0.1;
  settings.model.text.bert.vocabulary = 28996;
  settings.loss.fla.image_negatives = 0;
  settings.loss.proto.queue = 0;
  const StudyBatch batch = make_batch(synthetic_studies(4), 128, 224);
  const Step cpu = step_on(torch::kCPU, torch::kFloat32, false, settings, batch);
  const Step gpu = step_on(torch::kCUDA, torch::kFloat32, false, settings, batch);
  expect_close(gpu, cpu, 2e-3);
  const Step rounded = step_on(torch::kCUDA, torch::kFloat32, true, settings, batch);
  for (const auto& [name, value] : cpu.terms) {
    RecordProperty("cpu_" + name, std::to_string(value));
    RecordProperty("cuda_" + name, std::to_string(gpu.terms.at(name)));
    RecordProperty("cuda_bf16_" + name, std::to_string(rounded.terms.at(name)));
    std::printf("%-6s cpu %.6f  cuda %.6f  cuda bf16 %.6f\n", name.c_str(), value,
                gpu.terms.at(name), rounded.terms.at(name));
    EXPECT_NEAR(rounded.terms.at(name), value, 0.1 * std::max(1.0, std::abs(value))) << name;
  }
}

}  // namespace
}  // namespace biplane

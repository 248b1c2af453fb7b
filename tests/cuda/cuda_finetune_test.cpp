// A downstream task on a CUDA device. Skipped by name where LibTorch sees none.
#include <gtest/gtest.h>

#include "biplane/core/files.h"
#include "tests/cuda/needs_cuda.h"
#include "tests/tasks/small_finetune.h"

namespace biplane {
namespace {

using testing::FinetuneTest;

class CudaFinetune : public FinetuneTest {
 protected:
  void SetUp() override { BIPLANE_NEEDS_CUDA(); }

  // The same run on both devices: weights and figures agree to rounding.
  void expect_same_on_both(FinetuneConfig config) {
    config.train.threads = 1;
    config.train.optimizer = "sgd";  // AdamW's first steps are the signs of gradients near zero
    const FinetuneResult cpu = run(config, "cpu");
    config.train.device = "cuda";
    const FinetuneResult gpu = run(config, "gpu");
    const TensorMap here = weights("cpu"), there = weights("gpu");
    for (const auto& [name, tensor] : here)
      EXPECT_TRUE(torch::allclose(tensor, there.at(name), 1e-3, 1e-5)) << name;
    ASSERT_EQ(cpu.rows.size(), gpu.rows.size());
    for (std::size_t i = 0; i < cpu.rows.size(); ++i)
      EXPECT_EQ(cpu.rows[i].value.has_value(), gpu.rows[i].value.has_value());
    EXPECT_EQ(read_file(small_.root() / "gpu/state"), "done\n");
  }
};

TEST_F(CudaFinetune, ALinearHeadIsThatOfTheCpu) { expect_same_on_both(config()); }

TEST_F(CudaFinetune, FineTuningOfBothViewsIsThatOfTheCpu) {
  FinetuneConfig config = this->config();
  config.task = "finetune";
  config.data.views = "both";
  config.head.features = "projected";
  config.train.clip = 1;
  config.train.select_from = 3;
  expect_same_on_both(config);
}

TEST_F(CudaFinetune, AugmentedImagesAreThoseOfTheCpu) {
  FinetuneConfig config = this->config();
  config.augment.crop_scale = {0.5, 1.0};
  config.augment.flip = 0.5;
  expect_same_on_both(config);
}

}  // namespace
}  // namespace biplane

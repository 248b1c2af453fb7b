#include "biplane/train/device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/cuda.h>

#include <string>

#include "biplane/core/error.h"
#include "biplane/train/config.h"
#include "biplane/train/pretrain.h"
#include "tests/model/synthetic_studies.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TrainConfig on(const std::string& device) {
  TrainConfig config;
  config.steps = 1;
  config.device = device;
  return config;
}

template <class F>
std::string usage_error_of(F&& function) {
  try {
    function();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    return error.what();
  }
  return "nothing was thrown";
}

TEST(Device, TheCpuAndCudaDevicesCanBeNamed) {
  EXPECT_EQ(TrainConfig().device, "cpu");
  EXPECT_FALSE(on_cuda(on("cpu")));
  for (const char* name : {"cuda", "cuda:0", "cuda:12"}) {
    EXPECT_NO_THROW(check_train_config(on(name))) << name;
    EXPECT_TRUE(on_cuda(on(name))) << name;
  }
}

TEST(Device, OtherNamesAreRefusedAndTheRightOnesSaid) {
  for (const char* name : {"", "gpu", "CUDA", "cuda0", "cuda:", "cuda:x", "cuda:-1", "cuda:01",
                           "cuda:1 ", "cuda:1234", "cpu:0"}) {
    EXPECT_THAT(usage_error_of([&] { check_train_config(on(name)); }),
                AllOf(HasSubstr(std::string("train.device = ") + name), HasSubstr("cuda:N")))
        << name;
  }
}

TEST(Device, OneThreadFeedsACudaDevice) {
  TrainConfig config = on("cuda:1");
  EXPECT_EQ(compute_threads(config), 1);
  config.threads = 1;
  EXPECT_NO_THROW(check_train_config(config));
  config.threads = 2;
  EXPECT_THAT(usage_error_of([&] { check_train_config(config); }),
              AllOf(HasSubstr("train.threads = 2"), HasSubstr("train.device = cuda:1")));
}

TEST(Device, OneThatIsNotThereIsAnError) {
  EXPECT_EQ(training_device(on("cpu")), torch::Device(torch::kCPU));
  EXPECT_THAT(usage_error_of([] { training_device(on("cuda:99")); }),
              AllOf(HasSubstr("train.device = cuda:99"), HasSubstr("CUDA device")));
  if (torch::cuda::is_available()) GTEST_SKIP() << "there is a CUDA device";
  EXPECT_THAT(usage_error_of([] { training_device(on("cuda")); }),
              AllOf(HasSubstr("train.device = cuda"), HasSubstr("no CUDA device")));
}

TEST(Device, OneThatIsNotThereIsSaidBeforeAnyDataIsRead) {
  const testing::TemporaryFolder folder;
  PretrainConfig config;
  config.model = testing::tiny_model();
  config.data.image = {"longest", 32, 32};
  config.data.max_tokens = 32;
  config.data.manifest = folder / "absent.jsonl";
  config.train = on("cuda:99");
  EXPECT_THAT(usage_error_of([&] { pretrain(config, folder / "run", {}); }),
              HasSubstr("train.device = cuda:99"));
  EXPECT_FALSE(std::filesystem::exists(folder / "run"));
}

}  // namespace
}  // namespace biplane

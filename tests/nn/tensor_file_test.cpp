#include "biplane/nn/tensor_file.h"

#include <gmock/gmock.h>
#include <torch/serialize.h>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

TensorMap some_tensors() {
  const auto numbers = torch::arange(24, torch::kFloat32).reshape({2, 3, 4});
  return {{"transposed", numbers.transpose(0, 2)},
          {"slice", numbers.slice(2, 1, 3)},
          {"expanded", torch::ones({1, 3}).expand({2, 3})},
          {"half", numbers.to(torch::kFloat16)},
          {"brain", numbers.to(torch::kBFloat16)},
          {"ids", torch::tensor({1, -2}, torch::kInt64)},
          {"flags", torch::tensor({true, false})},
          {"scalar", torch::tensor(3.5, torch::kFloat64)},
          {"none", torch::zeros({0, 4})}};
}

void expect_same(const TensorMap& read, const TensorMap& written) {
  ASSERT_EQ(read.size(), written.size());
  for (const auto& [name, tensor] : written) {
    ASSERT_TRUE(read.contains(name)) << name;
    EXPECT_EQ(read.at(name).scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(torch::equal(read.at(name), tensor)) << name;
  }
}

TEST(LoadTensors, ReadsWhatLibTorchWritesInItsOwnForms) {
  const testing::TemporaryFolder folder;
  const TensorMap written = some_tensors();
  torch::serialize::OutputArchive module;
  c10::Dict<std::string, torch::Tensor> dict;
  for (const auto& [name, tensor] : written) {
    module.write(name, tensor, /*is_buffer=*/true);
    dict.insert(name, tensor);
  }
  module.save_to((folder / "module.pt").string());
  expect_same(load_tensors(WeightFile::open(folder / "module.pt")), written);
  const std::vector<char> pickled = torch::pickle_save(dict);
  write_file_atomically(folder / "dict.pt", std::string_view(pickled.data(), pickled.size()));
  expect_same(load_tensors(WeightFile::open(folder / "dict.pt")), written);
}

TEST(LoadTensors, ReadsSafetensorsAndFoldersOfThem) {
  const testing::TemporaryFolder folder;
  save_safetensors(folder / "model.safetensors", some_tensors());
  expect_same(load_tensors(WeightFile::open(folder / "model.safetensors")), some_tensors());
  expect_same(load_tensors(WeightFile::open(folder.path())), some_tensors());
  EXPECT_THROW(load_tensors(WeightFile::open(folder / "absent.bin")), Error);
}

}  // namespace
}  // namespace biplane

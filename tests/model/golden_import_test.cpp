// Published weights, whatever file and names they come in, give the same tower.
#include <gmock/gmock.h>

#include <fstream>
#include <map>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/model/tower_package.h"
#include "tests/nn/tensor_checks.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using testing::test_data;

const fs::path kModels = "golden/models";

PublishedTower import_one(const fs::path& file) {
  const ImportResult result = import_towers(file, {});
  EXPECT_EQ(result.towers.size(), 1U) << file;
  refuse_incomplete(result, {});
  return result.towers.at(0).tower;
}

// Every tensor of `tower` is that of `wanted`: bit by bit, or to a relative difference.
void expect_same(const PublishedTower& tower, const PublishedTower& wanted, double relative,
                 const std::string& what) {
  EXPECT_EQ(tower.vit.heads, wanted.vit.heads) << what;
  for (const auto& [name, tensor] : wanted.weights) {
    ASSERT_TRUE(tower.weights.contains(name)) << what << ": " << name;
    const torch::Tensor& actual = tower.weights.at(name);
    EXPECT_EQ(actual.scalar_type(), torch::kFloat32) << what << ": " << name;
    if (relative == 0.0) {
      EXPECT_TRUE(at::equal(actual, tensor)) << what << ": " << name;
    } else {
      testing::expect_near_relative(actual, tensor, relative, what + ": " + name);
    }
  }
  EXPECT_EQ(tower.weights.size(), wanted.weights.size()) << what;
}

void expect_all_same(const std::string& folder, const std::vector<std::string>& files) {
  const fs::path root = test_data(kModels / folder);
  const PublishedTower wanted = import_one(root / "weights.safetensors");
  for (const std::string& file : files) {
    const bool half = file.find("fp16") != std::string::npos;
    expect_same(import_one(root / file), wanted, half ? 1e-3 : 0.0, file);
  }
}

TEST(GoldenImport, ClipInEveryContainerAndNaming) {
  BIPLANE_NEEDS_TEST_DATA(kModels / "clip_vision");
  expect_all_same("clip_vision",
                  {"weights_openai.safetensors", "openai_state_dict.pt", "openai_torchscript.pt",
                   "openai_torchscript_scripted.pt", "openai_torchscript_fp16.pt",
                   "openai_checkpoint_module_prefix.pt"});
}

TEST(GoldenImport, VitInEveryContainerAndNaming) {
  BIPLANE_NEEDS_TEST_DATA(kModels / "vit_timm");
  expect_all_same("vit_timm", {"weights_transformers_names.safetensors", "mae_checkpoint.pth",
                               "mae_checkpoint_with_namespace.pth"});
  const PublishedTower pooled =
      import_one(test_data(kModels / "vit_timm/weights_fc_norm.safetensors"));
  EXPECT_EQ(pooled.vit.pooling, "mean");
}

TEST(GoldenImport, SwinUnderBothNamings) {
  BIPLANE_NEEDS_TEST_DATA(kModels / "swin");
  expect_all_same("swin", {"weights_original_names.safetensors"});
}

TEST(GoldenImport, BertWithPreTrainingHeadsAndOldNames) {
  BIPLANE_NEEDS_TEST_DATA(kModels / "bert_bin");
  expect_all_same("bert_bin",
                  {"pytorch_model.bin", "pytorch_model_gamma_beta.bin", "pytorch_model_fp16.bin"});
  const ImportResult result = import_towers(test_data(kModels / "bert_bin/pytorch_model.bin"), {});
  bool head = false;
  for (const TensorRow& row : result.unexpected)
    head |= row.source == "cls.predictions.decoder.weight";
  EXPECT_TRUE(head);
}

TEST(GoldenImport, TheFormatBeforeZipArchives) {
  BIPLANE_NEEDS_TEST_DATA(kModels / "bert_bin");
  expect_all_same("bert_bin", {"pytorch_model_legacy.bin"});
}

// The published two-view checkpoint by its list of names and shapes; the numbers do not matter.
TensorMap two_view_checkpoint(const fs::path& list) {
  TensorMap source;
  std::ifstream lines(list);
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line)) {
    const std::string name = line.substr(0, line.find(','));
    std::string shape = line.substr(name.size() + 1);
    shape = shape.substr(0, shape.find(','));
    std::vector<std::int64_t> sizes;
    for (std::size_t at = 0; at != std::string::npos && at < shape.size();) {
      sizes.push_back(std::stoll(shape.substr(at)));
      const std::size_t next = shape.find('x', at);
      at = next == std::string::npos ? next : next + 1;
    }
    source.emplace(name, torch::zeros({}).expand(sizes));  // no memory
  }
  return source;
}

TEST(GoldenImport, ThePublishedTwoViewCheckpointHasThreeTowersAndTheRestIsNamed) {
  const fs::path list = test_data(kModels / "f_l_checkpoint_keys.csv");
  if (!fs::exists(list)) GTEST_SKIP() << "no test data: " << list;  // not in this repository's set
  const TensorMap source = two_view_checkpoint(list);
  ASSERT_EQ(source.size(), 676U);
  const std::vector<MappedTower> mapped = map_towers(source);
  ASSERT_EQ(mapped.size(), 3U);
  std::map<std::string, PublishedTower> towers;
  for (const MappedTower& tower : mapped) {
    towers[tower.prefix] = build_tower(tower, {});
    EXPECT_NO_THROW(refuse_incomplete(towers[tower.prefix], {}, "checkpoint.pt"));
  }
  const PublishedTower& frontal = towers.at("base_model.visual.visual.");
  EXPECT_EQ(frontal.vit.style, "clip");
  EXPECT_EQ(frontal.vit.layers, 12);
  EXPECT_EQ(frontal.weights.at("projection.weight").sizes(), (std::vector<std::int64_t>{512, 768}));
  EXPECT_EQ(towers.at("lateral_encoder.swin_encoder.").swin.depths,
            (std::vector<std::int64_t>{2, 2, 6, 2}));
  const PublishedTower& text = towers.at("base_model.text_encoder.");
  EXPECT_EQ(text.bert.layers, 12);
  EXPECT_EQ(text.weights.at("projection.weight").sizes(), (std::vector<std::int64_t>{512, 768}));
  std::set<std::string> rest;
  for (const TensorRow& row : unexpected_tensors(source, mapped)) rest.insert(row.source);
  for (const char* name :
       {"query", "Selection.aggr_net.scale", "prototype_layer.weight",
        "lateral_encoder.adapter.0.weight", "base_model.text_encoder.pooler.dense.weight"})
    EXPECT_TRUE(rest.contains(name)) << name;
}

// In this repository's set only: the same layout at small sizes.
TEST(GoldenImport, ACheckpointOfTheTwoViewLayoutGivesItsThreeTowers) {
  const fs::path folder = test_data(kModels / "f_l_checkpoint");
  if (!fs::exists(folder)) GTEST_SKIP() << "no test data: " << folder;
  const ImportResult archive = import_towers(folder / "checkpoint.pt", {});
  const ImportResult wanted = import_towers(folder / "weights.safetensors", {});
  refuse_incomplete(archive, {});
  ASSERT_EQ(archive.towers.size(), 3U);
  ASSERT_EQ(wanted.towers.size(), 3U);
  std::set<std::string> roles;
  for (std::size_t i = 0; i < 3; ++i) {
    roles.insert(archive.towers[i].role);
    expect_same(archive.towers[i].tower, wanted.towers[i].tower, 0.0, archive.towers[i].role);
  }
  EXPECT_EQ(roles, (std::set<std::string>{"frontal", "lateral", "text"}));
  EXPECT_EQ(load_tower(folder / "checkpoint.pt", "lateral").tower.kind, "swin");
}

void expect_written_again_the_same(const fs::path& source, const std::string& role) {
  const testing::TemporaryFolder folder;
  const ImportResult imported = import_towers(source, {});
  save_tower_package(folder / "a", imported.towers.at(0));
  const TowerPackage read = load_tower(folder / "a", role);
  expect_same(read.tower, imported.towers[0].tower, 0.0, source.string());
  save_tower_package(folder / "b", read);
  EXPECT_EQ(read_file(folder / "a" / "model.safetensors"),
            read_file(folder / "b" / "model.safetensors"));
}

TEST(GoldenImport, EveryFamilyIsReadBackBitByBitAndWrittenAgainTheSame) {
  BIPLANE_NEEDS_TEST_DATA(kModels / "swin");
  expect_written_again_the_same(test_data(kModels / "clip_vision/openai_state_dict.pt"), "frontal");
  expect_written_again_the_same(test_data(kModels / "swin/weights.safetensors"), "lateral");
  expect_written_again_the_same(test_data(kModels / "bert/weights.safetensors"), "text");
}

TEST(GoldenImport, AnImportedFolderIsProvedBeforeUse) {
  BIPLANE_NEEDS_TEST_DATA(kModels / "clip_vision");
  const testing::TemporaryFolder folder;
  ImportOptions options;
  options.corpora = {"clip-400m"};
  const ImportResult imported =
      import_towers(test_data(kModels / "clip_vision/openai_state_dict.pt"), options);
  save_tower_package(folder / "a", imported.towers.at(0));
  const TowerPackage read = load_tower(folder / "a", "frontal");
  EXPECT_EQ(read.corpora, options.corpora);
  EXPECT_EQ(read.tower.image_size, imported.towers[0].tower.image_size);
  EXPECT_NO_THROW(load_tower(folder / "a", "lateral"));  // one image tower serves either view
  EXPECT_THROW(load_tower(folder / "a", "text"), Error);
  std::ofstream(folder / "a" / "model.safetensors", std::ios::app) << 'x';
  EXPECT_THROW(load_tower(folder / "a", "frontal"), Error);
}

}  // namespace
}  // namespace biplane

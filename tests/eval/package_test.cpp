#include "biplane/model/package.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <sstream>

#include "biplane/core/config.h"
#include "biplane/core/error.h"
#include "tests/eval/small_evaluation.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;
using testing::SmallEvaluation;

ErrorKind kind_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.kind();
  }
  ADD_FAILURE() << "nothing was thrown";
  return ErrorKind::kFailure;
}

TEST(ModelPackage, ReadsBackWhatWasWritten) {
  const SmallEvaluation small(3);
  const ModelDescription written = small.description();
  const ModelPackage package = load_model_package(small.root() / "run");
  EXPECT_EQ(package.folder, small.model_path());
  EXPECT_EQ(print_config(package.description.config), print_config(written.config));
  EXPECT_EQ(print_config(package.description.preprocess), print_config(written.preprocess));
  EXPECT_EQ(print_config(package.description.provenance), print_config(written.provenance));
  EXPECT_EQ(package.description.vocabulary.size(), written.vocabulary.size());
  ASSERT_EQ(package.description.prompts.size(), 1U);
  const TensorMap weights = SmallEvaluation::random_weights(written.config);
  ASSERT_EQ(package.weights.size(), weights.size());
  for (const auto& [name, tensor] : weights)
    EXPECT_TRUE(torch::equal(package.weights.at(name), tensor)) << name;
  for (const char* file : {"config.json", "preprocess.json", "vocab.txt", "model_card.md",
                           "SHA256SUMS", "prompts/small.yaml"}) {
    EXPECT_TRUE(fs::exists(small.model_path() / file)) << file;
  }
}

TEST(ModelPackage, AModelOfBeforeTheFlagsCountsAsTrained) {
  const SmallEvaluation small(3);
  std::istringstream lines(read_file(small.model_path() / "config.json"));
  std::string older;
  int left_out = 0;
  for (std::string line; std::getline(lines, line);) {
    const bool flag = line.find("fusion_trained") != std::string::npos ||
                      line.find("\"frontal_trained") != std::string::npos ||
                      line.find("\"lateral_trained") != std::string::npos;
    left_out += flag ? 1 : 0;
    if (!flag) older += line + '\n';
  }
  ASSERT_EQ(left_out, 3);
  write_file_atomically(small.model_path() / "config.json", older);
  const ModelProvenance provenance = read_model_description(small.model_path()).provenance;
  EXPECT_TRUE(provenance.fusion_trained && provenance.frontal_trained &&
              provenance.lateral_trained);
}

TEST(ModelPackage, AChangedFileIsDamaged) {
  const SmallEvaluation small(3);
  const std::string config = read_file(small.model_path() / "config.json");
  write_file_atomically(small.model_path() / "config.json", config + " ");
  EXPECT_EQ(kind_of([&] { load_model_package(small.model_path()); }), ErrorKind::kBadContent);
}

TEST(ModelPackage, ANumberThatIsNotFiniteNamesItsTensor) {
  const SmallEvaluation small(3);
  TensorMap weights = SmallEvaluation::random_weights(small.description().config);
  torch::Tensor broken = weights.begin()->second.clone();
  broken.view({-1})[0] = std::nan("");
  const std::string name = weights.begin()->first;
  weights[name] = broken;
  save_model_package(small.root() / "nan", small.description(), weights);
  try {
    load_model_package(small.root() / "nan");
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadContent);
    EXPECT_NE(std::string(error.what()).find(name), std::string::npos) << error.what();
  }
}

TEST(ModelPackage, SumsThatDoNotNameAFileAreDamaged) {
  const SmallEvaluation small(3);
  const std::string sums = read_file(small.model_path() / "SHA256SUMS");
  write_file_atomically(small.model_path() / "SHA256SUMS", sums.substr(0, sums.find('\n') + 1));
  EXPECT_EQ(kind_of([&] { load_model_package(small.model_path()); }), ErrorKind::kBadContent);
}

TEST(ModelPackage, AnotherArchitectureIsRefusedByName) {
  const SmallEvaluation small(3);
  ModelDescription other = small.description();
  other.config.width = 32;
  save_model_package(small.root() / "other", other,
                     SmallEvaluation::random_weights(small.description().config));
  try {
    Engine::open(small.root() / "other");
    FAIL() << "weights of another width were taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadContent);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("other"));
  }
}

TEST(ModelPackage, AConfigurationOfMoreNumbersThanTheFileHoldsTakesNoMemory) {
  const SmallEvaluation small(3);
  using Change = std::function<void(ModelConfig&)>;
  for (const Change& change : std::vector<Change>{
           [](ModelConfig& c) { c.frontal.vit.layers = 900, c.frontal.vit.width = 8192; },
           [](ModelConfig& c) { c.image_size = 1 << 15, c.frontal.vit.patch = 1; },
           [](ModelConfig& c) { c.text.bert.max_positions = 1 << 22; },
           [](ModelConfig& c) {
             c.image_size = c.lateral.vit.patch = c.frontal.vit.patch = 1 << 13;
           },
           [](ModelConfig& c) {
             c.lateral.vit.stem = {1 << 12, 1 << 12, 8};
           },
           [](ModelConfig& c) {
             c.lateral.kind = "swin", c.lateral.swin.width = 1 << 12, c.image_size = 64;
           },
           [](ModelConfig& c) {
             c.image_size = 1 << 14, c.frontal.kind = c.lateral.kind = "swin";
             c.frontal.swin =
                 c.lateral.swin = {.patch = 1, .width = 4, .depths = {1}, .heads = {1}};
           },
           [](ModelConfig& c) { c.alignment.layers = 1000, c.width = 8192; },
           [](ModelConfig& c) { c.prototypes.count = 1 << 22; }}) {
    ModelDescription hollow = small.description();
    change(hollow.config);
    save_model_package(small.root() / "hollow", hollow,
                       SmallEvaluation::random_weights(small.description().config));
    try {
      load_model_package(small.root() / "hollow");
      ADD_FAILURE() << "nothing was thrown";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kBadContent);
      EXPECT_THAT(error.what(), ::testing::HasSubstr("hollow/config.json: "));
    }
  }
}

TEST(ModelPackage, ReplacesAnOlderOneButNothingElse) {
  const SmallEvaluation small(3);
  ModelDescription description = small.description();
  description.provenance.steps = 99;
  save_model_package(small.model_path(), description,
                     SmallEvaluation::random_weights(description.config));
  EXPECT_EQ(load_model_package(small.model_path()).description.provenance.steps, 99);
  EXPECT_EQ(std::distance(fs::directory_iterator(small.root() / "run"), fs::directory_iterator()),
            1);  // no leftovers
  EXPECT_EQ(kind_of([&] { save_model_package(small.root(), description, {}); }), ErrorKind::kUsage);
  EXPECT_TRUE(fs::exists(small.manifest_path()));
}

TEST(ModelPackage, KeepsALexiconThatIsNotTheShippedOne) {
  const SmallEvaluation small(3);
  ModelDescription description = small.description();
  EXPECT_FALSE(fs::exists(small.model_path() / "lexicon.yaml"));
  description.lexicon = "classes:\n  entity: [Erguss]\n";
  save_model_package(small.model_path(), description,
                     SmallEvaluation::random_weights(description.config));
  EXPECT_EQ(load_model_package(small.model_path()).description.lexicon, description.lexicon);
}

TEST(ModelPackage, FindsTheNewestWholeCheckpointOfARun) {
  const SmallEvaluation small(3);
  const fs::path run = small.root() / "unfinished";
  const ModelDescription description = small.description();
  const auto companions = [&](const fs::path& folder) {
    write_model_description(folder, description);
  };
  for (const std::int64_t step : {10, 20}) {
    Checkpoint checkpoint;
    checkpoint.step = step;
    checkpoint.model = SmallEvaluation::random_weights(description.config);
    save_checkpoint(run, checkpoint, 3, companions);
  }
  EXPECT_EQ(find_model(run), run / "checkpoints/step-20");
  EXPECT_EQ(load_model_package(run / "checkpoints/step-10").weights.size(),
            SmallEvaluation::random_weights(description.config).size());
  write_file_atomically(run / "checkpoints/step-20/model.safetensors", "damaged");
  EXPECT_EQ(find_model(run), run / "checkpoints/step-10");
  EXPECT_EQ(kind_of([&] { find_model(small.root() / "out"); }), ErrorKind::kMissingInput);
}

}  // namespace
}  // namespace biplane

#include "biplane/model/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "biplane/core/checksums.h"
#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

Checkpoint checkpoint_of(std::int64_t step, double value) {
  Checkpoint checkpoint;
  checkpoint.step = checkpoint.batches = step;
  checkpoint.threads = 1;
  checkpoint.model["weight"] = torch::full({2}, value);
  checkpoint.optimizer["moment1.weight"] = torch::zeros({2});
  return checkpoint;
}

std::optional<Checkpoint> resume(const fs::path& run, std::vector<std::string>& warnings) {
  return resume_checkpoint(run, [&](const std::string& line) { warnings.push_back(line); });
}

TEST(Checkpoint, WeightsThatAreNotFiniteDoNotReplaceWholeOnes) {
  const testing::TemporaryFolder folder;
  save_checkpoint(folder.path(), checkpoint_of(1, 0.5), 1, {});
  for (const double value : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    try {
      save_checkpoint(folder.path(), checkpoint_of(2, value), 1, {});
      ADD_FAILURE() << value << " was written";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kFailure);
      EXPECT_THAT(error.what(), ::testing::HasSubstr("tensor weight"));
    }
  }
  std::vector<std::string> warnings;
  EXPECT_EQ(resume(folder.path(), warnings)->step, 1);
  EXPECT_TRUE(warnings.empty());
}

// Sums that are right do not make a state right.
TEST(Checkpoint, AStepThatCannotBeIsDamage) {
  for (const char* step : {"-2", "7", "2.5", "\"2\"", "null"}) {
    const testing::TemporaryFolder folder;
    save_checkpoint(folder.path(), checkpoint_of(1, 0.5), 2, {});
    const fs::path newest = save_checkpoint(folder.path(), checkpoint_of(2, 0.5), 2, {});
    std::string state = read_file(newest / "state.json");
    const std::string whole = "\"step\": 2";
    state.replace(state.find(whole), whole.size(), std::string("\"step\": ") + step);
    write_file_atomically(newest / "state.json", state);
    fs::remove(newest / "SHA256SUMS");
    write_checksums(newest);
    std::vector<std::string> warnings;
    EXPECT_EQ(resume(folder.path(), warnings)->step, 1) << step;
    EXPECT_EQ(warnings.size(), 1u) << step;
  }
}

}  // namespace
}  // namespace biplane

#include "biplane/tasks/ablation_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/tasks/ablation_metrics.h"
#include "tests/tasks/small_ablation.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

using ::testing::HasSubstr;
using testing::kMetric;
using testing::line;
using testing::TemporaryFolder;

std::string error_of(const std::filesystem::path& file) {
  try {
    read_ablation(file);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadContent);
    return error.what();
  }
  return "none";
}

TEST(AblationRecord, ALineHoldsWhatTheTablesNeed) {
  AblationRecord record = line("half", "abe", 3, 0.81234567, {0.8, 0.8333});
  record.levels = {{"keys", true}, {"lateral", false}};
  record.metrics.at(kMetric).repeats.emplace_back(std::nullopt);
  record.findings["both"]["nodule"] = 0.75;
  record.config_sha256 = "c";
  const std::string text = record_to_json(record);
  EXPECT_EQ(text.find('\n'), std::string::npos);
  const AblationRecord back = record_from_json(text);
  EXPECT_EQ(back.name(), "half/abe/seed-3");
  EXPECT_EQ(back.levels, record.levels);
  EXPECT_EQ(back.findings, record.findings);
  EXPECT_EQ(back.steps, 100);
  EXPECT_EQ(back.config_sha256, "c");
  const AblationMetric& metric = back.metrics.at(kMetric);
  EXPECT_DOUBLE_EQ(metric.value, 0.8123);
  ASSERT_EQ(metric.repeats.size(), 3U);
  EXPECT_NEAR(*metric.repeats[0], 0.8, 1e-12);
  EXPECT_NEAR(*metric.repeats[1], 0.8333, 1e-12);
  EXPECT_FALSE(metric.repeats[2].has_value());
  EXPECT_EQ(record_to_json(back), text);
}

TEST(AblationRecord, ALineWithEveryFigureAnd200RepeatsIsAtMost35Kilobytes) {
  AblationRecord record = line("factorial", "abcde", 15, 0.8);
  CounterRandom random(1, "line");
  for (const std::string& metric : headline_metrics()) {
    const std::size_t used = metric.find("/used");
    if (used != std::string::npos && !metric.starts_with("same_")) continue;
    AblationMetric& one =
        record.metrics[used == std::string::npos ? metric : metric.substr(0, used) + "/both"];
    one.value = random.uniform();
    for (int b = 0; b < 200; ++b) one.repeats.emplace_back(one.value + 0.02 * random.normal());
  }
  for (const char* column : {"frontal", "lateral", "both"}) {
    for (int i = 0; i < 17; ++i)
      record.findings[column]["retrocardiac_consolidation_" + std::to_string(i)] = random.uniform();
  }
  EXPECT_LE(record_to_json(record).size(), 35'000U);
}

TEST(AblationRecord, DamagedLinesAreNamedAndATornLastOneIsLeftOut) {
  const TemporaryFolder folder;
  const auto file = folder / "ablation.jsonl";
  EXPECT_TRUE(read_ablation(file).empty());
  const std::string first = record_to_json(line("d", "a", 0, 0.8)) + "\n",
                    second = record_to_json(line("d", "a", 1, 0.7)) + "\n";
  write_file_atomically(file, first + second + second.substr(0, 40));
  EXPECT_EQ(read_ablation(file).size(), 2U);
  write_file_atomically(file, first + second.substr(0, 40) + "\n" + second);
  EXPECT_THAT(error_of(file), HasSubstr("ablation.jsonl:2: damaged (not an object"));
  std::string wrong = second;
  wrong.replace(wrong.find("\"seed\""), 6, "\"sead\"");
  write_file_atomically(file, first + wrong);
  EXPECT_THAT(error_of(file), HasSubstr("ablation.jsonl:2: damaged"));
  EXPECT_THAT(error_of(file), HasSubstr("'seed'"));
  AblationRecord without_steps = line("d", "a", 1, 0.7);
  without_steps.steps = 0;
  write_file_atomically(file, first + record_to_json(without_steps) + "\n");
  EXPECT_THAT(error_of(file), HasSubstr("ablation.jsonl:2: damaged (steps and train_seconds"));
  write_file_atomically(file, first + second + first);
  EXPECT_THAT(error_of(file), HasSubstr("ablation.jsonl:3: d/a/seed-0 is there twice"));
}

}  // namespace
}  // namespace biplane

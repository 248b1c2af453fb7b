#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "biplane/formats/csv.h"
#include "report_input.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

using testing::plain_words;

// Findings and impressions as words, with what vocabulary and length they have.
struct Texts {
  std::map<std::string, int> counts;
  std::vector<std::size_t> lengths;  // in words
  double running = 0;

  void add(const std::string& findings, const std::string& impression) {
    std::vector<std::string> words = plain_words(findings + " " + impression);
    std::erase_if(words, [](const std::string& word) {
      return word.size() > 2 && word.find_first_not_of('x') == std::string::npos;  // removed words
    });
    for (const std::string& word : words) ++counts[word];
    running += static_cast<double>(words.size());
    if (!words.empty()) lengths.push_back(words.size());
  }

  double quantile(double share) {
    std::sort(lengths.begin(), lengths.end());
    return static_cast<double>(
        lengths[static_cast<std::size_t>(share * static_cast<double>(lengths.size() - 1))]);
  }
};

Texts real_texts() {
  Texts texts;
  CsvReader csv(testing::test_data("openi/reports.csv"));
  const std::size_t findings = csv.column("findings"), impression = csv.column("impression");
  for (CsvRow row; csv.next(row);)
    if (row.problem.empty()) texts.add(row.fields[findings], row.fields[impression]);
  return texts;
}

Texts phantom_texts() {
  Texts texts;
  for (std::uint64_t study = 0; study < 5000; ++study) {
    const Report report = testing::write(testing::input_for(study), study).report;
    texts.add(report.findings, report.impression);
  }
  return texts;
}

void record(const std::string& name, double value) {
  ::testing::Test::RecordProperty(name, std::to_string(value));
}

// Figures in docs/phantom.md.
TEST(GoldenReports, HaveTheVocabularyOfRealOnes) {
  BIPLANE_NEEDS_TEST_DATA("openi/reports.csv");
  const Texts real = real_texts(), phantom = phantom_texts();
  double types = 0, known = 0, own = 0, covered = 0;
  for (const auto& [word, count] : phantom.counts) {
    if (count < 5) continue;  // a typing error
    ++known;
    if (real.counts.count(word) == 0) continue;
    ++types;
    own += count;
    covered += real.counts.at(word);
  }
  types /= known;
  own /= phantom.running;
  covered /= real.running;
  record("types_in_real", types);
  record("running_words_in_real", own);
  record("real_running_words_covered", covered);
  EXPECT_GE(types, 0.70);
  EXPECT_GE(own, 0.93);
  EXPECT_GE(covered, 0.85);
}

TEST(GoldenReports, HaveTheLengthsOfRealOnes) {
  BIPLANE_NEEDS_TEST_DATA("openi/reports.csv");
  Texts real = real_texts(), phantom = phantom_texts();
  for (const double share : {0.25, 0.5, 0.75}) {
    record("real_" + std::to_string(share), real.quantile(share));
    record("phantom_" + std::to_string(share), phantom.quantile(share));
    EXPECT_NEAR(phantom.quantile(share), real.quantile(share), 7) << share;
  }
}

}  // namespace
}  // namespace biplane

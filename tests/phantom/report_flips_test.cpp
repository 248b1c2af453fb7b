#include "biplane/phantom/report_flips.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "report_input.h"

namespace biplane {
namespace {

using testing::input_for;
using testing::write;

std::multiset<std::string> words_of(const std::string& text) {
  std::multiset<std::string> words;
  std::string word;
  for (const char c : text + " ") {
    if (std::isalpha(static_cast<unsigned char>(c)) != 0) {
      word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else if (!word.empty()) {
      words.insert(std::exchange(word, {}));
    }
  }
  return words;
}

std::vector<ReportFlip> flips_of(const NarrativeInput& input, std::uint64_t study) {
  return flip_report(input, write(input, study), phantom_grammar(),
                     CounterRandom(1, "flips", {study}));
}

const Finding* find(const NarrativeInput& input, const std::string& name) {
  for (const Finding& finding : input.findings)
    if (finding_name(finding.kind) == name) return &finding;
  return nullptr;
}

TEST(ReportFlips, ChangeOneThingThatIsThenFalse) {
  std::map<std::string, int> kinds;
  for (std::uint64_t study = 0; study < 1000; ++study) {
    const NarrativeInput input = input_for(study);
    const std::string own = write(input, study).report.text;
    std::set<std::string> seen;
    for (const ReportFlip& flip : flips_of(input, study)) {
      EXPECT_NE(flip.text, own) << flip.kind;
      EXPECT_TRUE(seen.insert(flip.kind + flip.change).second) << "one of each kind";
      ++kinds[flip.kind == "negation" ? flip.change : flip.kind];
      const Finding* finding = find(input, flip.finding);
      EXPECT_EQ(finding != nullptr, flip.change != "denied to stated") << flip.text;
      const auto before = words_of(own), after = words_of(flip.text);
      if (flip.kind == "side") {
        // The middle lobe is three words, the lingula one.
        const bool middle = before.count("lingula") != after.count("lingula");
        EXPECT_EQ(before.size() == after.size(), !middle) << own << "\n" << flip.text;
        const char* side = finding->side == Side::kRight ? "right" : "left";
        EXPECT_LE(after.count(side), before.count(side)) << own << "\n" << flip.text;
      }
      if (flip.kind == "size") {
        EXPECT_EQ(before.size(), after.size()) << flip.text;
      }
    }
  }
  for (const char* kind : {"stated to denied", "denied to stated", "side", "size", "site"})
    EXPECT_GT(kinds[kind], 150) << kind;
}

TEST(ReportFlips, SidesAreExchangedInEverySentenceAboutTheFinding) {
  int flipped = 0;
  for (std::uint64_t study = 0; study < 500; ++study) {
    const NarrativeInput input = input_for(study);
    if (input.findings.size() != 1) continue;  // no other finding's side stands in the report
    for (const ReportFlip& flip : flips_of(input, study)) {
      if (flip.kind != "side") continue;
      ++flipped;
      const Finding& finding = input.findings.front();
      const auto after = words_of(flip.text);
      EXPECT_GT(after.count(finding.side == Side::kRight ? "left" : "right") +
                    after.count("lingula") + after.count("middle"),
                0U)
          << flip.text;
      // And back: the flip of the flip is the report.
      EXPECT_EQ(flip.text.find("left middle lobe"), std::string::npos) << flip.text;
      EXPECT_EQ(flip.text.find("right lingula"), std::string::npos) << flip.text;
    }
  }
  EXPECT_GT(flipped, 20);
}

TEST(ReportFlips, AreAPureFunctionOfTheirArguments) {
  const NarrativeInput input = input_for(3);
  const auto one = flips_of(input, 3), two = flips_of(input, 3);
  ASSERT_EQ(one.size(), two.size());
  for (std::size_t i = 0; i < one.size(); ++i) EXPECT_EQ(one[i].text, two[i].text);
}

}  // namespace
}  // namespace biplane

#include "biplane/phantom/narrative.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <regex>
#include <set>

#include "biplane/phantom/signs.h"
#include "report_input.h"

namespace biplane {
namespace {

using testing::comparison_words;
using testing::input_for;
using testing::write;

bool is_among(const Phrase* phrase, const std::vector<Phrase>& list) {
  return !list.empty() && phrase >= list.data() && phrase < list.data() + list.size();
}

bool states(const Narrative& narrative, FindingKind kind) {
  const FindingPhrases& p = phantom_grammar().findings[static_cast<std::size_t>(kind)];
  for (const Phrase* phrase : narrative.phrases)
    for (const auto* list : {&p.present, &p.present_both, &p.uncertain, &p.uncertain_both,
                             &p.impression, &p.impression_both})
      if (is_among(phrase, *list)) return true;
  return false;
}

TEST(Narrative, StatesEveryVisibleFindingAndDeniesNonePresent) {
  for (std::uint64_t study = 0; study < 2000; ++study) {
    const NarrativeInput input = input_for(study);
    const Narrative narrative = write(input, study);
    std::uint32_t present = 0;
    for (std::size_t i = 0; i < input.findings.size(); ++i) {
      present |= finding_bit(input.findings[i].kind);
      EXPECT_EQ(states(narrative, input.findings[i].kind),
                input.visibility[i] != Visibility::kHidden);
    }
    for (int k = 0; k < kFindingKinds; ++k)
      EXPECT_TRUE((present & (1U << k)) != 0 || !states(narrative, static_cast<FindingKind>(k)));
    for (const Phrase* phrase : narrative.phrases)
      EXPECT_EQ(phrase->denies & present, 0U) << phrase->text;
  }
}

TEST(Narrative, RemarksHoldForTheBodyAndAreOfManyKinds) {
  std::uint32_t mentioned = 0;
  double remarks = 0;
  constexpr std::uint64_t kReports = 2000;
  for (std::uint64_t study = 0; study < kReports; ++study) {
    const NarrativeInput input = input_for(study);
    std::uint32_t present = 0, signs = 0;
    for (const Finding& finding : input.findings) present |= finding_bit(finding.kind);
    for (const Phrase* phrase : write(input, study).phrases) {
      EXPECT_EQ(phrase->shows & ~input.signs, 0U) << phrase->text;
      EXPECT_EQ(phrase->needs_absent & present, 0U) << phrase->text;
      EXPECT_EQ(phrase->needs_no_sign & input.signs, 0U) << phrase->text;
      EXPECT_EQ(phrase->shows & signs, 0U) << "said twice: " << phrase->text;
      signs |= phrase->shows;
    }
    mentioned |= signs;
    remarks += std::popcount(signs);
  }
  EXPECT_EQ(mentioned, (1U << kBodySigns) - 1);
  EXPECT_GT(remarks / kReports, 1.8);  // a normal chest is told from another by these
}

TEST(Signs, HoldForATenthToHalfOfAllBodies) {
  std::array<int, kBodySigns> counts{};
  constexpr std::uint64_t kBodies = 4000;
  for (std::uint64_t i = 0; i < kBodies; ++i) {
    const std::uint32_t signs = body_signs(draw_patient(7, i), draw_acquisition(7, i));
    for (int k = 0; k < kBodySigns; ++k) counts[static_cast<std::size_t>(k)] += (signs >> k) & 1U;
    EXPECT_FALSE((signs & sign_bit(BodySign::kRotatedLeft)) &&
                 (signs & sign_bit(BodySign::kRotatedRight)));
  }
  for (int k = 0; k < kBodySigns; ++k) {
    const double share = counts[static_cast<std::size_t>(k)] / static_cast<double>(kBodies);
    EXPECT_GE(share, 0.10) << sign_names()[static_cast<std::size_t>(k)];
    EXPECT_LE(share, 0.55) << sign_names()[static_cast<std::size_t>(k)];
  }
}

TEST(Narrative, NamesSideSizeAndPlace) {
  Finding effusion;
  effusion.kind = FindingKind::kPleuralEffusion;
  effusion.side = Side::kLeft;
  effusion.grade = 2;
  int sides = 0, sizes = 0;
  for (std::uint64_t study = 0; study < 200; ++study) {
    NarrativeInput input;
    input.findings = {effusion};
    input.visibility = {Visibility::kPlain};
    const std::string text = write(input, study).report.findings;
    sides += std::regex_search(text, std::regex("left", std::regex::icase)) ? 1 : 0;
    sizes += std::regex_search(text, std::regex("large|sizable", std::regex::icase)) ? 1 : 0;
    EXPECT_FALSE(std::regex_search(
        text, std::regex("right (sided )?pleural effusion|[{}]", std::regex::icase)))
        << text;
  }
  EXPECT_GE(sides, 190);  // a typo may hide one
  EXPECT_GE(sizes, 180);
}

TEST(Narrative, DoubtfulFindingsAreStatedWithUncertainty) {
  for (std::uint64_t study = 0; study < 300; ++study) {
    NarrativeInput input = input_for(study);
    std::fill(input.visibility.begin(), input.visibility.end(), Visibility::kDoubtful);
    const Narrative narrative = write(input, study);
    for (const Finding& finding : input.findings) {
      const FindingPhrases& p = phantom_grammar().findings[static_cast<std::size_t>(finding.kind)];
      for (const Phrase* phrase : narrative.phrases)
        EXPECT_FALSE(is_among(phrase, p.present) || is_among(phrase, p.present_both) ||
                     is_among(phrase, p.impression) || is_among(phrase, p.impression_both));
      const bool both = finding.side == Side::kBoth && !p.uncertain_both.empty();
      const std::vector<Phrase>& uncertain = both ? p.uncertain_both : p.uncertain;
      std::vector<const Phrase*> used;  // in the findings, and perhaps in the impression
      for (const Phrase* phrase : narrative.phrases)
        if (is_among(phrase, uncertain)) used.push_back(phrase);
      EXPECT_TRUE(used.size() == 1 || (used.size() == 2 && used[0] != used[1]))
          << finding_names()[static_cast<std::size_t>(finding.kind)] << " in "
          << narrative.report.text;
    }
  }
}

TEST(Narrative, ReportsOfEqualFindingsDiffer) {
  const NarrativeInput normal;
  std::set<std::string> texts;
  for (std::uint64_t study = 0; study < 1000; ++study)
    texts.insert(write(normal, study).report.text);
  EXPECT_GE(texts.size(), 980U);
}

TEST(Narrative, TextFitsAndHasAllSections) {
  for (std::uint64_t study = 0; study < 1000; ++study) {
    const Report report = write(input_for(study), study).report;
    const auto words = 1 + std::count(report.text.begin(), report.text.end(), ' ');
    EXPECT_GE(words, 12);
    EXPECT_LE(words, 80);
    EXPECT_EQ(report.text, report.findings + " " + report.impression);
    for (const char* header : {"EXAMINATION:", "INDICATION:", "COMPARISON:"})
      EXPECT_NE(report.other.find(header), std::string::npos);
    EXPECT_FALSE(
        std::regex_search(report.text, std::regex("\\b(view|views|frontal|lateral view|PA|AP)\\b")))
        << report.text;
    EXPECT_FALSE(std::regex_search(report.text + " " + report.other,
                                   std::regex("[{}()<>|]|  | [.,]|[.,][.,]")))
        << report.text << report.other;
  }
}

// By the words, whatever the grammar's annotations say.
TEST(Narrative, NeverSaysNoBeforeTheNameOfAFindingThatIsThere) {
  const std::pair<FindingKind, std::regex> names[] = {
      {FindingKind::kPneumothorax, std::regex("\\b[Nn]o [^.]*pneumothorax")},
      {FindingKind::kCardiomegaly, std::regex("\\b[Nn]o [^.]*cardiomegaly")},
      {FindingKind::kEdema, std::regex("\\b[Nn]o [^.]*edema")},
      {FindingKind::kHiatalHernia, std::regex("\\b[Nn]o [^.]*hernia")},
      {FindingKind::kPacemaker, std::regex("\\b[Nn]o [^.]*pacemaker")}};
  for (std::uint64_t study = 0; study < 4000; ++study) {
    const NarrativeInput input = input_for(study);
    const std::string text = write(input, study).report.text;
    for (const Finding& finding : input.findings)
      for (const auto& [kind, name] : names)
        EXPECT_FALSE(finding.kind == kind && std::regex_search(text, name)) << text;
  }
}

std::string section(const Report& report, const std::string& name) {
  const std::size_t at = report.other.find(name + ": ") + name.size() + 2;
  return report.other.substr(at, report.other.find(": ", at) - at);
}

TEST(Narrative, ComparesOnlyWhereTheComparisonSectionNamesAPriorStudy) {
  const std::vector<std::string>& none = phantom_grammar().sections.without_prior;
  int priors = 0, compared = 0;
  constexpr std::uint64_t kReports = 3000;
  for (std::uint64_t study = 0; study < kReports; ++study) {
    const Report report = write(input_for(study, study % 2 == 0), study).report;
    const int words = comparison_words(report.text);
    if (std::find(none.begin(), none.end(), section(report, "COMPARISON")) != none.end()) {
      EXPECT_EQ(words, 0) << report.text;
    } else {
      ++priors;
      compared += words > 0 ? 1 : 0;
    }
  }
  EXPECT_NEAR(priors / static_cast<double>(kReports), 0.55, 0.04);
  EXPECT_GT(compared, 0.6 * priors);
}

TEST(Narrative, NothingIsNewWhereNothingHasChanged) {
  for (std::uint64_t study = 0; study < 4000; ++study) {
    const Narrative narrative = write(input_for(study), study);
    bool news = false, same = false;
    for (const Phrase* phrase : narrative.phrases) {
      same |= phrase->compares == Comparison::kAll;
      for (const FindingPhrases& p : phantom_grammar().findings)
        news |= is_among(phrase, p.changes);
    }
    EXPECT_FALSE(news && same) << narrative.report.text;
  }
}

TEST(Narrative, TellsHowItSpeaksOfEachFinding) {
  int stated = 0, uncertain = 0, denied = 0;
  for (std::uint64_t study = 0; study < 2000; ++study) {
    const NarrativeInput input = input_for(study);
    const Narrative narrative = write(input, study);
    for (int k = 0; k < kFindingKinds; ++k) {
      const FindingPhrases& p = phantom_grammar().findings[static_cast<std::size_t>(k)];
      Mention expected = Mention::kNone;
      for (const Phrase* phrase : narrative.phrases) {
        if ((phrase->denies >> k & 1U) != 0) expected = Mention::kDenied;
        if (is_among(phrase, p.present) || is_among(phrase, p.present_both))
          expected = Mention::kStated;
        if (is_among(phrase, p.uncertain) || is_among(phrase, p.uncertain_both))
          expected = Mention::kUncertain;
      }
      const Mention said = narrative.said[static_cast<std::size_t>(k)];
      EXPECT_EQ(said, expected) << finding_names()[static_cast<std::size_t>(k)];
      stated += said == Mention::kStated ? 1 : 0;
      uncertain += said == Mention::kUncertain ? 1 : 0;
      denied += said == Mention::kDenied ? 1 : 0;
    }
  }
  EXPECT_NEAR(uncertain / static_cast<double>(uncertain + stated), 0.12, 0.03);
  EXPECT_GT(denied, stated);
}

TEST(Narrative, LobesAreThoseThatTheZonesAreCutTo) {
  Finding finding;
  finding.kind = FindingKind::kConsolidation;
  finding.side = Side::kLeft;
  finding.zone = Zone::kMiddle;
  EXPECT_EQ(lobe_name(finding), "lingula");
  finding.side = Side::kRight;
  EXPECT_EQ(lobe_name(finding), "right middle lobe");
  finding.zone = Zone::kLower;
  EXPECT_EQ(lobe_name(finding), "right lower lobe");
  finding.kind = FindingKind::kMass;
  EXPECT_EQ(lobe_name(finding), "");
  finding.zone = Zone::kUpper;
  EXPECT_EQ(lobe_name(finding), "right upper lobe");
  finding.kind = FindingKind::kAtelectasis;
  EXPECT_EQ(lobe_name(finding), "");
}

// Pairs of statements that no report may hold together, whatever the grammar's annotations say.
TEST(Narrative, NeverContradictsItself) {
  const std::pair<const char*, const char*> pairs[] = {
      {"axillary regions, are unremarkable", "clips"},
      {"well expanded", "low lung volumes"},
      {"well expanded", "incomplete inspiration"},
      {"Normal chest.", "sternotomy"},
      {"Normal chest.", "acemaker in place"},
      {"Normal chest.", "entral line in place"},
      {"upper abdomen", "n the stomach"},
      {"clavicles, are intact", "ompression fracture of a"},
      {"mediastinal contours are normal", "ortuous"},
      {"mediastinal contours are normal", "ild cardiomegaly"},
      {"ibs are intact", "ib fracture"},
      {"trachea is midline", "ndotracheal tube above"},
      {"hin body habitus", "arge body habitus"},
      {"rotated to the right", "rotated to the left"}};
  for (std::uint64_t study = 0; study < 6000; ++study) {
    const std::string text = write(input_for(study), study).report.text;
    for (const auto& [one, other] : pairs) {
      EXPECT_FALSE(text.find(one) != std::string::npos && text.find(other) != std::string::npos)
          << text;
    }
  }
}

}  // namespace
}  // namespace biplane

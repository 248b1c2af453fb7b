#include "biplane/phantom/narrative.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <regex>
#include <set>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/core/random.h"
#include "biplane/core/share.h"
#include "biplane/phantom/signs.h"
#include "biplane/text/prompts.h"
#include "style_probe.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

NarrativeInput input_for(std::uint64_t study, bool held_out = false) {
  NarrativeInput input;
  input.findings = draw_findings(4, study);
  input.held_out_phrasings = held_out;
  input.signs = body_signs(draw_patient(4, study), draw_acquisition(4, study));
  CounterRandom random(4, "test/visibility", {study});
  for (std::size_t i = 0; i < input.findings.size(); ++i)
    input.visibility.push_back(random.bernoulli(0.1) ? Visibility::kHidden : Visibility::kPlain);
  return input;
}

Narrative write(const NarrativeInput& input, std::uint64_t study) {
  return write_narrative(input, phantom_grammar(), 4, study);
}

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

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> out;
  std::size_t begin = 0;
  for (std::size_t end = text.find(". "); end != std::string::npos; end = text.find(". ", begin)) {
    out.push_back(text.substr(begin, end + 1 - begin));
    begin = end + 2;
  }
  out.push_back(text.substr(begin));
  return out;
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
    sizes += std::regex_search(text, std::regex("large", std::regex::icase)) ? 1 : 0;
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
        EXPECT_FALSE(is_among(phrase, p.present) || is_among(phrase, p.present_both));
      const bool both = finding.side == Side::kBoth && !p.uncertain_both.empty();
      const std::vector<Phrase>& uncertain = both ? p.uncertain_both : p.uncertain;
      EXPECT_EQ(std::count_if(narrative.phrases.begin(), narrative.phrases.end(),
                              [&](const Phrase* phrase) { return is_among(phrase, uncertain); }),
                1)
          << finding_names()[static_cast<std::size_t>(finding.kind)] << " in "
          << narrative.report.text;
    }
  }
}

// Every sentence that a phrase can become.
std::set<std::string> instances(const Phrase& phrase) {
  std::set<std::string> out = {phrase.text};
  const std::pair<std::string, std::vector<std::string>> slots[] = {
      {"side", {"right", "left", "bilateral"}},
      {"size", {"small", "moderate", "large"}},
      {"degree", {"mild", "moderate", "severe"}},
      {"zone", {"upper", "mid", "lower"}},
      {"level", {"mid thoracic", "lower thoracic"}}};
  for (const auto& [name, values] : slots)
    for (const bool capital : {false, true}) {
      std::set<std::string> next;
      for (const std::string& text : out)
        for (std::string value : values) {
          std::string mark = "{" + name + "}";
          if (capital) {
            mark[1] = static_cast<char>(std::toupper(mark[1]));
            value[0] = static_cast<char>(std::toupper(value[0]));
          }
          std::string filled = text;
          for (auto at = filled.find(mark); at != std::string::npos; at = filled.find(mark))
            filled.replace(at, mark.size(), value);
          next.insert(filled);
        }
      out = next;
    }
  return out;
}

std::vector<Phrase> all_phrases() {
  const Grammar& grammar = phantom_grammar();
  std::vector<Phrase> all = grammar.fillers;
  all.insert(all.end(), grammar.conclusions.begin(), grammar.conclusions.end());
  for (const FindingPhrases& p : grammar.findings)
    for (const auto* list : {&p.present, &p.present_both, &p.uncertain, &p.uncertain_both,
                             &p.impression, &p.impression_both})
      all.insert(all.end(), list->begin(), list->end());
  return all;
}

TEST(Narrative, HeldOutPhrasingsNeverOccurInTrainingReports) {
  std::set<std::string> forbidden;
  for (const Phrase& phrase : all_phrases())
    if (phrase.held_out) forbidden.merge(instances(phrase));
  int used_in_test = 0;
  std::set<std::string> found;
  for (std::uint64_t study = 0; study < 3000; ++study) {
    const Narrative train = write(input_for(study), study),
                    test = write(input_for(study, true), study);
    for (const Phrase* phrase : train.phrases) EXPECT_FALSE(phrase->held_out);
    for (const std::string& sentence : split(train.report.text))
      if (forbidden.count(sentence) > 0) found.insert(sentence);
    for (const Phrase* phrase : test.phrases) used_in_test += phrase->held_out ? 1 : 0;
  }
  EXPECT_THAT(found, ::testing::IsEmpty());
  EXPECT_GT(used_in_test, 3000);
}

TEST(Narrative, AFifthOfThePhrasingsIsHeldOut) {
  const std::vector<Phrase> all = all_phrases();
  const auto held_out =
      std::count_if(all.begin(), all.end(), [](const Phrase& phrase) { return phrase.held_out; });
  EXPECT_NEAR(static_cast<double>(held_out) / static_cast<double>(all.size()), 0.2, 0.04);
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
    EXPECT_GE(words, 25);
    EXPECT_LE(words, 60);
    EXPECT_EQ(report.text, report.findings + " " + report.impression);
    for (const char* header : {"EXAMINATION:", "INDICATION:", "COMPARISON:"})
      EXPECT_NE(report.other.find(header), std::string::npos);
    EXPECT_FALSE(
        std::regex_search(report.text, std::regex("\\b(view|views|frontal|lateral view|PA|AP)\\b")))
        << report.text;
  }
}

std::vector<double> style_features(const Report& report) {
  std::vector<double> out;
  for (const std::string* text : {&report.findings, &report.impression}) {
    const double words = 1 + static_cast<double>(std::count(text->begin(), text->end(), ' '));
    const double sentences = static_cast<double>(std::count(text->begin(), text->end(), '.'));
    const double letters = static_cast<double>(text->size());
    const double digits = static_cast<double>(std::count_if(
        text->begin(), text->end(), [](unsigned char c) { return std::isdigit(c) != 0; }));
    out.insert(out.end(), {words, sentences, letters, letters / words, words / sentences, digits,
                           static_cast<double>(std::count(text->begin(), text->end(), ','))});
  }
  out.push_back(static_cast<double>(report.other.size()));
  return out;
}

// Length, punctuation and header of a report must say nothing about any finding, nor about how many
// there are.
TEST(Guard, StyleOfAReportSaysNothingAboutItsFindings) {
  constexpr std::uint64_t kReports = 10000;
  std::vector<std::vector<double>> features;
  std::vector<NarrativeInput> inputs;
  for (std::uint64_t study = 0; study < kReports; ++study) {
    inputs.push_back(input_for(study));
    std::fill(inputs.back().visibility.begin(), inputs.back().visibility.end(), Visibility::kPlain);
    features.push_back(style_features(write(inputs.back(), study).report));
  }
  double mean = 0;
  for (int k = -1; k < kFindingKinds; ++k) {
    std::vector<bool> labels;
    for (const NarrativeInput& input : inputs)
      labels.push_back(
          k < 0 ? !input.findings.empty()
                : std::any_of(input.findings.begin(), input.findings.end(),
                              [&](const Finding& f) { return static_cast<int>(f.kind) == k; }));
    const double auroc = testing::probe_auroc(features, labels);
    EXPECT_LE(auroc, 0.58) << (k < 0 ? "any finding"
                                     : finding_names()[static_cast<std::size_t>(k)]);
    mean += auroc / (kFindingKinds + 1);
  }
  EXPECT_LE(mean, 0.55);
}

TEST(Guard, TheProbeFindsALeak) {
  std::vector<std::vector<double>> features;
  std::vector<bool> labels;
  CounterRandom random(1, "test");
  for (int i = 0; i < 2000; ++i) {
    labels.push_back(random.bernoulli(0.2));
    features.push_back({random.normal() + (labels.back() ? 0.7 : 0.0), random.normal()});
  }
  EXPECT_GT(testing::probe_auroc(features, labels), 0.62);
}

TEST(Prompts, CoverEveryFindingWithHeldOutPhrasingsAmongThem) {
  const PromptSet prompts = read_prompts(share_file("prompts/phantom.yaml"));
  std::set<std::string> known, held_out;
  for (const Phrase& phrase : all_phrases()) {
    for (const std::string& text : instances(phrase)) {
      known.insert(text);
      if (phrase.held_out) held_out.insert(text);
    }
  }
  int from_held_out = 0;
  for (const std::string& name : finding_names()) {
    const PromptClass* prompt = prompts.find(name);
    ASSERT_NE(prompt, nullptr) << name;
    EXPECT_GE(prompt->positive.size(), 6U);
    EXPECT_GE(prompt->negative.size(), 5U);
    for (const auto* list : {&prompt->positive, &prompt->negative})
      for (const std::string& text : *list) {
        EXPECT_EQ(known.count(text), 1U) << "not in the grammar: " << text;
        from_held_out += held_out.count(text) > 0 ? 1 : 0;
      }
  }
  EXPECT_EQ(prompts.classes.size(), static_cast<std::size_t>(kFindingKinds));
  EXPECT_GE(from_held_out, 20);
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

std::string grammar_error(const std::string& from, const std::string& to) {
  std::string yaml = read_file(share_file("phantom/grammar.yaml"));
  const std::size_t at = yaml.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  yaml.replace(at, from.size(), to);
  const testing::TemporaryFolder folder;
  write_file_atomically(folder / "grammar.yaml", yaml);
  try {
    read_grammar(folder / "grammar.yaml");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadContent);
    return error.what();
  }
  return "no error";
}

TEST(Grammar, AnnotationsThatCannotBeAreNamed) {
  using ::testing::AllOf;
  using ::testing::HasSubstr;
  EXPECT_THAT(grammar_error("denies:", "denys:"),
              AllOf(HasSubstr("fillers"), HasSubstr("'denys'"), HasSubstr("'denies'")));
  EXPECT_THAT(grammar_error("shows: [breasts]", "shows: [breast]"),
              HasSubstr("unknown sign: breast"));
  EXPECT_THAT(grammar_error("shows: [breasts]", "shows: breasts"), HasSubstr("a list"));
  EXPECT_THAT(grammar_error("denies: [pneumothorax]", "denies: [pneumotorax]"),
              HasSubstr("unknown finding: pneumotorax"));
}

TEST(Grammar, ErrorsNameFileAndKey) {
  try {
    read_grammar(share_file("prompts/phantom.yaml"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadContent);
    EXPECT_NE(std::string(error.what()).find("findings"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("phantom.yaml"), std::string::npos);
  }
}

}  // namespace
}  // namespace biplane

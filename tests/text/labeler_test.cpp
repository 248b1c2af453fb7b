#include "biplane/text/labeler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <optional>

#include "biplane/core/error.h"
#include "biplane/core/progress.h"
#include "biplane/core/random.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

using ::testing::HasSubstr;
using Values = std::map<std::string, int>;

constexpr int kSilent = 9;  // not mentioned

const Labeler& shipped(const std::string& name) {
  static const Labeler chexpert = Labeler::named("chexpert"), phantom = Labeler::named("phantom");
  return name == "chexpert" ? chexpert : phantom;
}

int value_of(const Labeler& labeler, const std::string& report, const std::string& label) {
  const Values values = labeler.label(report);
  const auto found = values.find(label);
  return found == values.end() ? kSilent : found->second;
}

struct Case {
  const char* report;
  const char* label;
  int value;
};

void expect_all(const Labeler& labeler, const std::vector<Case>& cases) {
  for (const Case& c : cases)
    EXPECT_EQ(value_of(labeler, c.report, c.label), c.value) << c.label << ": " << c.report;
}

TEST(Labeler, AMentionWithoutTriggerIsPresent) {
  expect_all(shipped("chexpert"), {{"Small left effusion.", "Pleural Effusion", 1},
                                   {"Small left effusion.", "Pneumothorax", kSilent},
                                   {"Bibasilar atelectasis", "Atelectasis", 1},
                                   {"BIBASILAR ATELECTASES", "Atelectasis", 1},
                                   {"Right-sided PICC line.", "Support Devices", 1}});
}

TEST(Labeler, ANegationReachesForwardThroughAList) {
  expect_all(shipped("chexpert"),
             {{"No pneumothorax.", "Pneumothorax", 0},
              {"No focal consolidation, pleural effusion, or pneumothorax.", "Consolidation", 0},
              {"No focal consolidation, pleural effusion, or pneumothorax.", "Pleural Effusion", 0},
              {"No focal consolidation, pleural effusion, or pneumothorax.", "Pneumothorax", 0},
              {"There is no evidence of pneumonia or edema.", "Edema", 0},
              {"Lungs are clear without effusion nor pneumothorax.", "Pneumothorax", 0},
              {"The lungs are free of consolidation.", "Consolidation", 0},
              {"Negative for pneumothorax and pleural effusion.", "Pleural Effusion", 0},
              {"Interval resolution of the left effusion.", "Pleural Effusion", 0},
              {"Neither effusion nor pneumothorax is seen.", "Pneumothorax", 0},
              {"Without radiographic evidence of pneumonia.", "Pneumonia", 0}});
}

TEST(Labeler, ANegationReachesBackwardThroughAList) {
  expect_all(shipped("chexpert"),
             {{"Pneumothorax is not seen.", "Pneumothorax", 0},
              {"The previously seen effusion has resolved.", "Pleural Effusion", 0},
              {"Effusion, edema or pneumothorax is not identified.", "Pleural Effusion", 0},
              {"Small effusion on the right, pneumothorax is not seen.", "Pleural Effusion", 1},
              {"Small effusion on the right, pneumothorax is not seen.", "Pneumothorax", 0},
              {"Pneumothorax: none.", "Pneumothorax", 0},
              {"Pneumonia is unlikely.", "Pneumonia", 0}});
}

TEST(Labeler, AStatementEndsAtBreaks) {
  expect_all(shipped("chexpert"),
             {{"No pneumothorax but a small effusion.", "Pleural Effusion", 1},
              {"No pneumothorax; small effusion.", "Pleural Effusion", 1},
              {"No pneumothorax. Small effusion.", "Pleural Effusion", 1},
              {"No pneumothorax.Small effusion.", "Pleural Effusion", 1},
              {"No pneumothorax, there is a small effusion.", "Pleural Effusion", 1},
              {"No pneumothorax, small effusion.", "Pleural Effusion", 1},
              {"No pneumothorax, however effusion persists.", "Pleural Effusion", 1},
              {"No nodule above 3.5 cm or effusion.", "Pleural Effusion", 0},
              {"No pneumothorax although edema persists.", "Edema", 1},
              {"FINDINGS: No pneumothorax\n\nSmall effusion", "Pleural Effusion", 1},
              {"FINDINGS: No pneumothorax\nIMPRESSION: Small effusion", "Pleural Effusion", 1}});
}

TEST(Labeler, WordsThatOnlyLookLikeTriggersDenyNothing) {
  expect_all(shipped("chexpert"),
             {{"No change in the left effusion.", "Pleural Effusion", 1},
              {"No significant interval change in effusion.", "Pleural Effusion", 1},
              {"Effusion not significantly changed.", "Pleural Effusion", 1},
              {"Not only effusion but edema.", "Pleural Effusion", 1},
              {"The effusion has not yet resolved.", "Pleural Effusion", 1}});
}

TEST(Labeler, DoubtReachesBothWays) {
  expect_all(shipped("chexpert"),
             {{"Possible small effusion.", "Pleural Effusion", -1},
              {"This may represent atelectasis or pneumonia.", "Atelectasis", -1},
              {"This may represent atelectasis or pneumonia.", "Pneumonia", -1},
              {"Cannot exclude a small pneumothorax.", "Pneumothorax", -1},
              {"A small pneumothorax cannot be excluded.", "Pneumothorax", -1},
              {"Pneumothorax is not excluded.", "Pneumothorax", -1},
              {"Findings concerning for pneumonia.", "Pneumonia", -1},
              {"Questionable nodule.", "Lung Lesion", -1},
              {"Question edema.", "Edema", -1},
              {"Atelectasis versus pneumonia.", "Pneumonia", -1},
              {"Atelectasis of the base or a chronic pneumonia.", "Atelectasis", -1},
              {"Atelectasis of the base or a chronic pneumonia.", "Pneumonia", -1},
              {"Atelectasis in the left lower lobe or lingula.", "Atelectasis", 1},
              {"Opacity suggestive of pneumonia.", "Pneumonia", 1},
              {"Opacity consistent with pneumonia.", "Pneumonia", 1}});
}

TEST(Labeler, ANegationWinsOverDoubt) {
  expect_all(shipped("chexpert"),
             {{"No findings to suggest possible pneumonia.", "Pneumonia", 0},
              {"Possible atelectasis without effusion.", "Pleural Effusion", 0},
              {"Possible atelectasis without effusion.", "Atelectasis", -1}});
}

TEST(Labeler, OrgansTakeTheirValueFromTheNearestWord) {
  expect_all(shipped("chexpert"),
             {{"Heart size is normal.", "Cardiomegaly", 0},
              {"Normal heart size and mediastinal contours.", "Enlarged Cardiomediastinum", 0},
              {"The heart is mildly enlarged.", "Cardiomegaly", 1},
              {"Heart size is enlarged, mediastinum normal.", "Cardiomegaly", 1},
              {"Heart size is enlarged, mediastinum normal.", "Enlarged Cardiomediastinum", 0},
              {"The heart is not enlarged.", "Cardiomegaly", 0},
              {"The heart shows no enlargement.", "Cardiomegaly", 0},
              {"The heart is possibly enlarged.", "Cardiomegaly", -1},
              {"No enlargement of the mediastinum.", "Enlarged Cardiomediastinum", 0},
              {"Stable mediastinal contour.", "Enlarged Cardiomediastinum", -1},
              {"The heart is seen.", "Cardiomegaly", 1}});
  expect_all(shipped("phantom"), {{"The heart is seen.", "cardiomegaly", kSilent},
                                  {"The heart is enlarged.", "cardiomegaly", 1},
                                  {"Stable cardiac silhouette.", "cardiomegaly", kSilent},
                                  {"Borderline heart size.", "cardiomegaly", -1},
                                  {"The cardiac silhouette is normal.", "cardiomegaly", 0}});
  expect_all(shipped("chexpert"), {{"Heart is normal.", "Cardiomegaly", 0},
                                   {"Borderline heart size.", "Cardiomegaly", -1},
                                   {"Borderline enlarged heart.", "Cardiomegaly", 1}});
}

TEST(Labeler, IgnoredPhrasesAreNoMentions) {
  expect_all(shipped("chexpert"), {{"Pericardial effusion.", "Pleural Effusion", kSilent},
                                   {"Kerley B lines.", "Support Devices", kSilent},
                                   {"Collapse of the T9 vertebra.", "Atelectasis", kSilent},
                                   {"Opacity behind the heart.", "Cardiomegaly", kSilent},
                                   {"Mass effect on the trachea.", "Lung Lesion", kSilent}});
  expect_all(shipped("phantom"), {{"Large opacity behind the heart.", "cardiomegaly", kSilent},
                                  {"Subcutaneous emphysema.", "emphysema", kSilent},
                                  {"Mass effect on the trachea.", "mass", kSilent},
                                  {"Sharp costophrenic angles.", "pleural_effusion", kSilent},
                                  {"Nothing to suggest pneumonia.", "consolidation", kSilent}});
}

TEST(Labeler, AGeneralLabelYieldsToTheExactOneInASentence) {
  const std::string report = "Blunting of the posterior costophrenic sulcus by a small effusion.";
  expect_all(shipped("phantom"),
             {{report.c_str(), "posterior_effusion", 1},
              {report.c_str(), "pleural_effusion", kSilent},
              {"Posterior effusion. Large right effusion.", "pleural_effusion", 1},
              {"No posterior effusion. Large right effusion.", "pleural_effusion", 1},
              {"Large right effusion but no posterior effusion.", "pleural_effusion", 1},
              {"Retrocardiac consolidation.", "consolidation", kSilent},
              {"Retrocardiac consolidation.", "retrocardiac_consolidation", 1}});
}

TEST(Labeler, PresentWinsOverUncertainAndUncertainOverAbsent) {
  expect_all(shipped("chexpert"),
             {{"No effusion. Possible effusion.", "Pleural Effusion", -1},
              {"Possible effusion. No effusion.", "Pleural Effusion", -1},
              {"No effusion. Left effusion. Possible effusion.", "Pleural Effusion", 1}});
}

TEST(Labeler, NoFindingNeedsAReportThatSaysNothingElse) {
  expect_all(shipped("chexpert"), {{"Lungs are clear. No effusion.", "No Finding", 1},
                                   {"Central line in place.", "No Finding", 1},
                                   {"Small effusion.", "No Finding", kSilent},
                                   {"Possible effusion.", "No Finding", kSilent},
                                   {"Calcified granuloma.", "No Finding", kSilent},
                                   {"No calcified granuloma.", "No Finding", 1}});
  EXPECT_TRUE(shipped("chexpert").label("").empty());
  EXPECT_TRUE(shipped("chexpert").label(" \n XXXX ___").empty());
}

TEST(Labeler, OnlyFindingsAndImpressionAreRead) {
  const std::string report =
      "INDICATION: Rule in pneumonia.\nCOMPARISON: Prior with edema.\nTECHNIQUE: PA.\n"
      "FINDINGS: Small effusion.\nIMPRESSION: Stable nodule.";
  expect_all(shipped("chexpert"), {{report.c_str(), "Pneumonia", kSilent},
                                   {report.c_str(), "Edema", kSilent},
                                   {report.c_str(), "Pleural Effusion", 1},
                                   {report.c_str(), "Lung Lesion", 1}});
}

TEST(Labeler, ExplainNamesSentencePhraseAndTrigger) {
  const LabelledReport report =
      shipped("chexpert").explain("Heart size normal. No evidence of a left-sided effusion.");
  ASSERT_EQ(report.sentences.size(), 2u);
  ASSERT_EQ(report.mentions.size(), 2u);
  EXPECT_EQ(report.mentions[0].label, "Cardiomegaly");
  EXPECT_EQ(report.mentions[0].trigger, "normal");
  EXPECT_EQ(report.mentions[1].label, "Pleural Effusion");
  EXPECT_EQ(report.mentions[1].value, 0);
  EXPECT_EQ(report.mentions[1].sentence, 1u);
  EXPECT_EQ(report.mentions[1].phrase, "effusion");
  EXPECT_EQ(report.mentions[1].trigger, "no evidence of");
  EXPECT_EQ(report.labels,
            shipped("chexpert").label("Heart size normal. No evidence of a left-sided effusion."));
}

// ---- the file

constexpr const char* kSmall = R"(name: small
scope:
  negation_before: [no]
labels:
  - name: a
    present: ["big|large? apple*", "pear .. tree"]
)";

TEST(LabelFile, PhrasesHaveAlternativesOptionsStemsAndGaps) {
  const Labeler labeler = Labeler::parse(kSmall);
  expect_all(labeler, {{"Big apples.", "a", 1},
                       {"Large apple.", "a", 1},
                       {"Apple.", "a", 1},
                       {"Appl.", "a", kSilent},
                       {"A pear tree.", "a", 1},
                       {"A pear on the old tree.", "a", 1},
                       {"A pear on the very old tree.", "a", kSilent},
                       {"A pear, on the tree.", "a", kSilent},
                       {"No apples.", "a", 0}});
}

void expect_refused(const std::string& yaml, ErrorKind kind, const std::string& wanted) {
  try {
    Labeler::parse(yaml, "my.yaml");
    ADD_FAILURE() << "accepted: " << yaml;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    EXPECT_THAT(error.what(), HasSubstr("my.yaml"));
    EXPECT_THAT(error.what(), HasSubstr(wanted));
  }
}

TEST(LabelFile, ErrorsNameFileKeyAndValue) {
  const auto label = [](const std::string& lines) {
    return "name: x\nlabels:\n  - name: a\n" + lines;
  };
  expect_refused("labels: []", ErrorKind::kBadContent, "name: is missing");
  expect_refused("name: x", ErrorKind::kBadContent, "labels: holds no label");
  expect_refused("name: x\nlabel: []", ErrorKind::kUsage, "label; did you mean 'labels'");
  expect_refused(label("    presnt: [b]\n"), ErrorKind::kUsage, "labels.0.presnt");
  expect_refused(label("    absent: [b]\n"), ErrorKind::kBadContent, "labels.0: 'a' has neither");
  expect_refused(label("    present: [x-ray]\n"), ErrorKind::kBadContent,
                 "labels.0.present: phrase 'x-ray'");
  expect_refused(label("    present: ['']\n"), ErrorKind::kBadContent, "phrase '' is empty");
  expect_refused(label("    present: ['.. b']\n"), ErrorKind::kBadContent, "begins or ends");
  expect_refused(label("    present: ['b? c?']\n"), ErrorKind::kBadContent, "as a whole");
  expect_refused(label("    present: [a a a a a a a a a a a a a a a a a]\n"),
                 ErrorKind::kBadContent, "too long");
  expect_refused(label("    present: ['a|b a|b a|b a|b a|b a|b a|b a|b a|b a|b a|b a|b a|b']\n"),
                 ErrorKind::kBadContent, "too many spellings");
  expect_refused(label("    organ: [b]\n    organ_alone: yes\n"), ErrorKind::kBadContent,
                 "labels.0.organ_alone: must be none, present, absent or uncertain, got 'yes'");
  expect_refused(label("    present: [b]\n  - name: a\n    present: [c]\n"), ErrorKind::kBadContent,
                 "labels.1.name: 'a' is given twice");
  expect_refused(label("    present: [b]\ninto: elsewhere\n"), ErrorKind::kBadContent,
                 "got 'elsewhere'");
  expect_refused(label("    present: [b]\n    yields_to: [b]\n"), ErrorKind::kBadContent,
                 "labels.0.yields_to: 'b' is no label");
  expect_refused(label("    present: [b]\nnothing: {name: n, exempt: [c]}\n"),
                 ErrorKind::kBadContent, "nothing.exempt: 'c' is no label");
  expect_refused(label("    present: [b]\nnothing: {other_findings: [c]}\n"),
                 ErrorKind::kBadContent, "nothing.name: is missing");
  expect_refused(label("    present: [b]\nscope: {breaks: [..]}\n"), ErrorKind::kBadContent,
                 "scope.breaks: phrase '..'");
  EXPECT_THROW(Labeler::read("nowhere.yaml"), Error);
}

TEST(LabelFile, ShippedFilesHoldTheLabelsOfTheManifest) {
  EXPECT_TRUE(shipped("chexpert").into_chexpert());
  EXPECT_FALSE(shipped("phantom").into_chexpert());
  EXPECT_EQ(shipped("chexpert").labels().size(), 14u);
  EXPECT_EQ(shipped("phantom").labels().size(), 17u);
  EXPECT_NE(shipped("chexpert").sha256(), shipped("phantom").sha256());
  EXPECT_EQ(shipped("chexpert").sha256(), Labeler::named("chexpert").sha256());
}

// ---- properties

std::string spoilt(const std::string& sentence, CounterRandom& random) {
  std::string result;
  for (const char c : sentence) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    result += letter && random.bernoulli(0.5) ? static_cast<char>(c ^ 0x20) : c;
    if (c == ' ') result.append(static_cast<std::size_t>(random.below(3)), ' ');
  }
  return result;
}

TEST(Labeler, BlanksCaseAndOrderOfSentencesChangeNothing) {
  const std::vector<std::string> pool = {"No pneumothorax, effusion, or consolidation.",
                                         "The heart is mildly enlarged.",
                                         "Possible pneumonia in the left base.",
                                         "Small right effusion has resolved.",
                                         "Calcified granuloma.",
                                         "Cannot exclude a nodule.",
                                         "Mediastinal contours are stable.",
                                         "Right-sided catheter in place.",
                                         "Bibasilar atelectasis versus scarring.",
                                         "No change in the effusion."};
  for (std::uint64_t trial = 0; trial < 200; ++trial) {
    CounterRandom random(5, "test/labels", {trial});
    const std::vector<std::int64_t> order =
        random.permutation(static_cast<std::int64_t>(pool.size()));
    const std::int64_t count = 1 + random.below(static_cast<std::int64_t>(pool.size()));
    std::vector<std::int64_t> chosen(order.begin(), order.begin() + count);
    std::string shuffled, sorted;
    for (const std::int64_t i : chosen)
      shuffled += " " + spoilt(pool[static_cast<std::size_t>(i)], random);
    std::sort(chosen.begin(), chosen.end());
    for (const std::int64_t i : chosen) sorted += pool[static_cast<std::size_t>(i)] + " ";
    for (const char* name : {"chexpert", "phantom"})
      EXPECT_EQ(shipped(name).label(shuffled), shipped(name).label(sorted)) << shuffled;
  }
}

// Units of texts that are long, no text at all, or all cues and no finding.
const std::vector<std::string>& hostile_units() {
  static const std::vector<std::string> kUnits = {"no effusion ",
                                                  "heart, ",
                                                  "a",
                                                  ".",
                                                  "no ",
                                                  "\xFF",
                                                  std::string("a\0no effusion\0", 14),
                                                  "effusion or ",
                                                  "? ",
                                                  "normal ",
                                                  "cannot be excluded ",
                                                  "enlarged heart normal ",
                                                  "x. ",
                                                  "FINDINGS:\n",
                                                  "\n\n"};
  return kUnits;
}

std::string repeated(const std::string& unit, std::size_t bytes) {
  std::string text;
  while (text.size() < bytes) text += unit;
  return text;
}

TEST(Labeler, HostileTextIsRead) {
  EXPECT_EQ(value_of(shipped("chexpert"), "No \xFF\xC0\x80 effu\xFFsion.", "Pleural Effusion"), 0);
  for (const std::string& unit : hostile_units()) {
    // Also cut within a character, a word and a cue.
    for (const std::size_t bytes : {1UL, 2UL, 3UL, 7UL, 2000UL})
      EXPECT_NO_THROW(shipped("chexpert").label(repeated(unit, bytes).substr(0, bytes))) << unit;
    EXPECT_NO_THROW(shipped("chexpert").label("\xE2\x82" + unit + "\xF0\x9F")) << unit;
  }
}

TEST(Labeler, LongTextIsReadInBoundedTime) {
  const auto seconds = [](const std::string& text) {
    const double begin = monotonic_seconds();
    shipped("chexpert").label(text);
    return monotonic_seconds() - begin;
  };
  for (const std::string& unit : hostile_units()) {
    // Quadratic work would take a hundred times as long, not ten times; other load is left room.
    const double small = seconds(repeated(unit, 100'000)),
                 large = seconds(repeated(unit, 1'000'000));
    EXPECT_LT(large, 0.5 + 40 * small) << unit;
  }
  EXPECT_LT(seconds(repeated("no effusion or enlarged heart, ", 10'000'000)), 120);
}

}  // namespace
}  // namespace biplane

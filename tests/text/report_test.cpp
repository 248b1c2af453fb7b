#include "biplane/text/report.h"

#include <gmock/gmock.h>

#include "biplane/core/progress.h"
#include "biplane/core/random.h"
#include "tests/text/test_lexicon.h"

namespace biplane {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::source_lexicon;

TEST(CleanReport, RemovesListNumbersAndEndsTheirItems) {
  EXPECT_EQ(clean_report("1. No effusion. 2. Clear lungs."), "No effusion. Clear lungs.");
  EXPECT_EQ(clean_report("1) No effusion\n2) clear lungs\n- heart normal"),
            "No effusion. clear lungs. heart normal");
  EXPECT_EQ(clean_report("(1) No effusion"), "No effusion");
}

TEST(CleanReport, KeepsNumbersThatCarryMeaning) {
  for (const char* text : {"A 3.5 cm mass.", "2 views were taken.",
                           "Stage 2. Clear lungs are seen.", "12 mm nodule, T4-T5."}) {
    EXPECT_EQ(clean_report(text), text);
  }
}

TEST(CleanReport, DropsPlaceholdersAndWhatTheyLeaveBehind) {
  EXPECT_EQ(clean_report("There is XXXX left effusion."), "There is left effusion.");
  EXPECT_EQ(clean_report("Seen on x-XXXX, XXXX. XXXX. Lungs clear."), "Seen on. Lungs clear.");
  EXPECT_EQ(clean_report("___F with ___, compared to ___/___ (___)."), "with, compared to.");
  EXPECT_EQ(clean_report("As on [**2101-1-1**] the heart is large."), "As on the heart is large.");
  EXPECT_EQ(clean_report("XXXX. ___"), "");
}

TEST(CleanReport, RepairsUnicodeAndBlanks) {
  EXPECT_EQ(clean_report("The \u00E2\u20AC\u0153heart\u00E2\u20AC\u009D isn\u00E2\u20AC\u2122t  "
                         "large.\r\n\r\nClear\tlungs."),
            "The \"heart\" isn't large. Clear lungs.");
  EXPECT_EQ(clean_report("\u201Cno\u201D \u2013 effusion\u200B \xFF\xC3."), "\"no\" - effusion.");
  EXPECT_EQ(clean_report(" \n\t "), "");
}

TEST(CleanReport, IsOneLineThatItsSentencesRebuild) {
  CounterRandom random(11, "report");
  const std::string alphabet = "aA1.,:; \n-_X()/[*]\xE2\x80\x99";
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    const std::int64_t length = random.below(40);
    for (std::int64_t i = 0; i < length; ++i) {
      text += alphabet[static_cast<std::size_t>(
          random.below(static_cast<std::int64_t>(alphabet.size())))];
    }
    const std::string once = clean_report(text);
    ASSERT_EQ(once.find('\n'), std::string::npos);
    ASSERT_EQ(once.find("  "), std::string::npos) << ::testing::PrintToString(text);
    std::string joined;
    for (const std::string& sentence : split_sentences(once))
      joined += (joined.empty() ? "" : " ") + sentence;
    ASSERT_EQ(joined, once) << ::testing::PrintToString(text);
  }
}

TEST(SplitSentences, DoesNotSplitNumbersAndAbbreviations) {
  EXPECT_THAT(
      split_sentences("A 3.5 cm mass. Seen by Dr. Smith at 5 a.m. today! Is it new? Yes"),
      ElementsAre("A 3.5 cm mass.", "Seen by Dr. Smith at 5 a.m. today!", "Is it new?", "Yes"));
  EXPECT_THAT(split_sentences("no effusion. lungs clear."),
              ElementsAre("no effusion.", "lungs clear."));
  EXPECT_THAT(split_sentences(""), ElementsAre());
}

constexpr const char* kMimicReport = R"(                                 FINAL REPORT
 EXAMINATION:  CHEST (PA AND LAT)

 INDICATION:  ___ year old woman with cough  // eval for pneumonia

 TECHNIQUE:  Chest PA and lateral

 COMPARISON:  ___

 FINDINGS:

 PA and lateral views of the chest were obtained.  There is a small left
 pleural effusion.  The heart is normal.

 IMPRESSION:

 1.  Small left effusion.
 2.  No pneumonia
)";

TEST(ParseSections, ReadsAMimicReport) {
  const Lexicon lexicon = source_lexicon();
  const ReportSections sections = parse_sections(kMimicReport, lexicon);
  EXPECT_THAT(sections.examination, HasSubstr("CHEST (PA AND LAT)"));
  EXPECT_THAT(sections.indication, HasSubstr("cough"));
  EXPECT_THAT(sections.technique, HasSubstr("Chest PA"));
  EXPECT_THAT(sections.findings, HasSubstr("pleural effusion"));
  EXPECT_THAT(sections.impression, HasSubstr("No pneumonia"));
  EXPECT_EQ(training_text(kMimicReport, lexicon),
            "There is a small left pleural effusion. The heart is normal. Small left effusion. No "
            "pneumonia");
  ReportOptions options;
  options.remove_view_sentences = false;
  options.impression = false;
  EXPECT_EQ(training_text(kMimicReport, lexicon, options),
            "PA and lateral views of the chest were obtained. There is a small left pleural "
            "effusion. The heart is normal.");
}

TEST(ParseSections, KnowsTheSpellingsOfHeaders) {
  const Lexicon lexicon = source_lexicon();
  for (const char* header : {"FINDINGS", "FINDING", "FNDINGS", "FINDINGS AND IMPRESSION", "CHEST",
                             "CHEST, PA AND LATERAL", "FRONTAL AND LATERAL VIEWS OF THE CHEST",
                             "AP CHEST, 5:14 A.M.", "Findings", "REPORT"}) {
    const std::string text = std::string("HISTORY: cough.\n ") + header + ": Clear lungs.";
    EXPECT_EQ(parse_sections(text, lexicon).findings, "Clear lungs.") << header;
  }
  for (const char* header :
       {"IMPRESSION", "IMPRESSON", "CONCLUSION", "IMPRESSION AND RECOMMENDATION", "Impression"}) {
    const std::string text = std::string("HISTORY: cough.\n") + header + ": Clear lungs.";
    EXPECT_EQ(parse_sections(text, lexicon).impression, "Clear lungs.") << header;
  }
  EXPECT_EQ(parse_sections("REASON FOR EXAMINATION: cough\nIMPRESSION\nClear.", lexicon).impression,
            "Clear.");
  EXPECT_EQ(parse_sections("CLINICAL HISTORY: cough\nIMPRESSION: Clear.", lexicon).indication,
            "cough");
}

// Headers as they stand in MIMIC-CXR, misspelt ones among them.
TEST(ParseSections, KnowsTheHeadersOfMimic) {
  const Lexicon lexicon = source_lexicon();
  const auto expect_under = [&](std::string ReportSections::*section, const char* header) {
    const std::string text = std::string("TECHNIQUE: digital.\n ") + header +
                             ": Clear lungs.\n\nNOTIFICATION: by phone.\n";
    EXPECT_EQ(parse_sections(text, lexicon).*section, "Clear lungs.") << header;
  };
  for (const char* header : {"FINDINGS",
                             "FINDING",
                             "FINDINS",
                             "FINDINDGS",
                             "FINDGINGS",
                             "FINDNGS",
                             "FINDNINGS",
                             "FINIDNGS",
                             "INDINGS",
                             "REFERENCE FINDINGS",
                             "FINDINGS AND IMPRESSION",
                             "FINDINGS/IMPRESSION",
                             "FINDINGS/ IMPRESSION",
                             "Findings and Impression",
                             "RESULTS",
                             "CHEST, TWO VIEWS",
                             "CHEST, SINGLE AP VIEW",
                             "CHEST RADIOGRAPH",
                             "CHEST X-RAY",
                             "CXR",
                             "PORTABLE CHEST",
                             "PA AND LATERAL CHEST RADIOGRAPHS",
                             "UPRIGHT AP VIEW OF THE CHEST",
                             "AP CHEST, 8:39 A.M",
                             "PORTABLE SEMI-UPRIGHT RADIOGRAPH OF THE CHEST"})
    expect_under(&ReportSections::findings, header);
  for (const char* header :
       {"IMPRESSION", "IMPRESSON", "IMPRRESSION", "IMORESSION", "IMPRESSOIN", "IMPRSSION",
        "IMPRESION", "IMPERSSION", "MPRESSION", "IMPESSION", "CONCLUSION",
        "IMPRESSION/RECOMMENDATION", "Impression/Recommendations", "FINAL INTERPRETATION",
        "IMPRESSION AND PLAN"})
    expect_under(&ReportSections::impression, header);
  for (const char* header :
       {"COMPARISON", "COMPARISONS", "COMPARISION", "COMPARSION", "COMPARRISON", "COMPARISIONS",
        "COMPARISON EXAM", "COMPARISON FILM", "REFERENCE EXAM", "PRIOR STUDY"})
    expect_under(&ReportSections::comparison, header);
  for (const char* header :
       {"INDICATION", "IDICATION", "NDICATION", "HISTORY", "CLINICAL HISTORY", "PATIENT HISTORY",
        "REASON FOR EXAMINATION", "REASON FOR EXAM", "REASON FOR STUDY", "CLINICAL INFORMATION",
        "CLINICAL INDICATION", "CLINICAL DATA", "CLINICAL HISTORY/INDICATION"})
    expect_under(&ReportSections::indication, header);
  for (const char* header : {"EXAMINATION", "EXAM", "TYPE OF EXAMINATION", "STUDY"})
    expect_under(&ReportSections::examination, header);
}

// Preliminary readings, addenda and telephone calls are no part of the text.
TEST(ParseSections, WhatIsNoFindingStaysOut) {
  const Lexicon lexicon = source_lexicon();
  for (const char* header :
       {"WET READ", "WETREAD", "PROVISIONAL FINDINGS IMPRESSION (PFI)", "PFI", "NOTIFICATION",
        "RECOMMENDATION(S)", "RECOMMENDATIONS", "ADDENDUM", "DATE", "DOSE"}) {
    const std::string text =
        std::string(header) + ": New effusion.\nFINDINGS: Clear lungs.\nIMPRESSION: Normal.\n";
    EXPECT_EQ(training_text(text, lexicon), "Clear lungs. Normal.") << header;
  }
}

TEST(ParseSections, FindsHeadersInsideALine) {
  const ReportSections sections = parse_sections(
      "FINAL REPORT AP CHEST, 5:14 A.M., ___  HISTORY:  Cough.  FINDINGS: Clear. No NOTE. "
      "IMPRESSION: Normal.",
      source_lexicon());
  EXPECT_EQ(sections.indication, "Cough.");
  EXPECT_EQ(sections.findings, "Clear. No NOTE.");
  EXPECT_EQ(sections.impression, "Normal.");
}

TEST(ParseSections, OrgansInCapitalsBelongToTheFindings) {
  const ReportSections sections = parse_sections(
      "FINDINGS:\nLUNGS: Clear.\nHEART: Large.\nRECOMMENDATION: CT.\nIMPRESSION: Big heart.",
      source_lexicon());
  EXPECT_EQ(sections.findings, "LUNGS: Clear.\nHEART: Large.");
  ASSERT_EQ(sections.other.size(), 1u);
  EXPECT_EQ(sections.other[0].first, "RECOMMENDATION");
}

TEST(ParseSections, TheLastParagraphIsTheFallback) {
  const Lexicon lexicon = source_lexicon();
  const std::string text =
      "INDICATION: cough\n\nCOMPARISON: None.\n\nThe lungs are clear.\nNo effusion.\n";
  const ReportSections sections = parse_sections(text, lexicon);
  EXPECT_EQ(sections.comparison, "None.");
  EXPECT_EQ(training_text(sections, lexicon), "The lungs are clear. No effusion.");
  ReportOptions options;
  options.last_paragraph = false;
  EXPECT_EQ(training_text(sections, lexicon, options), "");
}

TEST(ParseSections, ATextWithoutHeadersIsAllFindings) {
  EXPECT_EQ(training_text("Clear lungs.\n\nNo effusion.", source_lexicon()),
            "Clear lungs. No effusion.");
}

TEST(TrainingText, NeverInventsText) {
  const Lexicon lexicon = source_lexicon();
  for (const char* text : {"", " \n", "FINDINGS:\n\nIMPRESSION:\n", "INDICATION: cough",
                           "FINDINGS: XXXX.", "PA and lateral views."}) {
    EXPECT_EQ(training_text(text, lexicon), "") << text;
  }
}

TEST(TrainingText, LongHostileTextsTakeLinearTime) {
  const Lexicon lexicon = source_lexicon();
  const WordPieceTokenizer tokenizer(testing::letter_vocabulary());
  for (const char* part : {"a:", "A: ", "a-", "[**", "1. A", "X. CHEST:", "(", "a.", ". ", "\n\n",
                           "\u0301", "\u2019s"}) {
    std::string text;
    while (text.size() < 400'000) text += part;
    const double start = monotonic_seconds();
    training_text(text, lexicon);
    lexicon.annotate(text, tokenizer.encode(text));
    // Linear: a quarter of a second; quadratic: minutes.
    EXPECT_LT(monotonic_seconds() - start, 10.0) << part;
  }
}

TEST(TrainingText, AnyBytesAreRead) {
  const Lexicon lexicon = source_lexicon();
  CounterRandom random(5, "report-bytes");
  const std::string seasoning = "FINDINGS: \nIMPRESSION:\n1. ___ XXXX.";
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    const std::int64_t length = random.below(60);
    for (std::int64_t i = 0; i < length; ++i) {
      const bool plain = random.bernoulli(0.6);
      text += plain ? seasoning[static_cast<std::size_t>(
                          random.below(static_cast<std::int64_t>(seasoning.size())))]
                    : static_cast<char>(random.below(256));
    }
    EXPECT_NO_THROW(training_text(text, lexicon));
  }
}

}  // namespace
}  // namespace biplane

#include "biplane/text/report_edits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace biplane {
namespace {

std::string edited(const std::string& text, const std::string& kind,
                   const std::string& change = "") {
  static const Labeler kLabeler = Labeler::named("share/labels/chexpert.yaml");
  static const Lexicon kLexicon = Lexicon::read("share/lexicon/en.yaml");
  for (const ReportEdit& edit : edit_report(text, kLabeler, kLexicon))
    if (edit.kind == kind && (change.empty() || edit.change == change)) return edit.text;
  return "none";
}

TEST(ReportEdits, NegationIsTakenAwayOrPutIn) {
  const std::string text =
      "The heart is normal. No pleural effusion. There is a left pneumothorax.";
  EXPECT_EQ(edited(text, "negation", "denied to stated"),
            "The heart is normal. There is pleural effusion. There is a left pneumothorax.");
  EXPECT_EQ(edited(text, "negation", "stated to denied"),
            "The heart is normal. No pleural effusion. There is no left pneumothorax.");
  EXPECT_EQ(edited("Small left effusion. Heart size is normal.", "negation", "stated to denied"),
            "No small left effusion. Heart size is normal.");
  EXPECT_EQ(edited("There is no evidence of pneumonia.", "negation"), "There is pneumonia.");
}

TEST(ReportEdits, OneWordOfASentenceBecomesItsOpposite) {
  EXPECT_EQ(edited("No pneumothorax. Small right effusion is seen.", "side"),
            "No pneumothorax. Small left effusion is seen.");
  EXPECT_EQ(edited("Small right effusion is seen.", "size"), "Large right effusion is seen.");
  EXPECT_EQ(edited("Opacity in the left Upper lobe.", "site"), "Opacity in the left Lower lobe.");
}

TEST(ReportEdits, WhatWouldNotChangeTheMeaningStays) {
  EXPECT_EQ(edited("There is a sternotomy wire.", "negation"), "none") << "no label changes";
  EXPECT_EQ(edited("Left and right effusions are seen.", "side"), "none") << "both sides";
  EXPECT_EQ(edited("No left effusion.", "side"), "none") << "true either way";
  EXPECT_EQ(edited("The right shoulder is not included.", "side"), "none");
  EXPECT_EQ(edited("", "side"), "none");
}

}  // namespace
}  // namespace biplane

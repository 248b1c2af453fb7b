// The labeller reads back what the phantom's reports say. Its rules were written without a look at
// the grammar.
#include "biplane/corpus/report_labels.h"

#include <gtest/gtest.h>

#include "biplane/core/random.h"
#include "biplane/corpus/label_agreement.h"
#include "biplane/phantom/grammar.h"
#include "biplane/phantom/narrative.h"
#include "biplane/phantom/signs.h"

namespace biplane {
namespace {

constexpr double kGate = 0.95;

TEST(ReportLabels, RecoverThePhantomsFindings) {
  const Labeler labeler = Labeler::named("phantom");
  for (const bool held_out : {false, true}) {
    LabelAgreement agreement({finding_names().begin(), finding_names().end()});
    for (std::uint64_t number = 0; number < 2000; ++number) {
      NarrativeInput input;
      input.findings = draw_findings(8, number);
      input.held_out_phrasings = held_out;
      input.signs = body_signs(draw_patient(8, number), draw_acquisition(8, number));
      LabelValues truth;
      for (const Finding& finding : input.findings) truth[finding_name(finding.kind)] = 1;
      input.visibility.assign(input.findings.size(), Visibility::kPlain);
      Study study;
      const Narrative narrative = write_narrative(input, phantom_grammar(), 8, number);
      study.report = narrative.report;
      // Hedged findings are no errors of reading; those not mentioned cannot be read.
      for (const Finding& finding : input.findings) {
        if (narrative.said[static_cast<std::size_t>(finding.kind)] != Mention::kStated)
          truth[finding_name(finding.kind)] = kLeftOut;
      }
      label_study(labeler, study);
      agreement.add(study.labels, truth);
    }
    const std::optional<double> macro = agreement.macro_f1();
    ASSERT_TRUE(macro.has_value());
    EXPECT_GE(*macro, kGate) << agreement.table();
    RecordProperty(held_out ? "macro_f1_held_out" : "macro_f1", std::to_string(*macro));
  }
}

}  // namespace
}  // namespace biplane

// The labels of CheXpert against those of the published labeller on real reports.
#include <gtest/gtest.h>

#include <cstdio>

#include "biplane/core/sha256.h"
#include "biplane/corpus/report_labels.h"
#include "biplane/formats/csv.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

constexpr double kGate = 0.80;

// The half of the reports that the rules were written with.
bool looked_at(const std::string& uid) {
  return std::stoi(sha256_hex(uid).substr(0, 2), nullptr, 16) % 2 == 0;
}

TEST(GoldenLabels, AgreeWithThePublishedLabellerOnRealReports) {
  BIPLANE_NEEDS_TEST_DATA("openi/report_labels.csv");
  const std::filesystem::path file = testing::test_data("openi/report_labels.csv");
  const Labeler labeler = Labeler::named("chexpert");
  const LabelReference reference = LabelReference::read(file, "uid", labeler.labels());
  LabelAgreement all(reference.labels()), half[2] = {all, all};
  CsvReader csv(file);
  const std::size_t uid = csv.column("uid"), report = csv.column("Reports");
  for (CsvRow row; csv.next(row);) {
    const LabelValues found = labeler.label(row.fields[report]);
    const LabelValues& wanted = *reference.find(row.fields[uid]);
    all.add(found, wanted);
    half[looked_at(row.fields[uid]) ? 0 : 1].add(found, wanted);
  }
  ASSERT_TRUE(all.macro_f1().has_value());
  EXPECT_GE(*all.macro_f1(), kGate) << all.table();
  for (const LabelAgreement& part : half) {
    double sum = 0;
    int labels = 0;
    for (std::size_t i = 0; i < all.labels().size(); ++i) {
      if (all.counts(i).support() < 20) continue;
      sum += part.counts(i).f1();
      ++labels;
    }
    std::printf("%s: %ld reports, macro F1 %.3f\n",
                &part == half ? "the half looked at" : "the other half", long(part.reports()),
                sum / labels);
  }
  std::printf("all: macro F1 %.3f\n", *all.macro_f1());
}

}  // namespace
}  // namespace biplane

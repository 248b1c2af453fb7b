#include "biplane/corpus/report_labels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/corpus/manifest.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

using ::testing::HasSubstr;
using testing::TemporaryFolder;

const Labeler& fruit() {
  static const Labeler labeler = Labeler::parse(
      "name: fruit\nscope: {negation_before: [no]}\nlabels:\n  - {name: apple, present: [apple]}\n"
      "  - {name: pear, present: [pear]}\n");
  return labeler;
}

ReportLabelOptions options_for(const TemporaryFolder& folder, const std::string& csv) {
  write_file_atomically(folder / "in.csv", csv);
  ReportLabelOptions options;
  options.in = folder / "in.csv";
  options.out = folder / "out.csv";
  options.report_column = "report";
  return options;
}

TEST(ReportLabels, EveryRowOfACsvIsLabelledInOrder) {
  const TemporaryFolder folder;
  std::string csv = "id,report,other\n", wanted = "id,apple,pear\n";
  for (int i = 0; i < 5000; ++i) {
    csv += std::to_string(i) + (i % 3 == 0 ? ",\"No apple, pear.\",x\n" : ",Apple.,y\n");
    wanted += std::to_string(i) + (i % 3 == 0 ? ",0,0\n" : ",1,\n");
  }
  ReportLabelOptions options = options_for(folder, csv);
  for (const int threads : {1, 3}) {
    options.threads = threads;
    EXPECT_EQ(label_csv(fruit(), options).stages().front().out(), 5000);
    EXPECT_EQ(read_file(folder / "out.csv"), wanted);
  }
}

TEST(ReportLabels, IdColumnsAreChosenAndEmptyReportsHaveBlanks) {
  const TemporaryFolder folder;
  ReportLabelOptions options = options_for(folder, "report,a,b\nPear.,1,2\n ,3,4\n");
  const Funnel funnel = label_csv(fruit(), options);
  EXPECT_EQ(read_file(folder / "out.csv"), "apple,pear\n,1\n,\n");
  EXPECT_EQ(funnel.stages().front().reasons().front().name, "no report");
  options.id_columns = {"b", "a"};
  label_csv(fruit(), options);
  EXPECT_EQ(read_file(folder / "out.csv"), "b,a,apple,pear\n2,1,,1\n4,3,,\n");
}

void expect_error(const ReportLabelOptions& options, ErrorKind kind, const std::string& wanted) {
  try {
    label_csv(fruit(), options);
    ADD_FAILURE() << wanted;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    EXPECT_THAT(error.what(), HasSubstr(wanted));
  }
}

TEST(ReportLabels, BadRowsAreNamedAndTooManyWriteNothing) {
  const TemporaryFolder folder;
  ReportLabelOptions options = options_for(folder, "id,report\n1,Pear.\n2\n3,Apple.\n");
  expect_error(options, ErrorKind::kBadContent, "in.csv row 2");
  EXPECT_FALSE(std::filesystem::exists(folder / "out.csv"));
  options.max_bad = 0.5;
  const Funnel funnel = label_csv(fruit(), options);
  EXPECT_EQ(funnel.stages().front().bad(), 1);
  EXPECT_EQ(read_file(folder / "out.csv"), "id,apple,pear\n1,,1\n3,1,\n");
  options.report_column = "reprt";
  expect_error(options, ErrorKind::kUsage, "'report'");
  expect_error(options_for(folder, "id,report\n"), ErrorKind::kBadContent, "a header but no row");
}

TEST(ReportLabels, AReferenceIsJoinedByTheFirstIdColumn) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "reference.csv", "id,apple,pear\n3,1,1\n1,0,1\n");
  const LabelReference reference =
      LabelReference::read(folder / "reference.csv", "", fruit().labels());
  LabelAgreement agreement(reference.labels());
  ReportLabelOptions options = options_for(folder, "id,report\n1,Pear.\n2,Pear.\n3,No pear.\n");
  options.reference = &reference;
  options.agreement = &agreement;
  label_csv(fruit(), options);
  EXPECT_EQ(agreement.reports(), 2);
  EXPECT_EQ(agreement.counts(1).both, 1);
  EXPECT_EQ(agreement.counts(1).reference_only, 1);
  LabelAgreement none(reference.labels());
  options = options_for(folder, "id,report\n7,Pear.\n");
  options.reference = &reference;
  options.agreement = &none;
  expect_error(options, ErrorKind::kBadContent, "the reference names none of its rows");
}

TEST(ReportLabels, AManifestKeepsEverythingButTheLabelsOfTheSet) {
  const TemporaryFolder folder;
  Study study;
  study.study_id = study.patient_id = "s1";
  study.report.findings = "No pear";
  study.report.impression = "Apple";
  study.labels_chexpert = {{"pear", 1}, {"plum", 1}};
  study.labels = {{"apple", -1}};
  Study text_only;
  text_only.study_id = text_only.patient_id = "s2";
  text_only.report.text = "Pear.";
  ManifestWriter writer(folder / "manifest.jsonl");
  writer.write(study);
  writer.write(text_only);
  writer.finish();
  ReportLabelOptions options;
  options.in = folder.path();
  options.out = folder / "labelled.jsonl";
  options.threads = 2;
  label_manifest(fruit(), options);
  study.labels_chexpert = {{"apple", 1}, {"pear", 0}, {"plum", 1}};
  text_only.labels_chexpert = {{"pear", 1}};
  EXPECT_EQ(read_file(folder / "labelled.jsonl"),
            study_to_json(study) + "\n" + study_to_json(text_only) + "\n");
}

TEST(ReportLabels, ReportsInAnotherLanguageAreRefused) {
  const TemporaryFolder folder;
  Study study;
  study.study_id = "s1";
  study.report.text = "una pera";
  study.report.language = "es";
  write_file_atomically(folder / "manifest.jsonl", study_to_json(study) + "\n");
  ReportLabelOptions options;
  options.in = folder.path();
  options.out = folder / "out.jsonl";
  try {
    label_manifest(fruit(), options);
    ADD_FAILURE() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_THAT(error.what(),
                HasSubstr("study s1 is in 'es', but the label file fruit reads 'en'"));
  }
  EXPECT_FALSE(std::filesystem::exists(options.out));
  label_manifest(Labeler::parse("name: fruta\nlanguage: es\nlabels:\n"
                                "  - {name: pera, present: [pera]}\n"),
                 options);
  EXPECT_EQ(Manifest::read(options.out).study(0).labels_chexpert.at("pera"), 1);
}

}  // namespace
}  // namespace biplane

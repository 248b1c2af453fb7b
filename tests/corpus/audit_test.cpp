#include "biplane/corpus/audit.h"

#include <gmock/gmock.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "biplane/core/files.h"
#include "biplane/imaging/preprocess.h"
#include "tests/corpus/small_corpus.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

GreyImage waves(int side) {
  FloatImage image = make_float(side, side);
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      const double row = 6.0 * y / side, column = 6.0 * x / side;
      image.pixels[static_cast<std::size_t>(y * side + x)] = static_cast<float>(
          0.5 + 0.2 * std::sin(3 * column + row) + 0.2 * std::cos(row * column / 2));
    }
  }
  return to_grey(image);
}

// Twelve clean studies, the last four of them in the test split.
class Audit : public ::testing::Test {
 protected:
  Audit() : studies_(testing::write_test_studies(folder_.path(), 12)) {
    for (std::size_t i = 8; i < 12; ++i) studies_[i].split = Split::kTest;
  }
  AuditReport run(int threads = 2, std::vector<std::string> allowed = {}) const {
    return audit(Manifest(studies_, folder_.path()),
                 {.threads = threads, .progress = nullptr, .allowed = std::move(allowed)});
  }
  // Runs and expects exactly one finding, of this kind.
  AuditReport expect_one(const std::string& kind, bool leak) const {
    const AuditReport report = run();
    EXPECT_EQ(report.findings.size(), 1u) << audit_table(report);
    if (report.findings.empty()) return report;
    EXPECT_EQ(report.findings[0].kind, kind) << report.findings.at(0).detail;
    EXPECT_EQ(report.findings[0].is_leak, leak);
    EXPECT_FALSE(report.clean());
    return report;
  }

  testing::TemporaryFolder folder_;
  std::vector<Study> studies_;
};

TEST_F(Audit, FindsNothingInACleanManifestAndCounts) {
  studies_[0].labels = {{"mass", 1}, {"nodule", -1}};
  studies_[1].labels = {{"mass", 1}};
  studies_[2].report.text.clear();
  const AuditReport report = run();
  EXPECT_TRUE(report.clean()) << audit_table(report);
  EXPECT_EQ(report.studies, 12);
  EXPECT_EQ(report.patients, 12);
  EXPECT_EQ(report.images, 12 + 3 + 8);
  EXPECT_EQ(report.splits.at("test"), 4);
  EXPECT_EQ(report.view_sets.at("both"), 8);
  EXPECT_EQ(report.view_sets.at("frontal only"), 4);
  EXPECT_EQ(report.views.at("AP"), 3);
  EXPECT_EQ(report.labels.at("mass").at(1), 2);
  EXPECT_EQ(report.empty_reports, 1);
  EXPECT_EQ(report.text_lengths.at(10), 11);
}

TEST_F(Audit, DoesNotDependOnThreads) {
  studies_[11].patient_id = studies_[0].patient_id;
  EXPECT_EQ(audit_json(run(1)), audit_json(run(4)));
}

TEST_F(Audit, FindsAPatientInTwoSplits) {
  studies_[11].patient_id = studies_[0].patient_id;
  EXPECT_THAT(expect_one("patient in two splits", true).findings.at(0).detail,
              ::testing::HasSubstr("s100, s111"));
}

TEST_F(Audit, FindsAnImageInTwoSplitsUnderAnotherName) {
  write_file_atomically(folder_ / "images/f11.png", read_file(folder_ / "images/f4.png"));
  EXPECT_EQ(expect_one("image in two splits", true).leaks, 1);
}

TEST_F(Audit, FindsACopyOfHalfTheSizeInAnotherFormat) {
  const GreyImage image = waves(128);
  write_file_atomically(folder_ / "images/f4.png", encode_png(image));
  write_file_atomically(folder_ / "images/f11.png", encode_jpeg(resize_area(image, 64, 64), 50));
  EXPECT_THAT(expect_one("copy in two splits", true).findings.at(0).detail,
              ::testing::HasSubstr("s104 (images/f4.png), s111 (images/f11.png)"));
  for (const std::size_t study : {8u, 9u, 10u, 11u}) studies_[study].split = Split::kTrain;
  EXPECT_TRUE(run().clean());
  EXPECT_EQ(run().repeated_copies, 1);
}

TEST_F(Audit, ALeakThatIsNamedPasses) {
  studies_[11].patient_id = studies_[0].patient_id;
  EXPECT_FALSE(run(2, {"image", "copy"}).clean());
  const AuditReport report = run(2, {"patient"});
  EXPECT_TRUE(report.clean());
  EXPECT_EQ(report.allowed_leaks, 1);
  EXPECT_EQ(report.leaks, 0);
  EXPECT_TRUE(report.findings.at(0).allowed);
}

TEST_F(Audit, OfSeveralManifestsComparesNamesWithinANameSpaceOnly) {
  std::vector<Study> others(studies_.begin(), studies_.begin() + 3);
  for (Study& study : others) {
    study.split = Split::kTest;
    study.views.clear();
    study.report.text.clear();
  }
  const Manifest first(studies_, folder_.path()), second(others, folder_.path());
  const auto leaks = [&](const std::string& name_space) {
    return audit({{&first, "a", "one"}, {&second, "b", name_space}},
                 {.threads = 1, .progress = nullptr, .allowed = {}});
  };
  EXPECT_TRUE(leaks("two").clean());
  const AuditReport report = leaks("one");
  EXPECT_EQ(report.leaks, 3 + 3);
  EXPECT_EQ(report.findings.at(0).detail,
            "patient p0 is in train of a and test of b: studies a:s100, b:s100");
  EXPECT_THAT(report.overlaps.at(0).things,
              ::testing::ElementsAre(std::pair("patient", 3), std::pair("study", 3)));
  EXPECT_EQ(report.manifests.at(1).studies, 3);
}

TEST_F(Audit, FindsAPatientUnderTheNameOfAnotherCorpus) {
  std::vector<Study> others(studies_.begin(), studies_.begin() + 3);
  for (std::size_t i = 0; i < others.size(); ++i) {
    others[i].study_id = others[i].patient_id = "u" + std::to_string(i);
    others[i].split = Split::kTest;
    others[i].views.clear();
    others[i].report.text.clear();
  }
  others[0].patient_in["first"] = studies_[0].patient_id;
  others[1].patient_in["third"] = studies_[1].patient_id;  // a corpus that is not looked at
  const Manifest first(studies_, folder_.path()), second(others, folder_.path());
  const AuditReport report = audit({{&first, "a", "first"}, {&second, "b", "second"}},
                                   {.threads = 1, .progress = nullptr, .allowed = {}});
  EXPECT_EQ(report.leaks, 1) << audit_table(report);
  EXPECT_EQ(report.findings.at(0).detail,
            "patient p0 is in train of a and test of b: studies a:s100, b:u0");
  others[2].patient_in["first"] = "nobody";
  others[1].split = Split::kTrain;  // one patient of the other corpus under two of its names
  others[1].patient_in = {{"first", "nobody"}};
  const Manifest repeated(others, folder_.path());
  EXPECT_EQ(audit({{&repeated, "", "second"}}, {.threads = 1, .progress = nullptr, .allowed = {}})
                .findings.at(0)
                .detail,
            "patient nobody is in train and test: studies u1, u2");
}

TEST_F(Audit, FindsAStudyInTwoSplits) {
  Study copy = studies_[9];
  copy.study_id = "copy";
  copy.patient_id = "another";
  copy.split = Split::kTrain;
  studies_.push_back(copy);
  const AuditReport report = run();
  std::vector<std::string> kinds;
  for (const AuditFinding& finding : report.findings) kinds.push_back(finding.kind);
  EXPECT_THAT(kinds, ::testing::ElementsAre("image in two splits", "study in two splits"));
}

TEST_F(Audit, AllowsRepetitionWithinOneSplitButCountsIt) {
  studies_[1].patient_id = studies_[0].patient_id;
  write_file_atomically(folder_ / "images/f3.png", read_file(folder_ / "images/f4.png"));
  studies_[3].report.text = studies_[4].report.text;
  const AuditReport report = run();
  EXPECT_TRUE(report.clean());
  EXPECT_EQ(report.patients, 11);
  EXPECT_EQ(report.repeated_images, 1);
  EXPECT_GE(report.repeated_reports, 1);
}

TEST_F(Audit, FindsMissingBrokenAndChangedFiles) {
  std::filesystem::remove(folder_ / "images/f0.png");
  write_file_atomically(folder_ / "images/f1.png",
                        read_file(folder_ / "images/f1.png").substr(0, 100));
  studies_[2].views[0].sha256 = std::string(64, '0');
  studies_[3].views[0].rows = 25;
  const AuditReport report = run();
  std::vector<std::string> kinds;
  for (const AuditFinding& finding : report.findings) kinds.push_back(finding.kind);
  EXPECT_THAT(kinds,
              ::testing::ElementsAre("missing file", "broken file", "changed file", "wrong size"));
  EXPECT_EQ(report.bad_files, 4);
  EXPECT_EQ(report.leaks, 0);
  EXPECT_EQ(nlohmann::json::parse(audit_json(report))["findings"].size(), 4u);
}

}  // namespace
}  // namespace biplane

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <map>

#include "biplane/core/files.h"
#include "biplane/corpus/manifest.h"
#include "biplane/formats/rle.h"
#include "biplane/imaging/decode.h"
#include "biplane/phantom/finding.h"
#include "biplane/phantom/phantom.h"
#include "biplane/phantom/study_maker.h"
#include "tests/phantom/hashes.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

PhantomOptions test_studies_only(std::int64_t studies, std::int64_t size) {
  PhantomOptions options;
  options.studies = options.test = studies;
  options.validate = 0;
  options.size = size;
  options.seed = 9;
  options.threads = 1;
  options.counterfactual = true;
  return options;
}

TEST(Counterfactual, EveryTestStudyIsWrittenWithoutEachOfItsFindings) {
  const testing::TemporaryFolder out;
  PhantomOptions options = test_studies_only(30, 64);
  options.studies = 40;  // ten of them for training
  const PhantomSummary summary = write_phantom(options, out.path());
  const Manifest manifest = Manifest::read(out.path()),
                 without = Manifest::read(out / "counterfactual.jsonl");
  std::size_t at = 0;
  for (const Study& study : manifest.read_all()) {
    EXPECT_FALSE(study.counterfactual.has_value());
    if (study.split != Split::kTest) continue;
    for (const std::string& finding : finding_names()) {
      if (study.labels.at(finding) == 0) continue;
      ASSERT_LT(at, without.summaries().size());
      const Study other = without.study(static_cast<std::int64_t>(at++));
      ASSERT_TRUE(other.counterfactual.has_value());
      EXPECT_EQ(other.counterfactual->of, study.study_id);
      EXPECT_EQ(other.counterfactual->removed, finding);
      std::map<std::string, int> labels = study.labels;
      labels[finding] = 0;
      EXPECT_EQ(other.labels, labels);
      EXPECT_EQ(other.visible_in.count(finding), 0u);
      EXPECT_EQ(other.patient_id, study.patient_id);
      EXPECT_EQ(other.age, study.age);
      ASSERT_EQ(other.views.size(), 2u);
      for (const View& view : other.views)
        EXPECT_EQ(view.sha256, sha256_file(without.image_path(view)));
    }
  }
  EXPECT_EQ(at, without.summaries().size());
  EXPECT_EQ(summary.counterfactuals, static_cast<std::int64_t>(at));
  EXPECT_GT(at, 15u);
}

TEST(Counterfactual, FilesAreTheSameForOneAndFourThreadsAndTheStudiesAsWithoutThem) {
  const testing::TemporaryFolder one, four, plain;
  PhantomOptions options = test_studies_only(12, 48);
  write_phantom(options, one.path());
  options.threads = 4;
  write_phantom(options, four.path());
  const auto files = testing::hashes(one.path());
  EXPECT_EQ(files, testing::hashes(four.path()));
  options.counterfactual = false;
  write_phantom(options, plain.path());
  auto shared = files;
  std::erase_if(shared, [](const auto& file) { return file.first.starts_with("counterfactual"); });
  EXPECT_LT(shared.size(), files.size());
  auto expected = testing::hashes(plain.path());
  expected.erase("funnel.json");  // counts the counterfactuals
  shared.erase("funnel.json");
  EXPECT_EQ(shared, expected);
}

TEST(Counterfactual, AnOlderSecondManifestDoesNotStayBesideNewStudies) {
  const testing::TemporaryFolder out;
  PhantomOptions options = test_studies_only(3, 32);
  write_phantom(options, out.path());
  ASSERT_TRUE(std::filesystem::exists(out / "counterfactual.jsonl"));
  options.counterfactual = false;
  write_phantom(options, out.path());
  EXPECT_FALSE(std::filesystem::exists(out / "counterfactual.jsonl"));
}

// Mask of everything that a study's other findings and the removed one touch, two pixels wider.
std::vector<std::uint8_t> touched(const Study& study, std::int64_t view, int size) {
  std::vector<std::uint8_t> mask(static_cast<std::size_t>(size) * static_cast<std::size_t>(size));
  for (const Mask& part : study.masks) {
    if (part.view != view) continue;
    const auto pixels = decode_rle(part.rle, part.rows, part.cols);
    for (int y = 2; y < size - 2; ++y)
      for (int x = 2; x < size - 2; ++x)
        for (int k = 0; pixels[static_cast<std::size_t>(y * size + x)] != 0 && k < 25; ++k)
          mask[static_cast<std::size_t>((y + k / 5 - 2) * size + x + k % 5 - 2)] = 1;
  }
  return mask;
}

struct Change {
  double inside = 0, outside = 0;  // mean of |difference| in grey levels
  double equal_outside = 0;        // share of the pixels that are the same
};

Change change(const GreyImage& a, const GreyImage& b, const std::vector<std::uint8_t>& mask) {
  Change result;
  double in = 0, out = 0;
  for (std::size_t i = 0; i < mask.size(); ++i) {
    const double difference = std::abs(double(a.pixels[i]) - double(b.pixels[i]));
    (mask[i] != 0 ? result.inside : result.outside) += difference;
    (mask[i] != 0 ? in : out) += 1;
    result.equal_outside += mask[i] == 0 && difference == 0 ? 1 : 0;
  }
  return {result.inside / in, result.outside / out, result.equal_outside / out};
}

// The first studies that have this finding and no other.
std::vector<std::int64_t> studies_with_only(FindingKind kind, const PhantomOptions& options,
                                            std::size_t count) {
  std::vector<std::int64_t> indices;
  for (std::int64_t i = 0; i < options.studies && indices.size() < count; ++i) {
    const std::vector<Finding> findings = draw_study(options, place_study(options, i)).findings;
    if (findings.size() == 1 && findings[0].kind == kind) indices.push_back(i);
  }
  EXPECT_EQ(indices.size(), count);
  return indices;
}

// Body, acquisition and noise stay: away from a device that leaves the beam alone the pixels are
// the same.
TEST(Counterfactual, ChangesTheImageWhereTheFindingIsAndNowhereElse) {
  const PhantomOptions options = test_studies_only(1000, 160);
  for (const std::int64_t index : studies_with_only(FindingKind::kPacemaker, options, 4)) {
    const PhantomStudy study = make_phantom_study(options, index),
                       other = make_counterfactuals(options, index).front();
    const Change frontal =
        change(study.frontal, other.frontal, touched(study.study, 0, int(options.size)));
    EXPECT_GT(frontal.inside, 8);
    EXPECT_LT(frontal.outside, 0.3);
    EXPECT_GT(frontal.equal_outside, 0.8);
  }
}

// Pixels between the first and the last one of the middle row that the body covers.
std::ptrdiff_t body_width(const GreyImage& image) {
  constexpr int kBlack = 12;
  const auto row = image.pixels.begin() + image.rows / 2 * image.cols, end = row + image.cols;
  const auto covered = [](std::uint8_t value) { return value > kBlack; };
  return std::find_if(std::make_reverse_iterator(end), std::make_reverse_iterator(row), covered)
             .base() -
         std::find_if(row, end, covered);
}

// Emphysema widens the lungs inside the chest; its outline is the body's.
TEST(Counterfactual, ATrunkKeepsItsOutlineWithoutItsEmphysema) {
  const PhantomOptions options = test_studies_only(1000, 128);
  for (const std::int64_t index : studies_with_only(FindingKind::kEmphysema, options, 4)) {
    const PhantomStudy study = make_phantom_study(options, index),
                       other = make_counterfactuals(options, index).front();
    EXPECT_NEAR(body_width(study.lateral), body_width(other.lateral), 2);
    EXPECT_GT(body_width(study.lateral), 60);
  }
}

TEST(Counterfactual, TheReportIsWrittenForWhatIsLeft) {
  const PhantomOptions options = test_studies_only(1000, 32);
  for (const std::int64_t index : studies_with_only(FindingKind::kCardiomegaly, options, 4)) {
    const PhantomStudy study = make_phantom_study(options, index),
                       other = make_counterfactuals(options, index).front();
    EXPECT_NE(other.study.report.text, study.study.report.text);
    EXPECT_EQ(other.study.labels_chexpert.at("No Finding"), 1);
  }
}

}  // namespace
}  // namespace biplane

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <set>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/core/sha256.h"
#include "biplane/corpus/manifest.h"
#include "biplane/corpus/selection.h"
#include "biplane/formats/rle.h"
#include "biplane/imaging/decode.h"
#include "biplane/phantom/finding.h"
#include "biplane/phantom/phantom.h"
#include "biplane/phantom/study_maker.h"
#include "tests/phantom/hashes.h"
#include "tests/phantom/refusal.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

PhantomOptions small_options() {
  PhantomOptions options;
  options.studies = 60;
  options.size = 64;
  options.seed = 9;
  options.threads = 1;
  return options;
}

TEST(Phantom, FilesAreTheSameForOneAndFourThreads) {
  const testing::TemporaryFolder one, four;
  PhantomOptions options = small_options();
  options.layout = "pairs";
  write_phantom(options, one.path());
  options.threads = 4;
  write_phantom(options, four.path());
  const auto files = testing::hashes(one.path());
  EXPECT_GT(files.size(), 90U);
  EXPECT_EQ(files, testing::hashes(four.path()));
}

TEST(Phantom, AnotherSeedGivesOtherFiles) {
  PhantomOptions options = small_options();
  const PhantomStudy a = make_phantom_study(options, 3);
  options.seed = 10;
  const PhantomStudy b = make_phantom_study(options, 3);
  EXPECT_NE(a.frontal.pixels, b.frontal.pixels);
  EXPECT_NE(a.study.report.text, b.study.report.text);
}

TEST(Phantom, ManifestHoldsWhatWasWritten) {
  const testing::TemporaryFolder out;
  const PhantomOptions options = small_options();
  const PhantomSummary summary = write_phantom(options, out.path());
  EXPECT_TRUE(std::filesystem::exists(out / "funnel.json"));
  const Manifest manifest = Manifest::read(out.path());
  ASSERT_EQ(manifest.summaries().size(), 60U);
  std::int64_t images = 0;
  std::set<std::string> patients;
  for (const Study& study : manifest.read_all()) {
    patients.insert(study.patient_id);
    EXPECT_EQ(study.labels.size(), static_cast<std::size_t>(kFindingKinds));
    EXPECT_FALSE(study.report.text.empty());
    for (const View& view : study.views) {
      ++images;
      const GreyImage image = read_image(manifest.image_path(view), {}).image;
      EXPECT_EQ(image.rows, 64);
      EXPECT_EQ(image.cols, 64);
      EXPECT_EQ(view.sha256, sha256_file(manifest.image_path(view)));
    }
    for (const Box& box : study.boxes) {
      EXPECT_EQ(study.labels.at(box.label), 1);
      ASSERT_LT(box.view, static_cast<std::int64_t>(study.views.size()));
      EXPECT_LE(box.x + box.w, 64);
      EXPECT_LE(box.y + box.h, 64);
    }
    for (const Mask& mask : study.masks) EXPECT_GT(rle_area(mask.rle, mask.rows, mask.cols), 0);
    for (const auto& [label, value] : study.labels)
      EXPECT_EQ(study.visible_in.count(label), static_cast<std::size_t>(value));
  }
  EXPECT_EQ(images, summary.images);
  EXPECT_EQ(static_cast<std::int64_t>(patients.size()), summary.patients);
}

TEST(Phantom, AFindingIsVisibleOrDoubtfulInAViewByItsDetectability) {
  const PhantomOptions options = small_options();
  std::map<std::string, int> counts;
  for (std::int64_t index = 0; index < options.studies; ++index) {
    const StudyPlace place = place_study(options, index);
    const DrawnStudy drawn = draw_study(options, place);
    const RenderedStudy rendered = render_study(
        drawn.patient, drawn.acquisition, drawn.findings, static_cast<int>(options.size),
        CounterRandom(static_cast<std::uint64_t>(options.seed), "phantom/noise",
                      {place.study_key}));
    std::map<std::string, std::vector<std::string>> visible, doubtful;
    for (std::size_t i = 0; i < rendered.findings.size(); ++i) {
      const std::string finding = finding_name(rendered.findings[i].kind);
      visible[finding];  // also where no view shows it
      for (std::size_t v = 0; v < 2; ++v) {
        const double d = rendered.views[v].traces[i].detectability;
        if (d >= 2) visible[finding].emplace_back(v == 0 ? "frontal" : "lateral");
        if (d >= 0.5 && d < 2) doubtful[finding].emplace_back(v == 0 ? "frontal" : "lateral");
        ++counts[d >= 2 ? "visible" : d >= 0.5 ? "doubtful" : "hidden"];
      }
    }
    const Study study = make_phantom_study(options, index).study;
    EXPECT_EQ(study.visible_in, visible) << index;
    EXPECT_EQ(study.doubtful_in, doubtful) << index;
  }
  for (const char* kind : {"visible", "doubtful", "hidden"}) EXPECT_GT(counts[kind], 0) << kind;
}

TEST(Phantom, PngHoldsTheExactPixels) {
  const testing::TemporaryFolder out;
  PhantomOptions options = small_options();
  options.studies = 3;
  options.format = "png";
  options.test = 0;
  options.validate = 0;
  write_phantom(options, out.path());
  const Manifest manifest = Manifest::read(out.path());
  const PhantomStudy made = make_phantom_study(options, 1);
  const View view = manifest.study(1).views.front();
  EXPECT_EQ(read_image(manifest.image_path(view), {}).image.pixels,
            (made.has_frontal ? made.frontal : made.lateral).pixels);
}

// A contrast would otherwise learn to tell studies apart by the views they lack, and nothing else.
TEST(Guard, AReportSaysNothingAboutTheViewsThatExist) {
  PhantomOptions both = small_options();
  both.studies = 60;
  both.test = both.validate = 0;
  both.frontal_only = both.lateral_only = 0;
  PhantomOptions frontal = both, lateral = both;
  frontal.frontal_only = 1;
  lateral.lateral_only = 1;
  for (std::int64_t index = 0; index < both.studies; ++index) {
    const Study study = make_phantom_study(both, index).study;
    for (const PhantomOptions& options : {frontal, lateral}) {
      const Study other = make_phantom_study(options, index).study;
      EXPECT_EQ(other.views.size(), 1u);
      EXPECT_EQ(other.report.text, study.report.text);
      EXPECT_EQ(other.report.other, study.report.other);
    }
  }
}

TEST(Phantom, SplitsAreByPatientAndMissingViewsOnlyInTraining) {
  PhantomOptions options;
  options.studies = 1500;
  options.size = 32;
  options.test = 100;
  options.validate = 40;
  std::map<std::string, Split> split_of;
  int train = 0, frontal_only = 0, lateral_only_studies = 0, test = 0, shared = 0;
  for (std::int64_t index = 0; index < options.studies; ++index) {
    const PhantomStudy made = make_phantom_study(options, index);
    const auto [known, fresh] = split_of.emplace(made.study.patient_id, made.study.split);
    shared += fresh ? 0 : 1;
    EXPECT_EQ(known->second, made.study.split);
    if (made.study.split == Split::kTrain) {
      ++train;
      frontal_only += made.has_lateral ? 0 : 1;
      lateral_only_studies += made.has_frontal ? 0 : 1;
    } else {
      EXPECT_TRUE(made.has_frontal && made.has_lateral);
    }
    test += made.study.split == Split::kTest ? 1 : 0;
  }
  EXPECT_EQ(test, 100);
  EXPECT_GT(shared, 300);  // patients with several studies
  EXPECT_NEAR(frontal_only / double(train), 0.25, 0.045);
  EXPECT_NEAR(lateral_only_studies / double(train), 0.05, 0.025);
}

TEST(Phantom, AStudyDoesNotDependOnHowManyThereAre) {
  PhantomOptions few = small_options(), many = small_options();
  few.test = 10;
  many.studies = 5000;
  many.test = 700;
  const PhantomStudy a = make_phantom_study(few, 60 - 10),
                     b = make_phantom_study(many, 5000 - 700);  // first of the test split
  EXPECT_EQ(a.frontal.pixels, b.frontal.pixels);
  EXPECT_EQ(a.study.report.text, b.study.report.text);
  EXPECT_EQ(a.study.study_id, b.study.study_id);
}

TEST(Phantom, BadOptionsNameTheKey) {
  const auto message = [](auto change) -> std::string {
    PhantomOptions options = small_options();
    change(options);
    return testing::refusal(options);
  };
  EXPECT_NE(message([](PhantomOptions& o) { o.studies = 0; }).find("studies"), std::string::npos);
  EXPECT_NE(message([](PhantomOptions& o) { o.size = 8; }).find("size"), std::string::npos);
  EXPECT_NE(message([](PhantomOptions& o) { o.layout = "x"; }).find("layout"), std::string::npos);
  EXPECT_NE(message([](PhantomOptions& o) { o.format = "gif"; }).find("format"), std::string::npos);
  EXPECT_NE(message([](PhantomOptions& o) { o.test = 61; }).find("test"), std::string::npos);
  EXPECT_NE(message([](PhantomOptions& o) { o.frontal_only = 0.99; }).find("frontal_only"),
            std::string::npos);
  EXPECT_THROW(make_phantom_study(small_options(), 60), Error);
}

}  // namespace
}  // namespace biplane

// What holds for every layout.
#include <gtest/gtest.h>

#include "biplane/core/error.h"
#include "biplane/formats/csv.h"
#include "biplane/imaging/decode.h"
#include "biplane/phantom/acquisition.h"
#include "biplane/phantom/finding.h"
#include "biplane/phantom/label_maps.h"
#include "biplane/phantom/layouts/layout.h"
#include "biplane/phantom/layouts/names.h"
#include "biplane/phantom/layouts/table_file.h"
#include "biplane/phantom/radiograph_file.h"
#include "tests/phantom/hashes.h"
#include "tests/phantom/layout_files.h"
#include "tests/phantom/refusal.h"

namespace biplane {
namespace {

using testing::WrittenLayout;

class EveryLayout : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(, EveryLayout,
                         ::testing::Values("native", "pairs", "mimic", "chexpert", "rsna", "siim",
                                           "nih", "covidx", "openi", "object-cxr"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::erase(name, '-');
                           return name;
                         });

TEST_P(EveryLayout, FilesAreTheSameForOneAndFourThreads) {
  PhantomOptions options = testing::layout_options(GetParam());
  options.studies = 36;
  options.test = options.validate = 6;
  options.threads = 1;
  const WrittenLayout one(options, true);
  options.threads = 4;
  const WrittenLayout four(options, true);
  const auto files = testing::hashes(one.folder.path());
  EXPECT_GT(files.size(), 36U);
  EXPECT_EQ(files, testing::hashes(four.folder.path()));
}

TEST_P(EveryLayout, NoiseChangesTablesAndNeverTheManifestOrTheImages) {
  PhantomOptions options = testing::layout_options(GetParam());
  // Readers of boxes and masks err in one study of a hundred.
  options.studies = options.layout == "rsna" || options.layout == "siim" ? 200 : 70;
  const WrittenLayout clean(options), noisy(options, true);
  auto a = testing::hashes(clean.folder.path()), b = testing::hashes(noisy.folder.path());
  ASSERT_EQ(a.size(), b.size());
  std::size_t changed = 0;
  for (const auto& [path, hash] : a) {
    if (b.at(path) == hash) continue;
    ++changed;
    const std::string ending = std::filesystem::path(path).extension().string();
    EXPECT_TRUE(ending == ".csv" || ending == ".gz" || ending == ".txt" || ending == ".xml")
        << path;
  }
  EXPECT_EQ(a.at("manifest.jsonl"), b.at("manifest.jsonl"));
  EXPECT_EQ(changed > 0, find_layout(GetParam()).noise.any());
}

TEST_P(EveryLayout, TablesBeginWithTheirHeadersAndNoPartIsLeftBehind) {
  PhantomOptions options = testing::layout_options(GetParam());
  options.studies = 4;
  options.test = options.validate = 1;
  const WrittenLayout made(options);
  for (const LayoutTable& table : find_layout(GetParam()).tables) {
    const std::filesystem::path path = made.folder / table.path;
    ASSERT_TRUE(std::filesystem::exists(path)) << path;
    if (path.extension() == ".gz") {
      CsvReader csv(path);
      EXPECT_EQ(csv_line(csv.header()), table.header);
    } else if (!table.header.empty()) {
      EXPECT_EQ(testing::read_lines(path).front(), table.header);
    }
  }
  for (const auto& [path, hash] : testing::hashes(made.folder.path()))
    EXPECT_EQ(path.find(".tmp"), std::string::npos) << path;
}

TEST_P(EveryLayout, EveryImageOfTheManifestExistsOnceAndIsWhatItSays) {
  PhantomOptions options = testing::layout_options(GetParam());
  options.studies = 36;
  options.test = options.validate = 6;
  const WrittenLayout made(options);
  std::set<std::string> paths;
  for (const Study& study : made.manifest.read_all())
    for (const View& view : study.views) {
      EXPECT_TRUE(paths.insert(view.path).second) << view.path;
      const DecodedImage image = read_image(made.manifest.image_path(view), {});
      EXPECT_EQ(image.image.rows, 64);
      EXPECT_EQ(view.sha256, sha256_file(made.manifest.image_path(view)));
    }
}

TEST(Layouts, AGroupTableSaysHowEachStudyWasAcquired) {
  PhantomOptions options = testing::layout_options("native");
  options.studies = 60;
  const WrittenLayout made(options);
  CsvReader csv(made.folder / "groups.csv");
  const std::size_t study = csv.column("study_id"), style = csv.column("style");
  std::set<std::string> styles;
  std::int64_t index = 0;
  for (CsvRow row; csv.next(row); ++index) {
    const PhantomStudy one = make_phantom_study(options, index);
    EXPECT_EQ(row.fields[study], one.study.study_id);
    EXPECT_EQ(row.fields[style], one.style);
    styles.insert(one.style);
  }
  EXPECT_EQ(index, options.studies);
  EXPECT_GT(styles.size(), 1U);
  for (const std::string& name : styles) EXPECT_NO_THROW(acquisition_style_number(name)) << name;
}

TEST(Layouts, ADicomFileShowsThePictureWithMoreLevelsInBothPolarities) {
  PhantomOptions options = testing::layout_options("native");
  options.format = "dicom";
  std::set<std::string> polarities;
  for (std::int64_t index = 0; index < 12; ++index) {
    const PhantomStudy made = make_phantom_study(options, index);
    for (std::size_t i = 0; i < made.images.size(); ++i) {
      const std::string file = encode_view(options, made, i);
      const auto bytes = std::as_bytes(std::span(file));
      const FloatImage shown = dicom_display(bytes, "phantom");
      std::set<float> levels;
      for (std::size_t p = 0; p < shown.pixels.size(); ++p) {
        ASSERT_NEAR(shown.pixels[p], made.images[i].grey.pixels[p] / 255.0F, 0.51F / 255);
        levels.insert(shown.pixels[p]);
      }
      EXPECT_GT(levels.size(), 600U);
      const DicomInfo info = dicom_info(bytes, "phantom");
      polarities.insert(info.photometric);
      EXPECT_EQ(info.instance_uid, instance_uid(made.study.study_id, i));
    }
    EXPECT_EQ(made.images.front().grey.pixels,
              (made.has_frontal ? made.frontal : made.lateral).pixels);
  }
  EXPECT_EQ(polarities, (std::set<std::string>{"MONOCHROME1", "MONOCHROME2"}));
}

TEST(Layouts, LabelErrorsComeAtTheirRateWhateverTheLabel) {
  const LabelNoise rates{.flip = 0.05, .uncertain = 0.1, .blank = 0.2};
  for (const int truth : {0, 1}) {
    std::map<int, int> counts;
    constexpr int kDraws = 20000;
    for (int i = 0; i < kDraws; ++i) {
      NoiseStream noise(rates, 3, "table", "study" + std::to_string(i));
      ++counts[noise.label(truth).value_or(7)];
    }
    EXPECT_NEAR(counts[1 - truth] / double(kDraws), 0.05, 0.006);
    EXPECT_NEAR(counts[-1] / double(kDraws), 0.1, 0.008);
    EXPECT_NEAR(counts[7] / double(kDraws), 0.2, 0.011);
  }
}

TEST(Layouts, ReadersInventAsManyAsTheyMiss) {
  constexpr double kPrevalence = 0.06;
  constexpr int kDraws = 40000;
  int missed = 0, invented = 0;
  for (int i = 0; i < kDraws; ++i) {
    NoiseStream noise({.flip = 0.1}, 3, "table", "study" + std::to_string(i));
    missed += noise.misreads(true, kPrevalence) ? 1 : 0;
    invented += NoiseStream({.flip = 0.1}, 4, "table", "study" + std::to_string(i))
                        .misreads(false, kPrevalence)
                    ? 1
                    : 0;
  }
  EXPECT_NEAR(missed / double(kDraws), 0.1, 0.006);
  EXPECT_NEAR(invented * (1 - kPrevalence), missed * kPrevalence, 0.1 * missed * kPrevalence);
}

TEST(Layouts, PositivesOfAFrontalCorpusAreMostlyTrue) {
  PhantomOptions options = testing::layout_options("nih");
  options.studies = 600;
  const WrittenLayout made(options, true);
  std::map<std::string, Study> truth;
  for (const Study& study : made.manifest.read_all())
    truth[study.views[0].path.substr(study.views[0].path.rfind('/') + 1)] = study;
  double written = 0, right = 0;
  for (const auto& row : testing::read_table(made.folder / "Data_Entry_2017_v2020.csv")) {
    const std::vector<std::string> own = nih_labels(truth.at(row.at("Image Index")));
    for (const std::string& label : testing::words(row.at("Finding Labels"), '|')) {
      if (label == "No Finding") continue;
      written += 1;
      right += std::count(own.begin(), own.end(), label) > 0 ? 1 : 0;
    }
  }
  EXPECT_GT(written, 300);
  EXPECT_NEAR(right / written, 0.9, 0.04);
}

TEST(Layouts, NoFindingIsOnlyWrittenWhereNoOtherLabelContradictsIt) {
  const WrittenLayout made(testing::layout_options("chexpert"), true);
  int flipped = 0;
  for (const auto& row : testing::read_table(made.folder / "CheXpert-v1.0-small/train.csv")) {
    EXPECT_NE(row.at("No Finding"), "0.0");
    for (const char* label : {"Edema", "Fracture", "Pneumothorax"}) {
      EXPECT_FALSE(row.at("No Finding") == "1.0" &&
                   (row.at(label) == "1.0" || row.at(label) == "-1.0"));
      flipped += row.at(label) == "-1.0" ? 1 : 0;
    }
  }
  EXPECT_GT(flipped, 0);
  // Those that radiologists read have no errors.
  for (const auto& row : testing::read_table(made.folder / "CheXpert-v1.0-small/valid.csv"))
    EXPECT_NE(row.at("Edema"), "-1.0");
}

TEST(Layouts, EveryFindingHasANameInTheCorpora) {
  std::set<std::string> headings;
  for (const std::string& finding : finding_names())
    EXPECT_TRUE(headings.insert(corpus_labels(finding).mesh).second) << finding;
  EXPECT_THROW(corpus_labels("no_such_finding"), Error);
}

TEST(Layouts, NumbersOfPatientsAndStudiesNeverCollide) {
  // As many as three splits of a million studies need.
  std::vector<bool> taken(10'000'000);
  for (std::int64_t number = 1; number <= 3'000'000; ++number) {
    const auto place = static_cast<std::size_t>(scattered(number, 1));
    ASSERT_FALSE(taken.at(place)) << number;
    taken[place] = true;
  }
  std::set<std::int64_t> studies;
  for (const Split split : {Split::kTrain, Split::kValidate, Split::kTest})
    for (std::int64_t position = 0; position < 50; ++position) {
      StudyPlace place;
      place.split = split;
      place.position = place.patient = position;
      EXPECT_TRUE(studies.insert(study_number(place)).second);
      EXPECT_EQ(patient_number(place), study_number(place));
    }
}

TEST(Layouts, ATableThatIsNotFinishedLeavesNothing) {
  const testing::TemporaryFolder folder;
  {
    TableFile table(folder / "a.csv", "x");
    table.append("1");
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  {
    TableFile table(folder / "a.csv.gz", "x");
    table.append("1");
    table.finish();
  }
  EXPECT_EQ(testing::read_table(folder / "a.csv.gz").front().at("x"), "1");
}

TEST(Layouts, BadOptionsNameWhatTheLayoutHas) {
  const auto message = [](auto change) -> std::string {
    PhantomOptions options = testing::layout_options("siim");
    change(options);
    return testing::refusal(options);
  };
  EXPECT_EQ(message([](PhantomOptions& o) { o.size = 1100; }),
            "phantom: size must be at most 1024 pixels in layout siim");
  EXPECT_EQ(message([](PhantomOptions& o) { o.format = "png"; }),
            "phantom: format must be dicom in layout siim, not png");
  EXPECT_NE(message([](PhantomOptions& o) { o.layout = "mimc"; }).find("mimic, chexpert, rsna"),
            std::string::npos);
}

}  // namespace
}  // namespace biplane

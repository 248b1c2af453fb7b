#include "biplane/phantom/preview.h"

#include <gmock/gmock.h>

#include <set>

#include "biplane/phantom/preview_study.h"

namespace biplane {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kSide = 64, kGap = 10;

PhantomOptions preview_options() {
  PhantomOptions options;
  options.studies = 60;
  options.size = kSide;
  options.seed = 9;
  options.threads = 1;
  return options;
}

PreviewOptions six() {
  PreviewOptions preview;
  preview.studies = 6;
  preview.columns = 3;
  return preview;
}

std::size_t red_of(const RgbImage& image, int y, int x) {
  return 3 * (static_cast<std::size_t>(y) * static_cast<std::size_t>(image.cols) +
              static_cast<std::size_t>(x));
}

TEST(Preview, ShowsBothViewsSideBySide) {
  PreviewOptions preview = six();
  preview.outline = false;
  const RgbImage plain = phantom_preview(preview_options(), preview);
  EXPECT_EQ(plain.cols, 3 * (2 * kSide + kGap) + kGap);
  EXPECT_GT(plain.rows, 2 * kSide);
  const PhantomStudy first = make_phantom_study(preview_options(), 54);  // of the test split
  for (const int x : {20, 32, 50}) {
    EXPECT_EQ(plain.pixels[red_of(plain, kGap + 32, kGap + x)],
              first.frontal.pixels[static_cast<std::size_t>(32 * kSide + x)]);
    EXPECT_EQ(plain.pixels[red_of(plain, kGap + 32, kGap + kSide + x)],
              first.lateral.pixels[static_cast<std::size_t>(32 * kSide + x)]);
  }
}

// Number of pixels of exactly this colour.
int count_colour(const RgbImage& image, Colour colour) {
  int count = 0;
  for (std::size_t i = 0; i < image.pixels.size(); i += 3)
    count += image.pixels[i] == colour.red && image.pixels[i + 1] == colour.green &&
                     image.pixels[i + 2] == colour.blue
                 ? 1
                 : 0;
  return count;
}

TEST(Preview, OutlinesEachFindingInItsOwnColour) {
  const auto studies = preview_studies(preview_options(), six());
  int outlined = 0;
  for (const PreviewStudy& study : studies)
    for (int k = 0; k < kFindingKinds; ++k) {
      const FindingKind kind = static_cast<FindingKind>(k);
      for (const bool lateral : {false, true}) {
        const bool masked = std::any_of(
            study.made.study.masks.begin(), study.made.study.masks.end(), [&](const Mask& mask) {
              return mask.label == finding_name(kind) && (mask.view == 1) == lateral;
            });
        const int pixels =
            count_colour(lateral ? study.lateral : study.frontal, finding_colour(kind));
        EXPECT_TRUE(masked || pixels == 0) << finding_name(kind);
        outlined += masked && pixels > 0 ? 1 : 0;
      }
    }
  EXPECT_GT(outlined, 3);
  std::set<std::uint32_t> colours;
  for (int k = 0; k < kFindingKinds; ++k) {
    const Colour colour = finding_colour(static_cast<FindingKind>(k));
    colours.insert(colour.red << 16U | colour.green << 8U | colour.blue);
  }
  EXPECT_EQ(colours.size(), static_cast<std::size_t>(kFindingKinds));
}

TEST(Preview, TheReportStandsBelowInFull) {
  // Text of twice as many studies needs more rows; a sheet without room would cut it off.
  PreviewOptions one = six();
  one.studies = one.columns = 1;
  const RgbImage sheet = phantom_preview(preview_options(), one);
  const std::size_t letters = make_phantom_study(preview_options(), 54).study.report.text.size();
  const std::size_t in_a_line = 2 * kSide / 6;
  EXPECT_GT(static_cast<std::size_t>(sheet.rows - kSide), letters / in_a_line * 12);
}

TEST(Preview, APageStandsAloneWithReportsAndFindings) {
  const std::string page = phantom_preview_html(preview_options(), six());
  EXPECT_THAT(page, Not(HasSubstr("src=\"http")));
  EXPECT_THAT(page, Not(HasSubstr("<link")));
  std::size_t images = 0;
  for (std::size_t at = page.find("<img src=\"data:image/"); at != std::string::npos;
       at = page.find("<img src=\"data:image/", at + 1))
    ++images;
  EXPECT_EQ(images, 12u);
  for (std::int64_t index = 54; index < 60; ++index) {
    const Study study = make_phantom_study(preview_options(), index).study;
    EXPECT_THAT(page, HasSubstr(study.study_id));
    EXPECT_THAT(page, HasSubstr(study.report.text.substr(0, 20)));
  }
  EXPECT_THAT(page, HasSubstr("pleural effusion"));
}

}  // namespace
}  // namespace biplane

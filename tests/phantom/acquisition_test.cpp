#include "biplane/phantom/acquisition.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <map>

#include "biplane/core/error.h"
#include "biplane/phantom/study_maker.h"

namespace biplane {
namespace {

TEST(Acquisition, StylesAreDrawnEvenlyAndOnlyFromTheSetAskedFor) {
  std::map<std::string, int> all, two;
  for (std::uint64_t study = 0; study < 4000; ++study) {
    ++all[draw_acquisition(1, study).style.name];
    ++two[draw_acquisition(1, study, {"film", "hard"}).style.name];
  }
  EXPECT_GE(acquisition_styles().size(), 6U);
  EXPECT_EQ(all.size(), acquisition_styles().size());
  for (const auto& [name, count] : all)
    EXPECT_NEAR(count, 4000.0 / static_cast<double>(all.size()), 100) << name;
  ASSERT_EQ(two.size(), 2U);
  EXPECT_NEAR(two.at("film"), 2000, 150);
}

TEST(Acquisition, AnUnknownStyleIsNamedWithThoseThereAre) {
  try {
    draw_acquisition(1, 1, {"blurry"});
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_NE(std::string(error.what()).find("bedside"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("blurry"), std::string::npos);
  }
}

TEST(Acquisition, StyleSaysNothingAboutFindings) {
  constexpr int kStudies = 20000;
  std::map<std::string, std::array<double, kFindingKinds>> with;
  std::map<std::string, double> studies;
  for (std::uint64_t study = 0; study < kStudies; ++study) {
    const std::string name = draw_acquisition(6, study).style.name;
    ++studies[name];
    for (const Finding& finding : draw_findings(6, study))
      with[name][static_cast<std::size_t>(finding.kind)] += 1;
  }
  for (const auto& [name, counts] : with)
    for (int kind = 0; kind < kFindingKinds; ++kind) {
      const double p = finding_prevalence(static_cast<FindingKind>(kind));
      const double deviation = std::sqrt(p * (1 - p) / studies.at(name));
      EXPECT_NEAR(counts[static_cast<std::size_t>(kind)] / studies.at(name), p, 4 * deviation)
          << name << ' ' << finding_name(static_cast<FindingKind>(kind));
    }
}

constexpr int kSize = 128;

RenderedStudy render_one(const Acquisition& acquisition, const std::vector<Finding>& findings) {
  return render_study(draw_patient(8, 3), acquisition, findings, kSize, CounterRandom(8, "test"));
}

// Blur of the detector and edges of the display reach this far.
constexpr int kReach = 6;

bool near_change(const PathImage& change, int row, int col) {
  for (int r = std::max(0, row - kReach); r <= std::min(kSize - 1, row + kReach); ++r)
    for (int c = std::max(0, col - kReach); c <= std::min(kSize - 1, col + kReach); ++c)
      if (change[static_cast<std::size_t>(r * kSize + c)] != 0) return true;
  return false;
}

TEST(Acquisition, AFindingChangesNoPixelBesideItsOwnShadow) {
  Finding effusion;
  effusion.kind = FindingKind::kPleuralEffusion;
  effusion.side = Side::kLeft;
  effusion.grade = 2;
  for (const AcquisitionStyle& style : acquisition_styles()) {
    const Acquisition acquisition = draw_acquisition(8, 2, {style.name});
    const RenderedStudy with = render_one(acquisition, {effusion});
    const RenderedStudy without = render_one(acquisition, {});
    for (std::size_t v = 0; v < 2; ++v) {
      PathImage change = with.views[v].shot.attenuation;
      for (std::size_t i = 0; i < change.size(); ++i)
        change[i] -= without.views[v].shot.attenuation[i];
      int outside = 0, differing = 0, inside = 0;
      for (int row = 0; row < kSize; ++row)
        for (int col = 0; col < kSize; ++col) {
          const std::size_t i = static_cast<std::size_t>(row * kSize + col);
          const bool differs =
              with.views[v].shot.image.pixels[i] != without.views[v].shot.image.pixels[i];
          if (near_change(change, row, col)) {
            inside += differs ? 1 : 0;
          } else {
            ++outside;
            differing += differs ? 1 : 0;
          }
        }
      EXPECT_EQ(differing, 0) << style.name << " view " << v;
      EXPECT_GT(outside, kSize * kSize / 4) << style.name << " view " << v;
      EXPECT_GT(inside, 100) << style.name << " view " << v;
    }
  }
}

TEST(Acquisition, CollimatorAndMarkerDrawWhatTheySay) {
  Acquisition acquisition = draw_acquisition(8, 2, {"standard"});
  acquisition.frontal_edges = {2, 1, 3, 0};
  acquisition.style.surround = 0.2;
  acquisition.marker_frontal = false;
  const RenderedStudy plain = render_one(acquisition, {});
  const GreyImage& image = plain.views[0].shot.image;
  const int left = static_cast<int>(std::lround(2 * kSize / acquisition.field));
  const int top = static_cast<int>(std::lround(3 * kSize / acquisition.field));
  EXPECT_EQ(image.pixels[static_cast<std::size_t>(kSize / 2 * kSize + left - 1)], 51);
  EXPECT_EQ(image.pixels[static_cast<std::size_t>((top - 1) * kSize + kSize / 2)], 51);
  EXPECT_GT(image.pixels[static_cast<std::size_t>((top + 3) * kSize + kSize / 2)], 100);
  acquisition.marker_frontal = true;
  for (const bool right : {false, true}) {
    acquisition.marks_right = right;
    const RenderedStudy marked = render_one(acquisition, {});
    int white = 0, wrong_half = 0;
    for (int row = 0; row < kSize; ++row)
      for (int col = 0; col < kSize; ++col) {
        const std::size_t i = static_cast<std::size_t>(row * kSize + col);
        if (marked.views[0].shot.image.pixels[i] == image.pixels[i]) continue;
        ++white;
        // The patient's left is on the right of the image.
        wrong_half += (col < kSize / 2) != right || row > kSize / 3 ? 1 : 0;
      }
    EXPECT_GT(white, 4);
    EXPECT_EQ(wrong_half, 0);
  }
}

}  // namespace
}  // namespace biplane

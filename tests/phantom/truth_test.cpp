#include "biplane/phantom/truth.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iostream>

#include "biplane/phantom/regions.h"
#include "biplane/phantom/study_maker.h"

namespace biplane {
namespace {

// Findings that (almost) only the lateral view shows.
bool lateral_only(FindingKind kind) {
  return kind == FindingKind::kPosteriorEffusion ||
         kind == FindingKind::kRetrocardiacConsolidation ||
         kind == FindingKind::kVertebralFracture || kind == FindingKind::kHiatalHernia;
}

constexpr int kSize = 96;

RenderedStudy render_one(std::uint64_t number, const std::vector<Finding>& findings) {
  return render_study(draw_patient(3, number), draw_acquisition(3, number), findings, kSize,
                      CounterRandom(3, "test", {number}));
}

// The first studies that have a finding, with that finding alone.
std::vector<RenderedStudy> examples(FindingKind kind, std::size_t count) {
  std::vector<RenderedStudy> out;
  for (std::uint64_t number = 0; out.size() < count; ++number)
    for (const Finding& finding : draw_findings(3, number))
      if (finding.kind == kind) out.push_back(render_one(number, {finding}));
  return out;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

TEST(Truth, LateralOnlyFindingsHideInTheFrontalAndShowInTheLateral) {
  for (int i = 0; i < kFindingKinds; ++i) {
    const FindingKind kind = static_cast<FindingKind>(i);
    if (!lateral_only(kind)) continue;
    std::vector<double> frontal, lateral;
    for (const RenderedStudy& study : examples(kind, 40)) {
      frontal.push_back(study.views[0].traces[0].detectability);
      lateral.push_back(study.views[1].traces[0].detectability);
    }
    const auto seen = [](const std::vector<double>& values) {
      return std::count_if(values.begin(), values.end(), [](double d) { return d >= kVisible; });
    };
    std::cout << finding_name(kind) << " d': frontal median " << median(frontal) << ", lateral "
              << median(lateral) << '\n';
    EXPECT_LT(median(frontal), 1.0) << finding_name(kind);  // half of kVisible
    EXPECT_LE(seen(frontal), 3) << finding_name(kind);
    EXPECT_GE(seen(lateral), 39) << finding_name(kind);
    EXPECT_GT(median(lateral), 6.5) << finding_name(kind);
  }
}

TEST(Truth, EveryOtherFindingIsSeenInSomeView) {
  for (int i = 0; i < kFindingKinds; ++i) {
    const FindingKind kind = static_cast<FindingKind>(i);
    int seen = 0;
    for (const RenderedStudy& study : examples(kind, 12)) {
      const FindingTrace& frontal = study.views[0].traces[0];
      const FindingTrace& lateral = study.views[1].traces[0];
      if (std::max(frontal.detectability, lateral.detectability) >= kVisible) ++seen;
      EXPECT_TRUE(frontal.detectability < kVisible || frontal.area > 0) << finding_name(kind);
    }
    EXPECT_GE(seen, 12) << finding_name(kind);
  }
}

TEST(Truth, NormalBodyAndAFindingElsewhereLeaveNoTrace) {
  // The mask of a right upper nodule lies on the image's left, above the middle, and nowhere else.
  Finding nodule;
  nodule.kind = FindingKind::kNodule;
  nodule.side = Side::kRight;
  nodule.zone = Zone::kUpper;
  const RenderedStudy study = render_one(1, {nodule});
  const FindingTrace& trace = study.views[0].traces[0];
  ASSERT_GT(trace.area, 0);
  for (int row = 0; row < kSize; ++row)
    for (int col = 0; col < kSize; ++col)
      if (trace.mask[static_cast<std::size_t>(row * kSize + col)] != 0) {
        EXPECT_LT(col, kSize / 2);
        EXPECT_LT(row, kSize / 2);
      }
  EXPECT_TRUE(render_one(1, {}).views[0].traces.empty());
}

TEST(Truth, DifferenceOfPartsIsTheDifferenceOfWholes) {
  const Patient patient = draw_patient(3, 7);
  const Acquisition acquisition = draw_acquisition(3, 7);
  Finding effusion, fracture;
  effusion.kind = FindingKind::kPleuralEffusion;
  effusion.side = Side::kLeft;
  fracture.kind = FindingKind::kVertebralFracture;
  const Camera camera = lateral_camera(acquisition, kSize);
  const Scene both = build_scene(patient, acquisition, {effusion, fracture}, Pose::kLateral);
  const Scene one = build_scene(patient, acquisition, {effusion}, Pose::kLateral);
  const ProjectedScene with(both, camera), without(one, camera);
  const PathImage change = with.difference(one), a = with.attenuation(), b = without.attenuation();
  for (std::size_t i = 0; i < change.size(); ++i) EXPECT_NEAR(change[i], a[i] - b[i], 1e-4);
}

TEST(Truth, DetectabilityGrowsWithContrastAndFallsWithNoise) {
  const Camera camera = frontal_camera(Acquisition{}, kSize);
  PathImage change(kSize * kSize, 0.0F), noise(kSize * kSize, 0.01F);
  for (int row = 40; row < 50; ++row)
    for (int col = 40; col < 50; ++col) change[static_cast<std::size_t>(row * kSize + col)] = 0.05F;
  const double base = detectability(change, noise, camera, false);
  for (float& value : change) value *= 2;
  EXPECT_NEAR(detectability(change, noise, camera, false), 2 * base, 1e-6 * base);
  std::fill(noise.begin(), noise.end(), 0.4F);
  EXPECT_LT(detectability(change, noise, camera, false), base);
}

// Root mean square Haar amplitude of the differences between normal bodies, for squares of 4
// pixels.
double measured_deviation(bool lateral, double& side_cm) {
  constexpr int kBodies = 40;
  std::vector<std::vector<double>> images;
  std::vector<double> mean(kSize * kSize, 0.0);
  side_cm = 0;
  for (std::uint64_t number = 0; number < kBodies; ++number) {
    Acquisition acquisition = draw_acquisition(5, number);
    acquisition.faces_right = false;
    acquisition.frontal_edges = acquisition.lateral_edges = {};
    acquisition.marker_frontal = acquisition.marker_lateral = false;
    const RenderedStudy study = render_study(draw_patient(5, number), acquisition, {}, kSize,
                                             CounterRandom(5, "test", {number}));
    const GreyImage& image = study.views[lateral ? 1 : 0].shot.image;
    images.emplace_back(image.pixels.begin(), image.pixels.end());
    for (std::size_t i = 0; i < mean.size(); ++i) mean[i] += images.back()[i] / kBodies;
    side_cm += 4 * (lateral ? acquisition.field_lateral : acquisition.field) / kSize / kBodies;
  }
  double sum = 0, count = 0;
  for (const auto& image : images)
    for (int r = 16; r < 80; r += 4)
      for (int c = 20; c < 76; c += 4) {
        double quarter[2][2] = {};
        for (int y = 0; y < 4; ++y)
          for (int x = 0; x < 4; ++x) {
            const std::size_t i = static_cast<std::size_t>((r + y) * kSize + c + x);
            quarter[y / 2][x / 2] += (image[i] - mean[i]) / 255 / 4;
          }
        const double across = (quarter[0][0] - quarter[0][1] + quarter[1][0] - quarter[1][1]) / 4;
        const double along = (quarter[0][0] + quarter[0][1] - quarter[1][0] - quarter[1][1]) / 4;
        const double slant = (quarter[0][0] - quarter[0][1] - quarter[1][0] + quarter[1][1]) / 4;
        sum += across * across + along * along + slant * slant;
        count += 3;
      }
  return std::sqrt(sum / count);
}

TEST(Truth, AnatomicalNoiseIsWhatNormalBodiesShow) {
  for (const bool lateral : {false, true}) {
    double side_cm = 0;
    const double measured = measured_deviation(lateral, side_cm);
    const double model = anatomical_deviation(lateral, side_cm);
    std::cout << (lateral ? "lateral" : "frontal") << " deviation between bodies: measured "
              << measured << ", model " << model << '\n';
    EXPECT_GT(measured / model, 0.65) << (lateral ? "lateral" : "frontal");
    EXPECT_LT(measured / model, 1.5) << (lateral ? "lateral" : "frontal");
  }
}

TEST(Regions, BoxesAreTightAndCrumbsAreLeftOut) {
  std::vector<std::uint8_t> mask(20 * 20, 0);
  for (int row = 2; row < 8; ++row)
    for (int col = 3; col < 9; ++col) mask[static_cast<std::size_t>(row * 20 + col)] = 1;
  for (int row = 10; row < 14; ++row)
    for (int col = 12; col < 17; ++col) mask[static_cast<std::size_t>(row * 20 + col)] = 1;
  mask[19 * 20 + 19] = 1;
  const std::vector<RegionBox> boxes = region_boxes(mask, 20);
  ASSERT_EQ(boxes.size(), 2U);
  EXPECT_EQ(boxes[0].x, 3);
  EXPECT_EQ(boxes[0].y, 2);
  EXPECT_EQ(boxes[0].w, 6);
  EXPECT_EQ(boxes[0].h, 6);
  EXPECT_EQ(boxes[1].x, 12);
  EXPECT_EQ(boxes[1].h, 4);
}

}  // namespace
}  // namespace biplane

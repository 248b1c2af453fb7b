#include "biplane/phantom/projection.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "biplane/phantom/attenuation.h"
#include "biplane/phantom/detector.h"
#include "biplane/phantom/elementary.h"

namespace biplane {
namespace {

Camera test_camera(int size) {
  Camera camera;
  camera.source = {0, 100, 0};
  camera.forward = {0, -1, 0};
  camera.right = {1, 0, 0};
  camera.up = {0, 0, 1};
  camera.field = 24;
  camera.size = size;
  return camera;
}

PathImage render(const std::vector<Deposit>& deposits, const Camera& camera) {
  PathImage image(static_cast<std::size_t>(camera.size * camera.size), 0.0F);
  add_deposits(deposits, camera, image);
  return image;
}

double total(const PathImage& image) { return std::accumulate(image.begin(), image.end(), 0.0); }

TEST(Projection, SphereHasItsAnalyticShadowAndPathLength) {
  const Camera camera = test_camera(600);
  const double radius = 3, distance = 100;
  const PathImage image = render({{sphere({0, 0, 0}, radius), 1.0}}, camera);
  const double pixel = camera.field / camera.size;
  const auto hit = std::count_if(image.begin(), image.end(), [](float p) { return p > 0; });
  const double shadow = camera.distance * radius / std::sqrt(distance * distance - radius * radius);
  EXPECT_NEAR(static_cast<double>(hit) * pixel * pixel, M_PI * shadow * shadow,
              0.01 * M_PI * shadow * shadow);
  EXPECT_NEAR(*std::max_element(image.begin(), image.end()), 2 * radius, 0.01 * 2 * radius);
}

// -log of the intensity that the detector registers of a solid without edges in the field, which
// blur leaves as it is; without scatter, and with too many photons for noise.
PathImage detected(const Solid& solid, double density, const Camera& camera) {
  Scene scene;
  scene.layer(Layer::kVessels) = {{solid, density}};
  for (Lung& lung : scene.lungs) lung.cavity = {sphere({90, 0, 0}, 1)};  // outside the field
  Acquisition acquisition;
  acquisition.exposure = 1e6;
  Exposure exposure;
  exposure.scatter.assign(static_cast<std::size_t>(camera.size * camera.size), 0.0F);
  exposure.level = exposure.scatter;
  return expose(ProjectedScene(scene, camera).attenuation(), exposure, acquisition, camera,
                CounterRandom(1, "test"))
      .density;
}

TEST(Projection, DoublingTheDensityDoublesTheLogIntensity) {
  Camera camera = test_camera(128);
  camera.water = 0.2;
  const Solid body = ellipsoid({0, 0, 0}, {60, 3, 50}, rotated_frame(0, 0, 0));
  const PathImage once = detected(body, 1.0, camera), twice = detected(body, 2.0, camera);
  for (std::size_t i = 0; i < once.size(); ++i) ASSERT_NEAR(twice[i], 2 * once[i], 1e-3);
  EXPECT_NEAR(once[64 * 128 + 64], camera.water * 6, 2e-3);
}

TEST(Projection, MagnificationFollowsTheGeometry) {
  const Camera camera = test_camera(600);
  for (const double depth : {-10.0, 0.0, 20.0}) {
    double row = 0, col = 0;
    camera.project({2, depth, 3}, row, col);
    const double magnification = camera.distance / (100 - depth);
    const double pixel = camera.field / camera.size;
    EXPECT_NEAR((col - 299.5) * pixel, 2 * magnification, 1e-9);
    EXPECT_NEAR((299.5 - row) * pixel, 3 * magnification, 1e-9);
  }
}

TEST(Projection, TubeHasNeitherGapsNorOverlaps) {
  const Camera camera = test_camera(256);
  const CylinderShape shape{0.8, 1.3, {0, 0, 1}};
  const PathImage whole = render({{cylinder({-4, 0, -2}, {4, 3, 2}, shape), 1.0}}, camera);
  std::vector<Deposit> parts;
  for (const Solid& part : tube({{-4, 0, -2}, {-1, 1.125, -0.5}, {2, 2.25, 1}, {4, 3, 2}}, shape))
    parts.push_back({part, 1.0});
  const PathImage joined = render(parts, camera);
  for (std::size_t i = 0; i < whole.size(); ++i) EXPECT_NEAR(joined[i], whole[i], 2e-3);
}

TEST(Projection, ThinWireKeepsItsMassAtAnyPixelSize) {
  Solid wire = cylinder({-4, 0, 0.3}, {4, 0, 0.9}, {0.05, 1, {0, 0, 1}});
  const Camera fine = test_camera(1600), coarse = test_camera(96);
  const double fine_mass = total(render({{wire, 1.0}}, fine)) / (1600.0 * 1600.0);
  const double coarse_mass = total(render({{wire, 1.0}}, coarse)) / (96.0 * 96.0);
  EXPECT_NEAR(coarse_mass, fine_mass, 0.05 * fine_mass);
}

TEST(Projection, OrgansAndLiftsTakeAirOutOfALung) {
  const Camera camera = test_camera(65);  // pixel 32 is the central ray
  Lung lung;
  lung.density = 0.25;
  lung.cavity = {sphere({0, 0, 0}, 5)};
  const std::size_t centre = 32 * 65 + 32;
  EXPECT_NEAR(render_lung(lung, camera)[centre], 0.75 * 10, 1e-3);
  lung.organs = {{sphere({0, 1, 0}, 2)}, {sphere({0, -1, 0}, 2)}};  // they overlap: 6 cm together
  EXPECT_NEAR(render_lung(lung, camera)[centre], 0.75 * 4, 1e-3);
  lung.organs.push_back({sphere({0, -1, 0}, 1)});  // inside another one
  EXPECT_NEAR(render_lung(lung, camera)[centre], 0.75 * 4, 1e-3);
  lung.lifts = {{sphere({0, 4, 0}, 0.5), 0.5}};
  EXPECT_NEAR(render_lung(lung, camera)[centre], 0.75 * 4 - 0.5, 1e-3);
  lung.lifts = {{sphere({0, 0, 0}, 9), 5.0}};  // not more than water
  EXPECT_NEAR(render_lung(lung, camera)[centre], 0, 1e-3);
  lung.lifts.clear();
  lung.tissue = {sphere({0, 0, 0}, 4)};  // collapsed: air alone outside
  EXPECT_NEAR(render_lung(lung, camera)[centre], 2 + 0.75 * 2, 1e-3);
}

TEST(Projection, BothViewsAgreeOnHeights) {
  Acquisition acquisition;
  const Camera frontal = frontal_camera(acquisition, 512),
               lateral = lateral_camera(acquisition, 512);
  for (const Vec3 point : {Vec3{4, 3, 8}, Vec3{-6, -5, -9}, Vec3{0, 6, 2}}) {
    const auto height = [&](const Camera& camera) {
      double row = 0, col = 0;
      camera.project(point, row, col);
      return camera.along(row) *
             dot(point - camera.source, camera.forward);  // magnification undone
    };
    EXPECT_NEAR(height(frontal), height(lateral), 1e-9);
    EXPECT_NEAR(height(frontal), point.z, 1e-9);
  }
}

// Height of a solid's centre of volume as one view gives it: every ray's chord lies at a known
// distance, so its magnification can be undone.
double height_of(const Solid& solid, const Camera& camera) {
  const ProjectedSolid shadow(solid, camera);
  const int count = shadow.col_end() - shadow.col_begin();
  if (shadow.row_begin() == 0 || shadow.row_end() == camera.size || shadow.col_begin() == 0 ||
      shadow.col_end() == camera.size)
    return NAN;
  std::vector<float> enter(static_cast<std::size_t>(camera.size)), leave(enter.size());
  double moment = 0, volume = 0;
  for (int row = shadow.row_begin(); row < shadow.row_end() && count > 0; ++row) {
    shadow.chords(row, shadow.col_begin(), shadow.col_end(), enter.data(), leave.data());
    for (int i = 0; i < count; ++i) {
      const double a = enter[static_cast<std::size_t>(i)], b = leave[static_cast<std::size_t>(i)];
      if (b <= a) continue;
      moment += camera.along(row) * (b * b * b * b - a * a * a * a) / 4;
      volume += (b * b * b - a * a * a) / 3;
    }
  }
  return volume > 0 ? moment / volume : NAN;
}

TEST(Projection, BothViewsAgreeOnTheHeightOfEveryStructure) {
  Acquisition acquisition = draw_acquisition(3, 4);
  acquisition.field = acquisition.field_lateral = 75;  // so that all of the body is in both views
  const Patient patient = draw_patient(3, 4);
  const Scene scene = build_scene(patient, acquisition, draw_findings(3, 4), Pose::kFrontal);
  std::vector<Solid> solids = scene.body;
  for (const auto& layer : scene.layers)
    for (const Deposit& deposit : layer) solids.push_back(deposit.solid);
  for (const Lung& lung : scene.lungs) {
    for (const Solid& solid : lung.cavity) solids.push_back(solid);
    for (const auto& organ : lung.organs) solids.insert(solids.end(), organ.begin(), organ.end());
    for (const Deposit& lift : lung.lifts) solids.push_back(lift.solid);
  }
  for (const bool ap : {false, true}) {
    acquisition.ap = ap;
    const Camera frontal = frontal_camera(acquisition, 768),
                 lateral = lateral_camera(acquisition, 768);
    int compared = 0;
    for (Solid solid : solids) {
      solid.thin_radius = 0;  // not widened to the pixel, which differs between the views
      const double a = height_of(solid, frontal), b = height_of(solid, lateral);
      if (std::isnan(a) || std::isnan(b)) continue;  // not wholly inside both views
      EXPECT_NEAR(a, b, frontal.field / frontal.size) << "structure at height " << solid.centre.z;
      ++compared;
    }
    EXPECT_GT(compared, 700);
  }
}

TEST(Projection, NearSourceMagnifiesMore) {
  Acquisition acquisition;
  for (const bool ap : {false, true}) {
    acquisition.ap = ap;
    const Camera camera = frontal_camera(acquisition, 512);
    const PathImage image = render({{sphere({0, 0, 0}, 2), 1.0}}, camera);
    const auto hit = std::count_if(image.begin(), image.end(), [](float p) { return p > 0; });
    const double pixel = camera.field / camera.size;
    const double middle = (ap ? acquisition.style.near : 180.0) - 15.5;
    const double shadow = camera.distance * 2 / std::sqrt(middle * middle - 4);
    EXPECT_NEAR(std::sqrt(static_cast<double>(hit) / M_PI) * pixel, shadow, 0.005 * shadow);
  }
}

TEST(Projection, LeftOfThePatientIsRightInTheFrontalAndLateralsFaceBothWays) {
  Acquisition acquisition;
  double row = 0, left = 0, right = 0;
  frontal_camera(acquisition, 256).project({5, 0, 0}, row, left);
  frontal_camera(acquisition, 256).project({-5, 0, 0}, row, right);
  EXPECT_GT(left, right);
  double front = 0, back = 0;
  lateral_camera(acquisition, 256).project({0, -5, 0}, row, front);
  lateral_camera(acquisition, 256).project({0, 5, 0}, row, back);
  EXPECT_LT(front, back);
  acquisition.faces_right = true;
  lateral_camera(acquisition, 256).project({0, -5, 0}, row, front);
  lateral_camera(acquisition, 256).project({0, 5, 0}, row, back);
  EXPECT_GT(front, back);
}

TEST(Detector, PhotonCountsArePoisson) {
  for (const float mean : {0.5F, 4.0F, 25.0F, 60.0F, 400.0F, 20000.0F}) {
    PathImage counts(40000, mean);
    CounterRandom random(5, "test");
    add_quantum_noise(counts, random);
    double sum = 0, squares = 0;
    for (const float count : counts) sum += count;
    const double average = sum / static_cast<double>(counts.size());
    for (const float count : counts) squares += (count - average) * (count - average);
    EXPECT_NEAR(average, mean, std::max(0.01F * mean, 4 * std::sqrt(mean / 40000)));
    EXPECT_NEAR(squares / static_cast<double>(counts.size()) / average, 1.0, 0.05);
  }
}

TEST(Detector, FocalBlurGrowsWithMagnification) {
  Acquisition acquisition;
  const auto penumbra = [&](double spot) {
    const Camera camera = frontal_camera(acquisition, 256);
    const double aperture = geometric_blur(camera, 0), whole = geometric_blur(camera, spot);
    return std::sqrt(12 * (whole * whole - aperture * aperture));
  };
  EXPECT_NEAR(penumbra(0.1), 0.1 * (180.0 / 164.5 - 1), 1e-9);
  acquisition.ap = true;
  EXPECT_NEAR(penumbra(0.1), 0.1 * (110.0 / 94.5 - 1), 1e-9);
}

TEST(Detector, BlurHasTheWidthAskedForAndKeepsTheSum) {
  constexpr int kSide = 65;
  for (const double sigma : {0.4, 1.0, 2.5}) {
    PathImage image(kSide * kSide, 0.0F);
    image[kSide * 32 + 32] = 1;
    blur_image(image, kSide, sigma);
    double sum = 0, square = 0;
    for (int row = 0; row < kSide; ++row)
      for (int col = 0; col < kSide; ++col) {
        sum += image[static_cast<std::size_t>(row * kSide + col)];
        square += image[static_cast<std::size_t>(row * kSide + col)] * (col - 32) * (col - 32);
      }
    EXPECT_NEAR(sum, 1, 1e-4);
    EXPECT_NEAR(std::sqrt(square), sigma, 0.01 * sigma);
  }
}

TEST(Elementary, FunctionsAgreeWithTheStandardLibrary) {
  for (double x = -20; x < 20; x += 0.0137) {
    const float value = static_cast<float>(x);
    EXPECT_NEAR(exp_of(value) / std::exp(static_cast<double>(value)), 1, 5e-7);
    EXPECT_NEAR(tanh_of(value), std::tanh(static_cast<double>(value)), 5e-7);
    const float positive = exp_of(value);
    EXPECT_NEAR(log_of(positive), std::log(static_cast<double>(positive)), 3e-6);
  }
  EXPECT_GT(exp_of(-1000.0F), 0.0F);
}

TEST(Detector, ScatterIsSmoothAndAddsToEveryPixel) {
  const Camera camera = test_camera(64);
  PathImage primary(64 * 64, 0.0F);
  for (int row = 0; row < 64; ++row)
    for (int col = 0; col < 32; ++col) primary[static_cast<std::size_t>(row * 64 + col)] = 1.0F;
  const PathImage scatter = scatter_field(primary, camera, 0.45);
  EXPECT_GT(scatter[32 * 64 + 63], 0);
  EXPECT_GT(scatter[32 * 64 + 5], scatter[32 * 64 + 60]);
  for (int col = 1; col < 64; ++col)
    EXPECT_LT(std::abs(scatter[static_cast<std::size_t>(32 * 64 + col)] -
                       scatter[static_cast<std::size_t>(32 * 64 + col - 1)]),
              0.05);
}

}  // namespace
}  // namespace biplane

// Phantom and real radiographs side by side, and the phantom's bodies against published measures.
// Both sides' figures are printed. The statistics are aims for any real images, not for these.
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <set>

#include "biplane/formats/csv.h"
#include "biplane/imaging/preprocess.h"
#include "biplane/phantom/detector.h"
#include "biplane/phantom/phantom.h"
#include "tests/phantom/image_statistics.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

using testing::quantile;

PreprocessOptions method_preprocessing() {
  PreprocessOptions options;
  options.size = 256;
  return options;
}

std::vector<GreyImage> real_images(bool lateral) {
  CsvReader csv(testing::test_data("cxr/studies.csv"));
  const std::size_t column = csv.column(lateral ? "lateral" : "frontal");
  std::set<std::string> files;
  for (CsvRow row; csv.next(row);)
    if (row.problem.empty() && !row.fields[column].empty()) files.insert(row.fields[column]);
  std::vector<GreyImage> images;
  for (const std::string& file : files)
    images.push_back(
        to_grey(read_fitted_image(testing::test_data("cxr/" + file), method_preprocessing())));
  return images;
}

const std::vector<PhantomStudy>& phantom_studies() {
  static const std::vector<PhantomStudy> studies = [] {
    PhantomOptions options;
    options.studies = options.test = 64;
    options.validate = 0;
    options.seed = 11;
    std::vector<PhantomStudy> made;
    for (std::int64_t i = 0; i < options.studies; ++i)
      made.push_back(make_phantom_study(options, i));
    return made;
  }();
  return studies;
}

std::vector<GreyImage> phantom_images(bool lateral) {
  std::vector<GreyImage> images;
  for (const PhantomStudy& study : phantom_studies())
    images.push_back(lateral ? study.lateral : study.frontal);
  return images;
}

TEST(Realism, GreyLevelsAreAsNearToRealOnesAsThoseAreToEachOther) {
  BIPLANE_NEEDS_TEST_DATA("cxr/studies.csv");
  for (const bool lateral : {false, true}) {
    std::vector<testing::GreyShares> real, phantom;
    for (const GreyImage& image : real_images(lateral)) real.push_back(testing::grey_shares(image));
    for (const GreyImage& image : phantom_images(lateral))
      phantom.push_back(testing::grey_shares(image));
    std::vector<double> among, across;
    for (std::size_t i = 0; i < real.size(); ++i) {
      for (std::size_t k = 0; k < i; ++k) among.push_back(testing::earth_mover(real[i], real[k]));
      for (const auto& other : phantom) across.push_back(testing::earth_mover(real[i], other));
    }
    std::cout << (lateral ? "lateral" : "frontal") << " grey levels: phantom to real median "
              << quantile(across, 0.5) << ", real to real median " << quantile(among, 0.5)
              << ", 75th percentile " << quantile(among, 0.75) << '\n';
    EXPECT_LE(quantile(across, 0.5), quantile(among, 0.75)) << (lateral ? "lateral" : "frontal");
  }
}

TEST(Realism, PowerSpectraFallAsThoseOfRealRadiographs) {
  BIPLANE_NEEDS_TEST_DATA("cxr/studies.csv");
  for (const bool lateral : {false, true}) {
    std::vector<double> real, phantom;
    for (const GreyImage& image : real_images(lateral))
      real.push_back(testing::spectrum_exponent(image));
    for (const GreyImage& image : phantom_images(lateral))
      phantom.push_back(testing::spectrum_exponent(image));
    const double median = quantile(phantom, 0.5);
    std::cout << (lateral ? "lateral" : "frontal") << " spectrum exponent: phantom median "
              << median << ", real 10th " << quantile(real, 0.1) << ", median "
              << quantile(real, 0.5) << ", 90th percentile " << quantile(real, 0.9) << '\n';
    EXPECT_GE(median, quantile(real, 0.1)) << (lateral ? "lateral" : "frontal");
    EXPECT_LE(median, quantile(real, 0.9)) << (lateral ? "lateral" : "frontal");
  }
}

// Width of the heart over the inner width of the thorax at its widest, as measured on a PA frontal.
double cardiothoracic_ratio(std::uint64_t number, const std::vector<Finding>& findings) {
  Acquisition acquisition;
  const Camera camera = frontal_camera(acquisition, 512);
  const Scene scene = build_scene(draw_patient(2, number), acquisition, findings, Pose::kFrontal);
  const auto widest = [&](const PathImage& image) {
    int best = 0;
    for (int row = 0; row < camera.size; ++row) {
      int first = camera.size, last = -1;
      for (int col = 0; col < camera.size; ++col)
        if (image[static_cast<std::size_t>(row * camera.size + col)] > 0) {
          first = std::min(first, col);
          last = col;
        }
      best = std::max(best, last - first + 1);
    }
    return best;
  };
  PathImage lungs = render_lung(scene.lungs[0], camera);
  const PathImage left = render_lung(scene.lungs[1], camera);
  for (std::size_t i = 0; i < lungs.size(); ++i) lungs[i] += left[i];
  // Left and right border may lie at different heights.
  const PathImage heart = render_hull(scene.lungs[0].organs[kHeartOrgan], camera);
  int first = camera.size, last = -1;
  for (std::size_t i = 0; i < heart.size(); ++i)
    if (heart[i] > 0) {
      const int col = static_cast<int>(i % static_cast<std::size_t>(camera.size));
      first = std::min(first, col);
      last = std::max(last, col);
    }
  return static_cast<double>(last - first + 1) / widest(lungs);
}

// Normal 0.42 to 0.50, enlarged above 0.50: Truszkiewicz, Poreba, Gac, "Radiological cardiothoracic
// ratio in evidence-based medicine", J Clin Med 2021;10:2016; the limit goes back to Danzer, Am J
// Med Sci 1919;157:513.
TEST(Realism, CardiothoracicRatiosAreThePublishedOnes) {
  Finding big;
  big.kind = FindingKind::kCardiomegaly;
  std::vector<double> normal, enlarged;
  for (std::uint64_t number = 0; number < 80; ++number) {
    big.grade = static_cast<int>(number % 3);
    normal.push_back(cardiothoracic_ratio(number, {}));
    enlarged.push_back(cardiothoracic_ratio(number, {big}));
  }
  std::cout << "cardiothoracic ratio: normal " << quantile(normal, 0.05) << " .. "
            << quantile(normal, 0.5) << " .. " << quantile(normal, 0.95) << ", enlarged "
            << quantile(enlarged, 0.05) << " .. " << quantile(enlarged, 0.5) << " .. "
            << quantile(enlarged, 0.95) << '\n';
  EXPECT_GE(quantile(normal, 0.05), 0.41);
  EXPECT_LE(quantile(normal, 0.95), 0.50);
  EXPECT_GT(quantile(enlarged, 0.05), 0.50);
  EXPECT_LT(quantile(enlarged, 0.95), 0.75);
}

}  // namespace
}  // namespace biplane

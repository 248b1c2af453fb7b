#include "biplane/phantom/anatomy_mask.h"

#include <gtest/gtest.h>

#include <map>

#include "biplane/formats/rle.h"
#include "biplane/phantom/study_maker.h"

namespace biplane {
namespace {

constexpr std::int64_t kSize = 96, kStudies = 240;

// What a finding changes lies in the hole, wherever chance has put it.
TEST(AnatomyMask, HoldsTheTruthOfEveryFindingAndLeavesTheRest) {
  PhantomOptions options;
  options.studies = options.test = kStudies;
  options.validate = 0;
  options.size = kSize;
  std::map<std::string, std::pair<double, double>> outside;  // of all pixels
  double open = 0;
  for (std::int64_t i = 0; i < kStudies; ++i) {
    const DrawnStudy drawn = draw_study(options, place_study(options, i));
    if (drawn.findings.empty()) continue;
    const Study study = make_phantom_study(options, i).study;
    std::array<std::vector<std::uint8_t>, 2> holes;
    for (const bool lateral : {false, true}) {
      holes[lateral ? 1 : 0] = anatomy_mask(drawn.patient, drawn.acquisition, lateral, int(kSize));
      for (const std::uint8_t hole : holes[lateral ? 1 : 0]) open += hole == 0 ? 0.5 : 0;
    }
    for (const Mask& mask : study.masks) {
      const auto truth = decode_rle(mask.rle, mask.rows, mask.cols);
      auto& [missed, all] = outside[mask.label];
      for (std::size_t k = 0; k < truth.size(); ++k) {
        all += truth[k];
        missed += truth[k] != 0 && holes[static_cast<std::size_t>(mask.view)][k] == 0 ? 1 : 0;
      }
    }
    open -= kSize * kSize * 0.15;  // at least 15 % of each image stay
  }
  EXPECT_GT(open, 0);
  EXPECT_GT(outside.size(), 14u);
  for (const auto& [finding, pixels] : outside)
    EXPECT_LE(pixels.first / pixels.second, 0.01) << finding;
}

}  // namespace
}  // namespace biplane

// Guards of the phantom on the image side (docs/phantom.md): what an image shows outside the
// anatomy, how it was taken and of whom says nothing about the findings.
//
// All studies are scored by a model that was fitted on the other half, so the standard error of an
// AUROC of 0.5 with a positive share of 6 % is sqrt(1 / (12 * 0.06 * studies)) = 0.015 for 6,000
// studies, and 0.004 for the mean over the findings.

#include <gtest/gtest.h>

#include <iostream>

#include "biplane/phantom/finding.h"
#include "tests/guards/guard_data.h"
#include "tests/phantom/style_probe.h"

namespace biplane {
namespace {

using Figures = std::map<std::string, double>;

void expect_chance(const char* name, const Figures& figures) {
  std::cout << name << ":";
  double mean = 0;
  for (const std::string& finding : finding_names()) {
    const double value = figures.at(finding);
    std::cout << ' ' << finding << ' ' << value;
    EXPECT_LE(value, 0.55) << finding;
    mean += value / kFindingKinds;
  }
  std::cout << " mean " << mean << '\n';
  EXPECT_LE(mean, 0.52);
}

TEST(ImageShortcuts, ALinearProbeOfAppearanceReadsNoFinding) {
  const testing::GuardData& data = testing::guard_data();
  const torch::Tensor labels = data.views.labels.t().contiguous();
  Figures figures;
  for (int k = 0; k < kFindingKinds; ++k) {
    const float* row = labels[k].data_ptr<float>();
    std::vector<bool> present(row, row + labels.size(1));
    figures[finding_names()[static_cast<std::size_t>(k)]] =
        testing::probe_auroc(data.appearance, present);
  }
  expect_chance("probe", figures);
  // It does read what the features hold, or the guard guards nothing.
  EXPECT_GE(testing::probe_auroc(data.appearance, data.bright), 0.60);
}

TEST(ImageShortcuts, ANetworkReadsNoFindingOutsideTheAnatomy) {
  const testing::SupervisedData& data = testing::guard_data().outside;
  const std::int64_t half = data.images.size(0) / 2;
  const testing::SupervisedData first = data.part(0, half), second = data.part(half, half);
  testing::SupervisedOptions options;
  options.epochs = 6;
  Figures figures = testing::supervised_auroc(first, second, options);
  for (const auto& [name, value] : testing::supervised_auroc(second, first, options))
    figures[name] = 0.5 * (figures[name] + value);
  expect_chance("outside the anatomy", figures);
  std::cout << "female " << figures.at("female") << '\n';
  // The same network reads the sex of the body from what is left, or the guard guards nothing.
  EXPECT_GE(figures.at("female"), 0.75);
}

}  // namespace
}  // namespace biplane

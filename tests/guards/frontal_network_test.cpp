// Guards of the phantom on the image side (docs/phantom.md): the lateral-only findings cannot be
// read from the frontal.

#include <gtest/gtest.h>

#include <iostream>
#include <iterator>

#include "tests/guards/guard_data.h"

namespace biplane {
namespace {

const char* const kLateralOnly[] = {"posterior_effusion", "retrocardiac_consolidation",
                                    "vertebral_fracture", "hiatal_hernia"};

// Of a network that sees one view (0: frontal) of half of the studies.
std::map<std::string, double> one_view_auroc(std::int64_t view) {
  testing::SupervisedData data = testing::guard_data().views;
  data.images = data.images.narrow(1, view, 1);
  const std::int64_t count = data.images.size(0), train = count / 2;
  return testing::supervised_auroc(data.part(0, train), data.part(train, count - train));
}

void print(const char* name, const std::map<std::string, double>& figures) {
  std::cout << name << ":";
  for (const auto& [finding, value] : figures) std::cout << ' ' << finding << ' ' << value;
  std::cout << '\n';
}

// Trained once for all tests.
const std::map<std::string, double>& frontal_auroc() {
  static const std::map<std::string, double> figures = one_view_auroc(0);
  return figures;
}

double mean_lateral_only(const std::map<std::string, double>& figures) {
  double mean = 0;
  for (const char* finding : kLateralOnly) mean += figures.at(finding) / std::size(kLateralOnly);
  return mean;
}

TEST(FrontalNetwork, CannotReadLateralOnlyFindingsFromTheFrontal) {
  const auto& frontal = frontal_auroc();
  print("frontal", frontal);
  for (const char* finding : kLateralOnly) EXPECT_LE(frontal.at(finding), 0.65) << finding;
  // The same network must be able to read what does show, or the guard guards nothing.
  EXPECT_GE(frontal.at("cardiomegaly"), 0.75);
  EXPECT_GE(frontal.at("pacemaker"), 0.85);
}

TEST(FrontalNetwork, ReadsTheSameFindingsFromTheLateral) {
  const auto lateral = one_view_auroc(1);
  print("lateral", lateral);
  // A few thousand studies are little for the vertebrae, so the mean is what is asked for: what the
  // frontal hides at chance level the lateral shows.
  EXPECT_GE(mean_lateral_only(lateral), 0.65);
  EXPECT_GE(mean_lateral_only(lateral) - mean_lateral_only(frontal_auroc()), 0.12);
}

}  // namespace
}  // namespace biplane

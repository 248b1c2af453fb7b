#pragma once

#include "tests/guards/supervised_network.h"

namespace biplane::testing {

// Phantom studies with both views for all guards, made once. Their number: enough for a standard
// error of an AUROC near 0.5 of about 0.015 when all of them are scored (a finding has about 6 % of
// positives), or what BIPLANE_GUARD_STUDIES says.
struct GuardData {
  SupervisedData views;    // frontal, lateral; finding_names(), then "female"
  SupervisedData outside;  // the same with everything inside anatomy_mask black
  // What an image shows without its anatomy, and who was taken how: means of the borders, histogram
  // and roughness outside anatomy_mask of both views, age, sex, AP or PA, the way the lateral
  // faces. One row a study.
  std::vector<std::vector<double>> appearance;
  std::vector<bool> bright;  // the display of the study is brighter than the mean
};
const GuardData& guard_data();

}  // namespace biplane::testing

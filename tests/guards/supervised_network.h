#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <map>
#include <string>

#include "biplane/phantom/phantom.h"

namespace biplane::testing {

// A small convolutional network trained on the phantom's true labels: what an image reveals to
// somebody who is told the answers. Used as a guard (a frontal must not reveal lateral-only
// findings) and as the ceiling that zero-shot figures are compared with.
struct SupervisedOptions {
  std::int64_t train_studies = 3000;
  std::int64_t test_studies = 1000;
  std::int64_t size = 96;  // pixels
  std::int64_t epochs = 8;
  std::int64_t batch = 32;
  std::int64_t seed = 0;
  bool use_frontal = true;
  bool use_lateral = false;
};

// AUROC on the test studies per finding; findings without a positive or a negative are left out.
std::map<std::string, double> supervised_auroc(const SupervisedOptions& options);

}  // namespace biplane::testing

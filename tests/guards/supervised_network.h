#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "biplane/nn/libtorch.h"

namespace biplane::testing {

// Images with true labels.
struct SupervisedData {
  torch::Tensor images;            // (N, views, size, size) u8
  torch::Tensor labels;            // (N, names) f32: 1 present, 0 absent
  std::vector<std::string> names;  // of the labels

  SupervisedData part(std::int64_t first, std::int64_t count) const;
};

struct SupervisedOptions {
  std::int64_t epochs = 8;
  std::int64_t batch = 32;
  std::int64_t seed = 0;
};

// A small convolutional network trained on true labels: what an image reveals to somebody who is
// told the answers. AUROC on `test` of a network that was trained on `train`, per name; names
// without a positive or a negative are left out.
std::map<std::string, double> supervised_auroc(const SupervisedData& train,
                                               const SupervisedData& test,
                                               const SupervisedOptions& options = {});

}  // namespace biplane::testing

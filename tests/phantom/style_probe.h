#pragma once

#include <vector>

namespace biplane::testing {

// Ridge logistic regression on standardised features (rows x features): the mean AUROC on each half
// of the rows of a model that was fitted on the other half.
double probe_auroc(std::vector<std::vector<double>> features, const std::vector<bool>& labels);

}  // namespace biplane::testing

#pragma once

#include <cstdint>

namespace biplane {

// Student's t distribution with a whole number of degrees of freedom, 1 or more.
double student_cdf(double t, std::int64_t freedom);
// The t below which the share p lies, 0 < p < 1.
double student_quantile(double p, std::int64_t freedom);

}  // namespace biplane

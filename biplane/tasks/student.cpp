#include "biplane/tasks/student.h"

#include <cmath>
#include <numbers>
#include <string>

#include "biplane/core/error.h"

namespace biplane {

// Finite series in the angle atan(t / sqrt(v)) (Abramowitz and Stegun, 26.7.3 and 26.7.4).
double student_cdf(double t, std::int64_t freedom) {
  if (freedom < 1) throw Error(ErrorKind::kUsage, "degrees of freedom: " + std::to_string(freedom));
  const double angle = std::atan(std::abs(t) / std::sqrt(static_cast<double>(freedom)));
  const double sine = std::sin(angle), square = std::cos(angle) * std::cos(angle);
  const bool odd = freedom % 2 == 1;
  double term = odd ? std::cos(angle) : 1, sum = 0;
  for (std::int64_t k = odd ? 2 : 1; k < freedom; k += 2) {
    sum += term;
    term *= square * static_cast<double>(k) / static_cast<double>(k + 1);
  }
  const double within = odd ? 2 / std::numbers::pi * (angle + sine * sum) : sine * sum;
  return t < 0 ? 0.5 - within / 2 : 0.5 + within / 2;
}

double student_quantile(double p, std::int64_t freedom) {
  if (!(p > 0 && p < 1))
    throw Error(ErrorKind::kUsage, "a share between 0 and 1 is needed, not " + std::to_string(p));
  double low = -1, high = 1;
  while (student_cdf(low, freedom) > p) low *= 2;
  while (student_cdf(high, freedom) < p) high *= 2;
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (student_cdf(middle, freedom) < p ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace biplane

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace biplane {

// How a repeat draws patients.
enum class BootstrapDraws {
  // As many patients as there are, with replacement, from RandomState(seed) of NumPy.
  kResampled,
  // Each patient as often as a Poisson number of mean 1 says that depends on seed, repeat and
  // patient alone. A repeat then has the same patients in every evaluation that has them, whatever
  // else is evaluated, so that figures of several models can be compared repeat by repeat.
  kPoisson,
};

struct BootstrapOptions {
  std::int64_t repeats = 1000;
  std::uint32_t seed = 0;
  BootstrapDraws draws = BootstrapDraws::kResampled;
};

// Throws Error kUsage where so many repeats cannot be meant: below 1, or more than memory holds.
void check_repeats(std::int64_t repeats);

// 95 % percentile interval; nothing where no repeat was defined.
struct Interval {
  std::optional<double> low, high;
  std::int64_t undefined = 0;  // repeats in which the statistic was undefined (and left out)
};

// Values of a statistic, one a repeat.
using Replicates = std::vector<std::optional<double>>;

// Bootstrap over patients: all rows of a patient are drawn together, as often as the patient is.
// Patients are sorted by byte order; with kResampled repeat r is one call of
// RandomState(seed).randint(0, P, P) of a generator shared by all repeats.
class PatientBootstrap {
 public:
  // patient_of_row: the patient of each row. Throws Error kUsage without rows or repeats.
  PatientBootstrap(std::span<const std::string> patient_of_row,
                   const BootstrapOptions& options = {});

  std::int64_t repeats() const { return repeats_; }
  std::int64_t patients() const { return patients_; }
  std::int64_t rows() const { return static_cast<std::int64_t>(patient_of_row_.size()); }
  // How often each row occurs in repeat r (whole numbers).
  std::vector<double> weights(std::int64_t repeat) const;
  // Repeats lie in blocks of kLanes (the last one is filled up with zeros), so that a patient's
  // draws in many repeats take one line of the processor's cache. How often a row occurs in each
  // repeat of a block.
  static constexpr std::size_t kLanes = 64;
  using Lanes = std::array<std::uint8_t, kLanes>;
  std::size_t blocks() const { return draws_.size(); }
  const Lanes& lanes(std::size_t block, std::size_t row) const {
    return draws_[block][patient_of_row_[row]];
  }
  // Calls statistic(weights) for every repeat.
  Replicates replicate(
      const std::function<std::optional<double>(std::span<const double>)>& statistic) const;

 private:
  std::vector<std::uint32_t> patient_of_row_;
  std::int64_t patients_ = 0;
  std::int64_t repeats_ = 0;
  std::vector<std::vector<Lanes>> draws_;  // [block][patient]
};

// Percentile q in [0, 100] by linear interpolation between order statistics. values: at least one.
double percentile(std::vector<double> values, double q);

// Percentiles 2.5 and 97.5 of the defined values.
Interval percentile_interval(const Replicates& values);

// Repeat by repeat the mean of those that are defined (a macro average), or a - b where both are
// defined.
Replicates mean_of(std::span<const Replicates> parts);
Replicates difference_of(const Replicates& a, const Replicates& b);

}  // namespace biplane

#include "biplane/eval/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "biplane/core/error.h"
#include "biplane/core/legacy_random.h"
#include "biplane/core/random.h"

namespace biplane {
namespace {

// A Poisson number of mean 1 by inversion of its distribution.
std::uint8_t poisson(double uniform) {
  double share = std::exp(-1.0), below = share;
  std::uint8_t number = 0;
  while (uniform >= below && share > 0) {
    ++number;
    share /= number;
    below += share;
  }
  return number;
}

}  // namespace

void check_repeats(std::int64_t repeats) {
  constexpr std::int64_t kMost = 1000000;
  if (repeats < 1 || repeats > kMost)
    throw Error(ErrorKind::kUsage, "--bootstrap " + std::to_string(repeats) + ": must be 1 to " +
                                       std::to_string(kMost));
}

PatientBootstrap::PatientBootstrap(std::span<const std::string> patient_of_row,
                                   const BootstrapOptions& options) {
  if (patient_of_row.empty() || options.repeats < 1) {
    throw Error(ErrorKind::kUsage, "bootstrap: " + std::to_string(patient_of_row.size()) +
                                       " rows and " + std::to_string(options.repeats) + " repeats");
  }
  std::map<std::string_view, std::uint32_t> number;
  for (const std::string& patient : patient_of_row) number.emplace(patient, 0U);
  for (auto& [patient, index] : number) index = static_cast<std::uint32_t>(patients_++);
  for (const std::string& patient : patient_of_row) patient_of_row_.push_back(number.at(patient));

  repeats_ = options.repeats;
  const std::size_t repeats = static_cast<std::size_t>(repeats_);
  draws_.assign((repeats + kLanes - 1) / kLanes,
                std::vector<Lanes>(static_cast<std::size_t>(patients_), Lanes{}));
  const auto times = [this](std::size_t repeat, std::uint32_t patient) -> std::uint8_t& {
    return draws_[repeat / kLanes][patient][repeat % kLanes];
  };
  if (options.draws == BootstrapDraws::kPoisson) {
    for (const auto& [patient, index] : number) {
      const std::uint64_t key = stable_hash(patient);
      for (std::size_t repeat = 0; repeat < repeats; ++repeat)
        times(repeat, index) =
            poisson(CounterRandom(options.seed, "patients", {repeat, key}).uniform());
    }
    return;
  }
  LegacyRandom random(options.seed);
  std::vector<std::uint32_t> drawn(static_cast<std::size_t>(patients_));
  for (std::size_t repeat = 0; repeat < repeats; ++repeat) {
    random.below(patients_, drawn);
    // 255 times and more: not in the life of the universe.
    for (const std::uint32_t patient : drawn) ++times(repeat, patient);
  }
}

std::vector<double> PatientBootstrap::weights(std::int64_t repeat) const {
  const auto place = static_cast<std::size_t>(repeat);
  const std::vector<Lanes>& block = draws_.at(place / kLanes);
  std::vector<double> weights;
  weights.reserve(patient_of_row_.size());
  for (const std::uint32_t patient : patient_of_row_)
    weights.push_back(block[patient][place % kLanes]);
  return weights;
}

Replicates PatientBootstrap::replicate(
    const std::function<std::optional<double>(std::span<const double>)>& statistic) const {
  Replicates values;
  values.reserve(static_cast<std::size_t>(repeats_));
  for (std::int64_t repeat = 0; repeat < repeats(); ++repeat)
    values.push_back(statistic(weights(repeat)));
  return values;
}

double percentile(std::vector<double> values, double q) {
  if (values.empty() || !(q >= 0 && q <= 100)) {
    throw Error(ErrorKind::kUsage, "percentile " + std::to_string(q) + " of " +
                                       std::to_string(values.size()) + " values");
  }
  std::sort(values.begin(), values.end());
  const double place = q / 100 * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(std::floor(place));
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (place - static_cast<double>(below)) * (values[above] - values[below]);
}

Interval percentile_interval(const Replicates& values) {
  std::vector<double> defined;
  for (const std::optional<double>& value : values) {
    if (value) defined.push_back(*value);
  }
  Interval interval;
  interval.undefined = static_cast<std::int64_t>(values.size() - defined.size());
  if (defined.empty()) return interval;
  interval.low = percentile(defined, 2.5);
  interval.high = percentile(std::move(defined), 97.5);
  return interval;
}

Replicates mean_of(std::span<const Replicates> parts) {
  Replicates means;
  for (std::size_t repeat = 0; !parts.empty() && repeat < parts.front().size(); ++repeat) {
    double sum = 0, count = 0;
    for (const Replicates& part : parts) {
      if (!part.at(repeat)) continue;
      sum += *part[repeat];
      count += 1;
    }
    means.push_back(count > 0 ? std::optional<double>(sum / count) : std::nullopt);
  }
  return means;
}

Replicates difference_of(const Replicates& a, const Replicates& b) {
  Replicates differences;
  for (std::size_t repeat = 0; repeat < a.size(); ++repeat) {
    const bool defined = a[repeat] && b.at(repeat);
    differences.push_back(defined ? std::optional<double>(*a[repeat] - *b[repeat]) : std::nullopt);
  }
  return differences;
}

}  // namespace biplane

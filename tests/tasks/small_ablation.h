#pragma once

#include <map>
#include <string>
#include <vector>

#include "biplane/core/random.h"
#include "biplane/tasks/ablation_design.h"

namespace biplane::testing {

inline constexpr const char* kMetric = "zero_shot/both/all";

// Five factors, of which alignment needs lateral, in the half fraction of 16 runs.
inline AblationConfig five_factors() {
  AblationConfig config;
  config.base = "base.yaml";
  config.steps = 100;
  for (const char* name : {"keys", "masking", "alignment", "prototypes", "lateral"}) {
    AblationFactor factor;
    factor.name = name;
    factor.on = {std::string("on.") + name};
    factor.off = {std::string("off.") + name};
    config.factors.push_back(factor);
  }
  config.factors[2].needs = "lateral";
  AblationDesign half;
  half.name = "half";
  half.kind = "fraction";
  half.generators = {"E=ABCD"};
  config.designs = {half};
  return config;
}

// A line with one figure on some draws.
inline AblationRecord line(const std::string& design, const std::string& run, std::int64_t seed,
                           double value, const std::vector<double>& draws = {}) {
  AblationRecord record;
  record.design = design;
  record.run = run;
  record.seed = seed;
  record.steps = 100;
  record.train_seconds = 50;
  record.steps_per_second = 2;
  record.data = "phantom";
  record.manifest_sha256 = "m";
  record.code = "biplane test";
  record.device = "cpu";
  record.test_studies = 10;
  record.test_patients = 7;
  AblationMetric metric;
  metric.value = value;
  for (const double draw : draws) metric.repeats.emplace_back(draw);
  record.metrics[kMetric] = metric;
  return record;
}

// What a simulated design is made of.
struct Truth {
  double mean = 0.8;
  std::vector<double> effects;  // of the factors where they count
  double run_noise = 0;         // standard deviation of single runs
  double patient_noise = 0;     // of each effect from one set of patients to another
  double shared_noise = 0;      // of all runs together
};

// The lines of `config`'s first design with `draws` bootstrap draws, by the counter `number`.
inline std::vector<AblationRecord> simulate(const AblationConfig& config, const Truth& truth,
                                            std::uint64_t number, int draws) {
  CounterRandom random(7, "simulated design", {number});
  const std::size_t factors = truth.effects.size();
  // Deviation of the effects and of the mean on the patients at hand, then on each draw of them.
  std::vector<std::vector<double>> effects(1 + static_cast<std::size_t>(draws), truth.effects);
  std::vector<double> means(effects.size(), truth.mean);
  for (std::size_t b = 0; b < effects.size(); ++b) {
    for (std::size_t j = 0; j < factors; ++j)
      effects[b][j] = effects[b == 0 ? b : 0][j] + truth.patient_noise * random.normal();
    means[b] = means[b == 0 ? b : 0] + truth.shared_noise * random.normal();
  }
  std::vector<AblationRecord> lines;
  AblationConfig first = config;
  first.designs.resize(1);
  for (const PlannedRun& run : plan_runs(first, {})) {
    const double noise = truth.run_noise * random.normal();
    std::vector<double> values;
    for (std::size_t b = 0; b < effects.size(); ++b) {
      double value = means[b] + noise;
      for (std::size_t j = 0; j < factors; ++j) {
        const AblationFactor& factor = config.factors[j];
        const bool counts = factor.needs.empty() || run.levels.at(factor.needs);
        if (counts) value += (run.levels.at(factor.name) ? 0.5 : -0.5) * effects[b][j];
      }
      values.push_back(value);
    }
    lines.push_back(
        line(run.design, run.run, run.seed, values.front(), {values.begin() + 1, values.end()}));
    lines.back().levels = run.levels;
  }
  return lines;
}

}  // namespace biplane::testing

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "biplane/tasks/ablation_config.h"
#include "biplane/tasks/ablation_record.h"

namespace biplane {

// An estimate from several runs on the same test patients, with its two-level interval.
//
// Level of the runs: the estimate's standard error s from what the runs differ by beyond the model
// (residuals, or runs of one configuration), with v degrees of freedom. Level of the patients: the
// estimate on each bootstrap draw of the patients, e_1 .. e_B. The distribution of the estimate is
// the mixture of the B distributions e_b + s t, t Student's with v degrees of freedom; the interval
// is what lies between its 2.5 and 97.5 percentiles. Few runs are thus not taken for many: plain
// resampling of 3 or 5 runs, or of 16 different ones, gives intervals that are too short.
struct Estimate {
  double value = 0;
  double low = 0, high = 0;  // 95 %
  double run_error = 0;      // s; 0 where no two runs tell of it
  double patient_error = 0;  // standard deviation of e_1 .. e_B
  std::int64_t freedom = 0;  // v; 0: the interval is over patients alone
  std::int64_t runs = 0;     // that have the figure
  // True effect that would be found (interval without 0) in 80 % of such experiments.
  std::optional<double> detectable;  // nothing where v is 0

  bool touches(double x) const { return low <= x && x <= high; }
};

// Effect of one factor (mean where it is on less mean where it is off), or interaction of two: half
// of what the one's effect is larger by where the other is on.
struct FactorEffect {
  std::vector<std::string> factors;  // one or two names
  std::optional<Estimate> estimate;  // nothing where the runs do not tell
};

// Effects of the factors on a metric, by least squares on the runs that have it, so that a part of
// the design gives what it can. The model has all main effects; what it leaves unexplained (the
// interactions too) is the noise of the runs. A factor that needs another counts where that is on.
std::vector<FactorEffect> main_effects(const std::vector<AblationFactor>& factors,
                                       std::span<const AblationRecord> lines,
                                       const std::string& metric);

// Interactions of two factors, each added alone to the model of the main effects. Nothing for one
// that cannot be told from main effects, and for a factor with the one it needs.
std::vector<FactorEffect> interaction_effects(const std::vector<AblationFactor>& factors,
                                              std::span<const AblationRecord> lines,
                                              const std::string& metric);

// Mean of the runs called `run` less mean of those called `other`; run noise from the runs of both
// configurations (pooled). Nothing where one has no line with the metric.
std::optional<Estimate> difference(std::span<const AblationRecord> lines, const std::string& run,
                                   const std::string& other, const std::string& metric);

// Mean of the runs called `run`.
std::optional<Estimate> mean_of_runs(std::span<const AblationRecord> lines, const std::string& run,
                                     const std::string& metric);

// (AUROC - 0.5) / (ceiling - 0.5) of `metric` and, in the runs called `ceiling_run`,
// `ceiling_metric`.
struct CeilingKey {
  std::string run, metric, ceiling_run, ceiling_metric;
};
std::optional<Estimate> share_of_ceiling(std::span<const AblationRecord> lines,
                                         const CeilingKey& key);

}  // namespace biplane

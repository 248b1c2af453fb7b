#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace biplane {

// A figure with what it is on every bootstrap draw of the patients. Draw b has the same patients in
// every run, so figures of two runs can be compared draw by draw.
struct AblationMetric {
  double value = 0;
  std::vector<std::optional<double>> repeats;  // nothing where the figure is undefined
};

// One finished run: a line of the results file, enough for the tables on any machine.
struct AblationRecord {
  std::string design, run;
  std::map<std::string, bool> levels;
  std::int64_t seed = 0, steps = 0;
  double train_seconds = 0;     // steps x mean time of those that metrics.jsonl names
  double steps_per_second = 0;  // steps / train_seconds
  double evaluate_seconds = 0;
  std::string data;  // what was trained and tested on: phantom and its seed, or manifest
  std::string manifest_sha256;
  std::string config_sha256;  // of the resolved configuration, without what changes no result
  std::string code;           // program and version
  std::string device;         // train.device: seconds of different devices do not compare
  std::int64_t test_studies = 0, test_patients = 0;
  // "zero_shot/both/all" and so on (ablation_metrics.h); absent where the model has none.
  std::map<std::string, AblationMetric> metrics;
  // Column -> finding -> AUROC, without repeats.
  std::map<std::string, std::map<std::string, double>> findings;

  std::string name() const;  // "factorial/abe/seed-3"
};

// "factorial/abe/seed-3"
std::string ablation_run_name(const std::string& design, const std::string& run, std::int64_t seed);

// One line without its newline. Values are rounded to 1e-4; repeats are written as whole numbers of
// 1e-4 above the value.
std::string record_to_json(const AblationRecord& record);

// Throws Error kBadContent naming the key.
AblationRecord record_from_json(const std::string& line);

// All lines of a results file; none where there is no file. A last line without its newline (a
// program or machine that stopped in the middle) is left out. Throws Error kBadContent naming file
// and line for one that is damaged or has another run's name.
std::vector<AblationRecord> read_ablation(const std::filesystem::path& file);

// Those of one design, in their order.
std::vector<AblationRecord> lines_of(std::span<const AblationRecord> records,
                                     const std::string& design);

// Devices that the lines were made on.
std::set<std::string> devices_of(std::span<const AblationRecord> records);

// Seconds a step of the fastest of these lines of `run`, of which there must be one: other work on
// the machine only slows runs.
double fastest_step(std::span<const AblationRecord> records, const std::string& run);

// "cpu, cuda"
std::string listed(const std::set<std::string>& values);

}  // namespace biplane

#include "biplane/tasks/ablation_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>

#include "biplane/core/error.h"
#include "biplane/core/files.h"

namespace biplane {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kFormat = 1;
constexpr double kPerUnit = 1e4;  // numbers are kept in units of 1e-4

// A division by a power of ten gives the double that is written with few digits.
double rounded(double value, double per_unit = kPerUnit) {
  return std::round(value * per_unit) / per_unit;
}

std::int64_t units(double value) { return std::llround(value * kPerUnit); }

Json metric_to_json(const AblationMetric& metric) {
  const std::int64_t value = units(metric.value);
  Json repeats = Json::array();
  for (const std::optional<double>& repeat : metric.repeats)
    repeats.push_back(repeat ? Json(units(*repeat) - value) : Json(nullptr));
  return {{"value", rounded(metric.value)}, {"repeats", std::move(repeats)}};
}

AblationMetric metric_from_json(const Json& json) {
  AblationMetric metric;
  metric.value = json.at("value").get<double>();
  if (!std::isfinite(metric.value)) throw Error(ErrorKind::kBadContent, "a value is not finite");
  for (const Json& repeat : json.at("repeats")) {
    metric.repeats.push_back(
        repeat.is_null()
            ? std::nullopt
            : std::optional<double>(metric.value +
                                    static_cast<double>(repeat.get<std::int64_t>()) / kPerUnit));
  }
  return metric;
}

AblationRecord parse(const Json& json) {
  if (json.at("format").get<std::int64_t>() != kFormat)
    throw Error(ErrorKind::kBadContent, "format is not " + std::to_string(kFormat));
  AblationRecord record;
  record.design = json.at("design").get<std::string>();
  record.run = json.at("run").get<std::string>();
  record.levels = json.at("levels").get<std::map<std::string, bool>>();
  record.seed = json.at("seed").get<std::int64_t>();
  record.steps = json.at("steps").get<std::int64_t>();
  record.train_seconds = json.at("train_seconds").get<double>();
  if (record.steps < 1 || !(record.train_seconds > 0))
    throw Error(ErrorKind::kBadContent, "steps and train_seconds must be above 0");
  record.steps_per_second = json.at("steps_per_second").get<double>();
  record.evaluate_seconds = json.at("evaluate_seconds").get<double>();
  record.data = json.at("data").get<std::string>();
  record.manifest_sha256 = json.at("manifest_sha256").get<std::string>();
  record.config_sha256 = json.at("config_sha256").get<std::string>();
  record.code = json.at("code").get<std::string>();
  record.device = json.at("device").get<std::string>();
  record.test_studies = json.at("test_studies").get<std::int64_t>();
  record.test_patients = json.at("test_patients").get<std::int64_t>();
  for (const auto& [name, metric] : json.at("metrics").items())
    record.metrics.emplace(name, metric_from_json(metric));
  record.findings = json.at("findings").get<std::map<std::string, std::map<std::string, double>>>();
  return record;
}

}  // namespace

std::string ablation_run_name(const std::string& design, const std::string& run,
                              std::int64_t seed) {
  return fmt::format("{}/{}/seed-{}", design, run, seed);
}

std::string AblationRecord::name() const { return ablation_run_name(design, run, seed); }

std::string record_to_json(const AblationRecord& record) {
  Json json;
  json["format"] = kFormat;
  json["design"] = record.design;
  json["run"] = record.run;
  json["levels"] = record.levels;
  json["seed"] = record.seed;
  json["steps"] = record.steps;
  json["train_seconds"] = rounded(record.train_seconds);
  json["steps_per_second"] = rounded(record.steps_per_second);
  json["evaluate_seconds"] = rounded(record.evaluate_seconds, 10);
  json["data"] = record.data;
  json["manifest_sha256"] = record.manifest_sha256;
  json["config_sha256"] = record.config_sha256;
  json["code"] = record.code;
  json["device"] = record.device;
  json["test_studies"] = record.test_studies;
  json["test_patients"] = record.test_patients;
  json["metrics"] = Json::object();
  for (const auto& [name, metric] : record.metrics) json["metrics"][name] = metric_to_json(metric);
  json["findings"] = Json::object();
  for (const auto& [column, values] : record.findings) {
    for (const auto& [finding, value] : values) json["findings"][column][finding] = rounded(value);
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

AblationRecord record_from_json(const std::string& line) {
  const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) throw Error(ErrorKind::kBadContent, "not an object of JSON");
  try {
    return parse(json);
  } catch (const Json::exception& error) {  // names the key
    throw Error(ErrorKind::kBadContent, error.what());
  }
}

std::vector<AblationRecord> read_ablation(const std::filesystem::path& file) {
  std::vector<AblationRecord> records;
  if (!std::filesystem::exists(file)) return records;
  const std::string text = read_file(file);
  std::set<std::string> names;
  std::int64_t number = 0;
  for (std::size_t begin = 0, end = 0; begin < text.size(); begin = end + 1) {
    end = text.find('\n', begin);
    if (end == std::string::npos) break;
    ++number;
    const std::string where = fmt::format("{}:{}: ", file.string(), number);
    try {
      records.push_back(record_from_json(text.substr(begin, end - begin)));
    } catch (const Error& error) {
      throw Error(error.kind(), where + "damaged (" + error.what() +
                                    "); take the line out and the run is done again");
    }
    if (!names.insert(records.back().name()).second)
      throw Error(ErrorKind::kBadContent, where + records.back().name() + " is there twice");
  }
  return records;
}

std::vector<AblationRecord> lines_of(std::span<const AblationRecord> records,
                                     const std::string& design) {
  std::vector<AblationRecord> lines;
  std::copy_if(records.begin(), records.end(), std::back_inserter(lines),
               [&](const AblationRecord& line) { return line.design == design; });
  return lines;
}

std::set<std::string> devices_of(std::span<const AblationRecord> records) {
  std::set<std::string> devices;
  for (const AblationRecord& line : records) devices.insert(line.device);
  return devices;
}

double fastest_step(std::span<const AblationRecord> records, const std::string& run) {
  double fastest = std::numeric_limits<double>::infinity();
  for (const AblationRecord& line : records) {
    if (line.run == run)
      fastest = std::min(fastest, line.train_seconds / static_cast<double>(line.steps));
  }
  return fastest;
}

std::string listed(const std::set<std::string>& values) {
  return fmt::format("{}", fmt::join(values, ", "));
}

}  // namespace biplane

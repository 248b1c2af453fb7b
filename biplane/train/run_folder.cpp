#include "biplane/train/run_folder.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cmath>
#include <ctime>
#include <nlohmann/json.hpp>

#include "biplane/core/error.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

constexpr const char* kState = "state";
// What a run writes over or takes away from its folder.
constexpr const char* kOwnNames[] = {"config.yaml", "metrics.jsonl", "model"};

// What stays of metrics.jsonl for a run that goes on after `step`.
std::string lines_up_to(const std::string& text, std::int64_t step) {
  std::string kept;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    if (end == std::string::npos) break;
    const std::string line = text.substr(begin, end + 1 - begin);
    begin = end + 1;
    const ordered_json parsed = ordered_json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (parsed.is_object() && parsed.contains("step") && parsed["step"].is_number_integer() &&
        parsed["step"].get<std::int64_t>() <= step) {
      kept += line;
    }
  }
  return kept;
}

}  // namespace

RunFolder::RunFolder(Options options) : options_(std::move(options)), lock_(options_.folder) {
  if (fs::exists(path() / kState) || fs::exists(path() / "checkpoints")) return;
  for (const char* name : kOwnNames) {
    if (!fs::exists(path() / name)) continue;
    throw Error(ErrorKind::kUsage, (path() / name).string() + ": is there, but not of a run (" +
                                       kState + " is missing); use another --out or move it away");
  }
}

void RunFolder::start(const std::string& config_yaml, std::int64_t step) {
  set_state("running");  // first: it tells the files of a run from those of others
  write_file_atomically(path() / "config.yaml", config_yaml);
  const fs::path metrics = path() / "metrics.jsonl";
  if (fs::exists(metrics)) write_file_atomically(metrics, lines_up_to(read_file(metrics), step));
  metrics_.emplace(metrics);
  events_.emplace(path(), options_.wall_seconds(), step > 0 ? step + 1 : 0);
}

void RunFolder::log(const std::string& line, bool quiet) {
  if (!log_) log_.emplace(path() / "out.log");
  const auto now = static_cast<std::time_t>(options_.wall_seconds());
  log_->append(fmt::format("{:%Y-%m-%dT%H:%M:%SZ} {}", fmt::gmtime(now), line));
  if (!quiet) options_.on_log(line);
}

void RunFolder::set_state(const std::string& state) {
  write_file_atomically(path() / kState, state + "\n");
}

void RunFolder::metrics(std::int64_t step, const StepValues& values) {
  ordered_json line;
  line["step"] = step;
  for (const auto& [name, value] : values) {
    if (!std::isfinite(value)) {
      line[name] = nullptr;
    } else if (name == "epoch") {
      line[name] = static_cast<std::int64_t>(value);
    } else {
      line[name] = value;
    }
  }
  metrics_->append(line.dump());
  events_->scalars(step, options_.wall_seconds(), values);
}

}  // namespace biplane

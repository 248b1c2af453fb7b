#include "biplane/tasks/ablation_runs.h"

#include <fmt/format.h>

#include <algorithm>

#include "biplane/core/config.h"
#include "biplane/core/error.h"
#include "biplane/model/checkpoint.h"
#include "biplane/train/config_keys.h"

namespace biplane {

namespace fs = std::filesystem;

std::vector<std::string> tasks_of(const LossConfig& loss) {
  std::vector<std::string> tasks;
  if (loss.itc.weight > 0) tasks = {"zero_shot", "retrieval", "grounding", "modules"};
  if (loss.labels.weight > 0) tasks.emplace_back("supervised");
  if (tasks.empty())
    throw Error(ErrorKind::kUsage,
                "loss.itc.weight and loss.labels.weight are 0: there is nothing to evaluate");
  return tasks;
}

PretrainConfig resolve(const AblationConfig& config, const AblateOptions& options,
                       const PlannedRun& run) {
  ConfigTree tree =
      ConfigTree::read(options.base / (run.config.empty() ? config.base : run.config));
  PretrainConfig resolved;
  try {
    for (const std::string& assignment : run.set) tree.set(assignment);
    load_config(tree, resolved);
    resolved.data.manifest = options.manifest.string();
    check_pretrain_config(resolved);
    tasks_of(resolved.loss);  // refused now, not after hours of training
  } catch (const Error& error) {
    throw Error(error.kind(), run.name() + ": " + error.what());
  }
  return resolved;
}

fs::path run_folder(const AblateOptions& options, const PlannedRun& run) {
  return options.out / "runs" / run.name();
}

bool is_wanted(const PlannedRun& run, const std::vector<std::string>& only) {
  return only.empty() || std::any_of(only.begin(), only.end(), [&](const std::string& name) {
           return name == run.design || name == run.design + "/" + run.run || name == run.name();
         });
}

void check_only(const std::vector<PlannedRun>& plan, const std::vector<std::string>& only) {
  std::vector<std::string> names;
  for (const PlannedRun& run : plan) {
    names.insert(names.end(), {run.design, run.design + "/" + run.run, run.name()});
  }
  for (const std::string& name : only) {
    if (std::find(names.begin(), names.end(), name) == names.end())
      throw Error(ErrorKind::kUsage, "--only " + name + ": no such run or design" +
                                         did_you_mean(name, names, "; --plan shows them"));
  }
}

const AblationRecord* find_line(const std::vector<AblationRecord>& lines, const PlannedRun& run) {
  const auto found = std::find_if(lines.begin(), lines.end(), [&](const AblationRecord& line) {
    return line.name() == run.name();
  });
  return found == lines.end() ? nullptr : &*found;
}

const AblationRecord* find_same(const std::vector<AblationRecord>& lines,
                                const PretrainConfig& config) {
  const std::string wanted = config_hash(config_keys(config));
  const auto found = std::find_if(lines.begin(), lines.end(), [&](const AblationRecord& line) {
    return line.config_sha256 == wanted;
  });
  return found == lines.end() ? nullptr : &*found;
}

void check_line(const AblationRecord& line, const std::string& key, const std::string& there,
                const std::string& here, const AblateOptions& options) {
  if (there == here) return;
  throw Error(ErrorKind::kUsage,
              fmt::format("{}: {} was run with another {} ({:.12} there, {:.12} now); use another "
                          "--results, or take its line out to have it run again",
                          options.results.string(), line.name(), key, there, here));
}

void check_configuration(const AblationRecord& line, const PretrainConfig& now,
                         const AblateOptions& options) {
  check_line(line, "configuration", line.config_sha256, config_hash(config_keys(now)), options);
}

namespace {

// Seconds of training and evaluation of a run, from lines of the same device and configuration,
// else of all of the device.
std::optional<double> expected_seconds(const AblationStatus& status, const std::string& device,
                                       const std::vector<AblationRecord>& lines) {
  double per_step = 0, evaluation = 0, count = 0;
  for (const bool same : {true, false}) {
    for (const AblationRecord& line : lines) {
      if (line.device != device) continue;
      if (same && (line.design != status.run.design || line.run != status.run.run)) continue;
      per_step += line.train_seconds / static_cast<double>(line.steps);
      evaluation += line.evaluate_seconds;
      count += 1;
    }
    if (count > 0) break;
  }
  if (count == 0 || status.steps == 0) return std::nullopt;
  return per_step / count * static_cast<double>(status.steps - status.checkpoint) +
         evaluation / count;
}

AblationStatus status_of(const AblationConfig& config, const AblateOptions& options,
                         const PlannedRun& run, const std::vector<AblationRecord>& lines) {
  AblationStatus status{.run = run};
  if (!run.waits_for.empty()) {
    status.state = "waits for " + run.waits_for;
    return status;
  }
  const PretrainConfig resolved = resolve(config, options, run);
  status.steps = resolved.train.steps;
  if (const AblationRecord* line = find_line(lines, run)) {
    check_configuration(*line, resolved, options);
    status.state = "done";
    return status;
  }
  if (const AblationRecord* same = find_same(lines, resolved)) {
    status.state = "is " + same->name();
    status.seconds = 0;
    return status;
  }
  const std::vector<fs::path> checkpoints = list_checkpoints(run_folder(options, run));
  status.state = checkpoints.empty() ? "to do" : "checkpoint";
  if (!checkpoints.empty()) {
    const std::string name = checkpoints.front().filename().string();
    status.checkpoint = std::stoll(name.substr(name.find('-') + 1));
  }
  status.seconds = expected_seconds(status, resolved.train.device, lines);
  return status;
}

}  // namespace

std::vector<AblationStatus> ablation_status(const AblationConfig& config,
                                            const AblateOptions& options) {
  check_ablation(config);
  const std::vector<AblationRecord> lines = read_ablation(options.results);
  const std::vector<PlannedRun> plan = plan_runs(config, lines);
  check_only(plan, options.only);
  std::vector<AblationStatus> all;
  for (const PlannedRun& run : plan) {
    if (is_wanted(run, options.only)) all.push_back(status_of(config, options, run, lines));
  }
  return all;
}

}  // namespace biplane

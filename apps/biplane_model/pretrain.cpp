#include "biplane/train/pretrain.h"

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/biplane_model/config_file.h"
#include "apps/biplane_model/plan_output.h"
#include "apps/biplane_model/run_control.h"
#include "apps/biplane_model/verbs.h"
#include "apps/common/command_line.h"
#include "biplane/core/config.h"
#include "biplane/core/error.h"
#include "biplane/core/memory.h"

namespace biplane {
namespace {

struct Options {
  std::string config;
  std::string out;
  std::vector<std::string> set, exclude_patients_of;
  bool print_config = false;
  bool plan = false;
  bool json = false;
  bool quiet = false;
};

constexpr const char* kExamples = R"(Examples:
  biplane pretrain --config configs/demo.yaml --set data.manifest=phantom/manifest.jsonl --out runs/demo
  biplane pretrain --config configs/demo.yaml --set train.lr=5e-4 --set seed=1 --out runs/demo-lr
  biplane pretrain --config configs/strong.yaml --set data.manifest=phantom/manifest.jsonl --set train.device=cuda --out runs/gpu
  biplane pretrain --config configs/demo.yaml --print-config
  biplane pretrain --config configs/paper.yaml --plan
The same command on a folder with checkpoints goes on where they end. SIGTERM and Ctrl-C write a checkpoint first
(exit code 75); a second one ends the program at once.)";

PretrainConfig read_config(const Options& options) {
  ConfigTree tree = read_config_of("pretrain", find_config(options.config));
  for (const std::string& assignment : options.set) tree.set(assignment);
  PretrainConfig config;
  load_config(tree, config);
  std::vector<std::string>& excluded = config.data.exclude_patients_of;
  excluded.insert(excluded.end(), options.exclude_patients_of.begin(),
                  options.exclude_patients_of.end());
  return config;
}

void print_result(const PretrainResult& result, const Options& options) {
  if (options.json) {
    nlohmann::ordered_json line;
    line["run"] = options.out;
    line["done"] = result.outcome == TrainOutcome::kDone;
    line["steps"] = result.steps;
    if (!result.model.empty()) line["model"] = result.model.string();
    line["last"] = result.last;
    line["peak_memory_bytes"] = peak_memory_bytes();
    fmt::print("{}\n", line.dump());
    return;
  }
  fmt::print("run    {}\nsteps  {}\n", options.out, result.steps);
  for (const auto& [name, value] : result.last) {
    if (name.starts_with("loss")) fmt::print("{:<8} {:.4f}\n", name, value);
  }
  if (!result.model.empty()) fmt::print("model  {}\n", result.model.string());
}

int run(const Options& options) {
  const PretrainConfig config = read_config(options);
  if (options.print_config) {
    fmt::print("{}", print_config(config));
    return 0;
  }
  if (options.plan) {
    const PretrainPlan plan = plan_pretrain(config);
    cli::print_result(options.json ? plan_json(plan) : plan_text(plan));
    return 0;
  }
  if (options.out.empty())
    throw Error(ErrorKind::kUsage, "--out is required: the folder of the run");
  catch_stop_signals();
  const PretrainResult result = pretrain(config, options.out, terminal_hooks(options.quiet));
  print_result(result, options);
  return result.outcome == TrainOutcome::kDone ? 0 : kExitCheckpointed;
}

}  // namespace

VerbRun define_pretrain(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("--config", options->config,
                 "YAML file of the experiment, or the name of one that comes with the program: "
                 "demo, paper, strong, clip, ... (configs, configs/baselines)")
      ->required();
  app.add_option("--out", options->out,
                 "folder of the run: metrics, checkpoints, and the model at the end");
  app.add_option("--set", options->set,
                 "KEY=VALUE over the file, for example train.lr=1e-4; may be repeated")
      ->allow_extra_args(false);
  app.add_option(
         "--exclude-patients-of", options->exclude_patients_of,
         "do not train on patients that stand in this manifest, for example one that will be "
         "tested on; may be repeated; adds to data.exclude_patients_of")
      ->type_name("[CORPUS=]MANIFEST")
      ->allow_extra_args(false);
  app.add_flag("--print-config", options->print_config,
               "print the resolved configuration and stop");
  app.add_flag("--plan", options->plan,
               "print parameters, memory, steps and what is trained, and stop; images and initial "
               "weights need not be there");
  app.add_flag("--json", options->json, "print the result, or the plan, as one line of JSON");
  app.add_flag("-q,--quiet", options->quiet, "no log lines and no progress bar");
  app.footer(kExamples);
  return [options] { return run(*options); };
}

}  // namespace biplane

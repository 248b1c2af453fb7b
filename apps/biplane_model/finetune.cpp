#include "biplane/tasks/finetune.h"

#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "apps/biplane_model/config_file.h"
#include "apps/biplane_model/run_control.h"
#include "apps/biplane_model/verbs.h"
#include "apps/common/code_version.h"
#include "apps/common/command_line.h"
#include "biplane/core/config.h"
#include "biplane/core/error.h"
#include "biplane/tasks/finetune_keys.h"

namespace biplane {
namespace {

struct Options {
  std::string config;
  std::vector<std::string> set;
  FinetuneOptions finetune;
  std::int64_t seed = -1;
  bool print_config = false;
  bool json = false;
  bool quiet = false;
};

constexpr const char* kExamples = R"(Examples:
  biplane finetune --config linear --model runs/demo --manifest phantom/manifest.jsonl --out runs/demo-linear
  biplane finetune --config configs/tasks/finetune.yaml --model runs/demo --manifest phantom --out runs/demo-1 --set data.fraction=0.01 --seeds 42,0,1
  biplane finetune --config configs/tasks/linear.yaml --model runs/demo --manifest phantom --out runs/random --set init=random
  biplane finetune --config configs/tasks/mgca_linear_rsna.yaml --model weights/mae-vit-b --manifest rsna --out runs/rsna
  biplane finetune --config configs/tasks/segmentation.yaml --model runs/demo --manifest siim --out runs/siim --set dense.image_size=160
  biplane finetune --config configs/tasks/detection.yaml --model runs/demo --manifest phantom --out runs/boxes --set labels.names=[mass]
It trains on the split train, chooses epoch and thresholds on the split validate (or held-out training patients: data.select=holdout)
and measures once on the split test. Seeds that are done are not done again.)";

FinetuneConfig read_config(const Options& options) {
  ConfigTree tree = read_config_of("finetune", find_config(options.config));
  for (const std::string& assignment : options.set) tree.set(assignment);
  FinetuneConfig config = read_finetune_config(tree);
  if (options.seed >= 0) config.seed = options.seed;
  check_finetune_config(config);
  return config;
}

void require_given(const std::filesystem::path& path, const char* option, const char* what) {
  if (path.empty()) throw Error(ErrorKind::kUsage, fmt::format("{} is required: {}", option, what));
}

int run(Options options) {
  const FinetuneConfig config = read_config(options);
  if (options.print_config) {
    cli::print_result(print_config(config));
    return 0;
  }
  FinetuneOptions& finetune = options.finetune;
  require_given(finetune.model, "--model", "what the task starts from");
  require_given(finetune.manifest, "--manifest", "the studies");
  require_given(finetune.out, "--out", "the folder of the run");
  finetune.code = cli::code_version();
  finetune.protocol = find_config(options.config).stem().string();
  catch_stop_signals();
  const FinetuneResult result = biplane::finetune(config, finetune, terminal_hooks(options.quiet));
  if (result.outcome != TrainOutcome::kDone) return kExitCheckpointed;
  if (options.json) {
    for (const std::string& line : result.lines) fmt::print("{}\n", line);
    return 0;
  }
  fmt::print("{}", result_table(result.rows));
  for (const std::string& note : result.notes) fmt::print("note: {}\n", note);
  fmt::print("results  {}\n", result.results_file.string());
  return 0;
}

}  // namespace

VerbRun define_finetune(CLI::App& app) {
  const auto options = std::make_shared<Options>();
  FinetuneOptions& finetune = options->finetune;
  app.add_option("--config", options->config,
                 "YAML file of the task, or the name of one that comes with the program: linear, "
                 "segmentation, ... (configs/tasks)")
      ->required();
  app.add_option("--model", finetune.model,
                 "model directory, run, checkpoint, or a tower that biplane import wrote");
  app.add_option("--manifest", finetune.manifest, "manifest.jsonl or its folder");
  app.add_option("--root", finetune.root,
                 "folder that image paths are relative to (default: the manifest's)");
  app.add_option("--out", finetune.out, "folder of the run: results.jsonl and model/");
  app.add_option("--set", options->set,
                 "KEY=VALUE over the file, for example data.fraction=0.01; may be repeated")
      ->allow_extra_args(false);
  CLI::Option* seed = app.add_option("--seed", options->seed, "seed (default: the file's)")
                          ->check(cli::non_negative());
  app.add_option(
         "--seeds", finetune.seeds,
         "several, for example 42,0,1: runs in OUT/seed-N, their means in OUT/results.jsonl")
      ->delimiter(',')
      ->check(cli::non_negative())
      ->excludes(seed);
  app.add_option("--bootstrap", finetune.bootstrap, "bootstrap repeats")->capture_default_str();
  app.add_option("--corpus", finetune.corpus,
                 "name of the corpus in the results (default: the manifest's folder)");
  app.add_option("--threads", finetune.threads, "of encoding and evaluation; 0: one per core")
      ->check(cli::non_negative());
  app.add_option("--max-bad", finetune.max_bad, "share of studies that may be unreadable")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_flag("--print-config", options->print_config,
               "print the resolved configuration and stop");
  app.add_flag("--json", options->json, "print the rows as JSON lines instead of a table");
  app.add_flag("-q,--quiet", options->quiet, "no log lines and no progress bars");
  app.footer(kExamples);
  return [options] { return run(*options); };
}

}  // namespace biplane

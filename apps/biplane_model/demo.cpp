#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "apps/biplane_model/phantom_once.h"
#include "apps/biplane_model/run_control.h"
#include "apps/biplane_model/verbs.h"
#include "apps/common/code_version.h"
#include "biplane/core/config.h"
#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/core/progress.h"
#include "biplane/core/share.h"
#include "biplane/eval/evaluate.h"
#include "biplane/train/device.h"
#include "biplane/train/pretrain.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string out;
  std::int64_t seed = 0;
  double minutes = 8;
  std::int64_t threads = 0;
  std::vector<std::string> set;
  bool quiet = false;
};

constexpr const char* kExamples = R"(Examples:
  biplane demo --out runs/demo
  biplane demo --out runs/short --minutes 2
  biplane demo --out runs/other --seed 1 --set train.lr=5e-4
The same command goes on where an earlier one was stopped. Look at OUT/report.html when it is done.)";

// What the budget of the demo is spent on; chosen by the budget alone, never by the clock, so that
// the same command gives the same model everywhere. The full size is made for kFullMinutes on two
// cores.
constexpr double kFullMinutes = 8;
constexpr double kFixedMinutes = 0.5;  // start, evaluation and report, whatever the budget
constexpr std::int64_t kTrainStudies = 16000;
constexpr std::int64_t kTestStudies = 1000;
constexpr std::int64_t kPixels = 80;

double share_of_full(double minutes) {
  return std::max(0.02, (minutes - kFixedMinutes) / (kFullMinutes - kFixedMinutes));
}

PhantomOptions phantom_options(const Options& options) {
  PhantomOptions phantom;
  const double share = std::min(1.0, share_of_full(options.minutes));
  phantom.test = std::max<std::int64_t>(200, std::llround(share * kTestStudies));
  phantom.validate = 0;
  phantom.studies = phantom.test + std::max<std::int64_t>(500, std::llround(share * kTrainStudies));
  phantom.seed = options.seed;
  phantom.size = kPixels;
  phantom.threads = options.threads;
  return phantom;
}

fs::path phantom_folder(const Options& options) { return fs::path(options.out) / "phantom"; }

// What the demo sets itself would silently win over --set.
void refuse_own_keys(const std::vector<std::string>& assignments) {
  for (const auto& [key, instead] :
       {std::pair("seed", "use --seed"), std::pair("train.threads", "use --threads"),
        std::pair("data.manifest",
                  "the demo trains on the phantom in --out; biplane pretrain "
                  "takes a manifest")}) {
    for (const std::string& assignment : assignments) {
      if (assignment.substr(0, assignment.find('=')) == key)
        throw Error(ErrorKind::kUsage, fmt::format("--set {}: {}", assignment, instead));
    }
  }
}

PretrainConfig training_config(const Options& options, const fs::path& manifest) {
  refuse_own_keys(options.set);
  ConfigTree tree = ConfigTree::read(share_file("configs/demo.yaml"));
  for (const std::string& assignment : options.set) tree.set(assignment);
  PretrainConfig config;
  load_config(tree, config);
  config.seed = options.seed;
  config.data.manifest = manifest.string();
  config.train.threads = options.threads;
  if (config.train.steps > 0) {  // else the check of the configuration names it
    config.train.steps = std::max<std::int64_t>(
        20, std::llround(share_of_full(options.minutes) * static_cast<double>(config.train.steps)));
  }
  return config;
}

EvaluateResult measure(const Options& options, const fs::path& run, const fs::path& manifest) {
  EvaluateOptions evaluation;
  evaluation.model = run;
  evaluation.manifest = manifest;
  evaluation.out = options.out;
  evaluation.threads = static_cast<int>(options.threads);
  evaluation.code = cli::code_version();
  evaluation.corpus = "phantom";
  Progress progress({.label = "evaluate", .unit = "studies", .enabled = !options.quiet});
  return evaluate(evaluation, &progress);
}

int run(const Options& options) {
  constexpr double kMostMinutes = 24 * 60;
  if (!(options.minutes > 0 && options.minutes <= kMostMinutes))
    throw Error(ErrorKind::kUsage, fmt::format("--minutes {}: must be above 0 and at most {}",
                                               options.minutes, kMostMinutes));
  if (options.seed < 0)
    throw Error(ErrorKind::kUsage, fmt::format("--seed {}: must be 0 or more", options.seed));
  make_folder(options.out);
  const double started = monotonic_seconds();
  const fs::path manifest = phantom_folder(options) / "manifest.jsonl";
  const PretrainConfig config = training_config(options, manifest);
  check_pretrain_config(config);  // before the phantom is made
  training_device(config.train);
  make_phantom_once(phantom_options(options), phantom_folder(options), options.quiet);
  catch_stop_signals();
  const fs::path run_folder = fs::path(options.out) / "run";
  const PretrainResult trained = pretrain(config, run_folder, terminal_hooks(options.quiet));
  if (trained.outcome != TrainOutcome::kDone) return kExitCheckpointed;
  const EvaluateResult result = measure(options, run_folder, manifest);
  fmt::print("{}\n", result_table(result.rows));
  for (const std::string& note : result.notes) fmt::print("note: {}\n", note);
  fmt::print("model    {}\nresults  {}\nreport   {}\ntook     {:.0f} s\n", trained.model.string(),
             result.results_file.string(), fs::absolute(result.report_file).string(),
             monotonic_seconds() - started);
  return 0;
}

}  // namespace

VerbRun define_demo(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("--out", options->out, "folder for the phantom, the run, results and report")
      ->required();
  app.add_option("--seed", options->seed, "of the phantom and of the training");
  app.add_option("--minutes", options->minutes,
                 "size of the demo: what two cores do in that time (8)");
  app.add_option("--threads", options->threads, "compute threads (default: one per core)");
  app.add_option("--set", options->set, "KEY=VALUE over configs/demo.yaml; may be repeated")
      ->allow_extra_args(false);
  app.add_flag("-q,--quiet", options->quiet, "no log lines and no progress bars");
  app.footer(kExamples);
  return [options] { return run(*options); };
}

}  // namespace biplane

#include "biplane/tasks/ablate.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "apps/biplane_model/config_file.h"
#include "apps/biplane_model/phantom_once.h"
#include "apps/biplane_model/run_control.h"
#include "apps/biplane_model/verbs.h"
#include "apps/common/code_version.h"
#include "apps/common/command_line.h"
#include "biplane/core/config.h"
#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/tasks/ablation_report.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string config, out, results;
  std::vector<std::string> set;
  AblateOptions ablate;
  bool plan = false;
  bool report = false;
  bool quiet = false;
};

// The design file: what is run, and the phantom that it is run on.
struct DesignFile {
  AblationConfig ablation;
  PhantomOptions phantom;

  template <class V>
  void visit(V& v) {
    ablation.visit(v);
    v.field("phantom", phantom);
  }
};

constexpr const char *kFigure = ".svg", *kTables = ".md", *kPage = ".html";

constexpr const char* kExamples = R"(Examples:
  biplane ablate --config configs/ablation.yaml --out runs/ablation --plan
  biplane ablate --config configs/ablation.yaml --out runs/ablation --results docs/evidence/ablation.jsonl
  biplane ablate --config configs/ablation.yaml --out runs/ablation --only baselines/clip
  biplane ablate --config configs/ablation.yaml --results docs/evidence/ablation.jsonl --report
The same command goes on where it was stopped, on another machine too where the results file is the same. SIGTERM and
Ctrl-C write a checkpoint first (exit code 75).)";

DesignFile read_design(const Options& options) {
  ConfigTree tree = read_config_of("ablate", find_config(options.config));
  for (const std::string& assignment : options.set) tree.set(assignment);
  DesignFile file;
  load_config(tree, file);
  check_ablation(file.ablation);
  if (file.ablation.manifest.empty()) check_phantom(file.phantom);
  return file;
}

AblateOptions ablate_options(const Options& options, const DesignFile& file) {
  AblateOptions ablate = options.ablate;
  ablate.base = fs::absolute(find_config(options.config)).parent_path();
  ablate.out = options.out;
  ablate.results =
      options.results.empty() ? ablate.out / "ablation.jsonl" : fs::path(options.results);
  ablate.code = cli::code_version();
  if (!file.ablation.manifest.empty()) {
    ablate.manifest = ablate.base / file.ablation.manifest;
    ablate.data = fs::weakly_canonical(ablate.manifest).parent_path().filename().string();
    return ablate;
  }
  const PhantomCounts counts = phantom_counts(file.phantom);
  if (counts.test == 0)
    throw Error(ErrorKind::kUsage, "phantom.test = 0: runs are compared on test studies");
  ablate.manifest = ablate.out / "phantom" / "manifest.jsonl";
  ablate.data = fmt::format("phantom, seed {}, {} px, {} training and {} test studies",
                            file.phantom.seed, file.phantom.size, counts.train, counts.test);
  return ablate;
}

// The settings of a run that the others do not have; its steps and seed are said elsewhere.
std::string own_settings(const PlannedRun& run, const std::vector<std::string>& common) {
  std::string text = run.config.empty() ? "" : "  " + run.config;
  for (const std::string& assignment : run.set) {
    const bool said = assignment.starts_with("train.steps=") || assignment.starts_with("seed=") ||
                      std::find(common.begin(), common.end(), assignment) != common.end();
    if (!said) text += "  " + assignment;
  }
  return text;
}

int print_plan(const DesignFile& file, const AblateOptions& options) {
  const std::vector<std::string>& common = file.ablation.set;
  std::string text = common.empty() ? "" : fmt::format("every run: {}\n", fmt::join(common, " "));
  double seconds = 0;
  bool known = true;
  for (const AblationStatus& one : ablation_status(file.ablation, options)) {
    const bool open = one.state == "to do" || one.state == "checkpoint";
    known = known && (!open || one.seconds);
    seconds += open ? one.seconds.value_or(0) : 0;
    text += fmt::format("{:<34} {:<10} {:>6} steps", one.run.name(), one.state, one.steps);
    if (one.checkpoint > 0) text += fmt::format(", {} done", one.checkpoint);
    if (one.seconds) text += fmt::format(", about {:.1f} min", *one.seconds / 60);
    text += own_settings(one.run, common) + "\n";
  }
  text += known ? fmt::format("to do: about {:.0f} min\n", seconds / 60)
                : "to do: no estimate before a run is finished on the same device\n";
  cli::print_result(text);
  return 0;
}

// The report's files are named after the results and must not take their place.
void check_results_name(const fs::path& results) {
  for (const char* ending : {kFigure, kTables, kPage}) {
    if (results.extension() == ending)
      throw Error(ErrorKind::kUsage,
                  fmt::format("--results {}: the report is written under this name; another ending "
                              "than {} is needed, for example .jsonl",
                              results.string(), ending));
  }
}

int write_report(const DesignFile& file, const AblateOptions& options) {
  if (!fs::exists(options.results))
    throw Error(ErrorKind::kMissingInput, options.results.string() + ": no such file (--results)");
  const AblationReport report = make_ablation_report(file.ablation, read_ablation(options.results));
  const auto beside = [&](const char* extension) {
    return fs::path(options.results).replace_extension(extension);
  };
  const std::string markdown = ablation_markdown(report, beside(kFigure).filename().string());
  write_file_atomically(beside(kFigure), forest_svg(report.figure));
  write_file_atomically(beside(kTables), markdown);
  write_file_atomically(beside(kPage), ablation_html(report));
  cli::print_result(markdown);
  return 0;
}

int run(const Options& options) {
  const DesignFile file = read_design(options);
  if (options.out.empty() && (!options.report || options.results.empty()))
    throw Error(ErrorKind::kUsage, "--out is required: the folder of the runs");
  const AblateOptions ablate_with = ablate_options(options, file);
  check_results_name(ablate_with.results);
  if (options.plan) return print_plan(file, ablate_with);
  if (options.report) return write_report(file, ablate_with);
  const auto locks = lock_ablation(ablate_with);
  ablation_status(file.ablation, ablate_with);  // every configuration, before the phantom is made
  if (file.ablation.manifest.empty())
    make_phantom_once(file.phantom, ablate_with.manifest.parent_path(), options.quiet);
  catch_stop_signals();
  const TrainOutcome outcome = ablate(file.ablation, ablate_with, terminal_hooks(options.quiet));
  if (outcome != TrainOutcome::kDone) return kExitCheckpointed;
  fmt::print("results  {}\n", ablate_with.results.string());
  return 0;
}

}  // namespace

VerbRun define_ablate(CLI::App& app) {
  const auto options = std::make_shared<Options>();
  app.add_option(
         "--config", options->config,
         "YAML file of the design, or the name of one that comes with the program: ablation")
      ->required();
  app.add_option("--out", options->out, "folder of the phantom and the runs");
  app.add_option("--results", options->results,
                 "file that gets a line for every finished run (default: OUT/ablation.jsonl)");
  app.add_option("--set", options->set, "KEY=VALUE over the design file; may be repeated")
      ->allow_extra_args(false);
  app.add_option("--only", options->ablate.only,
                 "DESIGN, DESIGN/RUN or DESIGN/RUN/seed-N; may be repeated")
      ->allow_extra_args(false);
  app.add_option("--threads", options->ablate.threads, "of the evaluation (default: one per core)")
      ->check(cli::non_negative());
  CLI::Option* plan = app.add_flag("--plan", options->plan,
                                   "print the runs, what is done and the time to come, and stop");
  app.add_flag("--report", options->report,
               "write the tables and the figure of what is done beside the results "
               "(.md, .svg, .html), and stop")
      ->excludes(plan);
  app.add_flag("-q,--quiet", options->quiet, "no log lines and no progress bars");
  app.footer(kExamples);
  return [options] { return run(*options); };
}

}  // namespace biplane

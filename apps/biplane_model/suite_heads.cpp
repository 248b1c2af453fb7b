#include "apps/biplane_model/suite_heads.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <optional>
#include <utility>

#include "apps/biplane_model/config_file.h"
#include "apps/biplane_model/run_control.h"
#include "biplane/core/error.h"
#include "biplane/tasks/finetune.h"
#include "biplane/tasks/finetune_keys.h"

namespace biplane {
namespace {

// A head's training, without its folder.
FinetuneOptions finetune_options(const SuiteHead& head, const std::vector<std::int64_t>& seeds,
                                 double max_bad, const EvaluateOptions& suite) {
  FinetuneOptions options;
  options.max_bad = max_bad;
  options.model = suite.model;
  options.manifest = suite.manifest;
  options.root = suite.root;
  options.seeds = seeds;
  options.bootstrap = suite.bootstrap;
  options.threads = suite.threads;
  options.code = suite.code;
  options.corpus = head.corpus;
  options.protocol = head.protocol;
  return options;
}

std::optional<SuitePart> train_head(const FinetuneConfig& config, FinetuneOptions options,
                                    const std::filesystem::path& out, bool quiet) {
  options.out = out;
  catch_stop_signals();
  FinetuneResult result = finetune(config, options, terminal_hooks(quiet));
  if (result.outcome != TrainOutcome::kDone) return std::nullopt;
  return SuitePart{std::move(result.notes), std::move(result.lines)};
}

}  // namespace

std::vector<SuiteHead> suite_heads(const std::vector<std::string>& given,
                                   const std::vector<std::int64_t>& seeds, double max_bad,
                                   bool quiet) {
  check_seeds(seeds);
  std::vector<SuiteHead> heads;
  for (const std::string& text : given) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == text.size())
      throw Error(
          ErrorKind::kUsage,
          fmt::format("--finetune {}: must be CORPUS=CONFIG, for example rsna=linear_rsna", text));
    const std::filesystem::path file = find_config(text.substr(equals + 1));
    const FinetuneConfig config = read_finetune_config(read_config_of("finetune", file));
    check_finetune_config(config);
    SuiteHead head;
    head.corpus = text.substr(0, equals);
    head.protocol = file.stem().string();
    FinetuneConfig unseeded = config;
    if (!seeds.empty()) unseeded.seed = 0;  // the file's is not used
    head.settings = print_config(unseeded);
    head.seeds = fmt::format("{}", fmt::join(seeds, ","));
    head.check = [config, head, seeds, max_bad](const EvaluateOptions& suite) {
      check_finetune(config, finetune_options(head, seeds, max_bad, suite));
    };
    head.run = [config, head, seeds, max_bad, quiet](const EvaluateOptions& suite,
                                                     const std::filesystem::path& out) {
      return train_head(config, finetune_options(head, seeds, max_bad, suite), out, quiet);
    };
    heads.push_back(std::move(head));
  }
  return heads;
}

}  // namespace biplane

#include "biplane/inference/explain.h"

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "apps/biplane_model/verbs.h"
#include "apps/common/code_version.h"
#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/corpus/manifest.h"
#include "biplane/eval/explain_page.h"
#include "biplane/eval/explain_picture.h"
#include "biplane/imaging/encode.h"
#include "biplane/inference/engine.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSelection = "selection";

struct Options {
  std::string stage;
  fs::path model, manifest, root, out;
  std::string study;
  std::int64_t seed = 0;
  bool json = false;
};

constexpr const char* kExamples = R"(Examples:
  biplane explain --stage selection --model runs/demo/run --manifest runs/demo/phantom --study phantom0-test-s000003 --out explained
  biplane explain --stage selection --model runs/demo/run --manifest runs/demo/phantom --study phantom0-test-s000003 --seed 1 --out explained --json
Look at OUT/selection.html. Another --seed masks other words.)";

void check_options(const Options& options) {
  if (options.stage != kSelection)
    throw Error(ErrorKind::kUsage, "--stage: '" + options.stage + "' is none of: selection" +
                                       did_you_mean(options.stage, {kSelection}));
  if (options.seed < 0)
    throw Error(ErrorKind::kUsage, fmt::format("--seed {}: must be 0 or more", options.seed));
}

void print_summary(const SelectionExplanation& explanation, const fs::path& out) {
  fmt::print("study    {}\n", explanation.study_id);
  for (const ViewSelection& view : explanation.views)
    fmt::print("{:<8} {} of {} patches kept, {:.0f} % of the weight\n", view.view, view.kept,
               view.patches.size(), 100 * view.weight);
  fmt::print("slots    {}, each gathers {:.1f} patches\n", explanation.slots,
             explanation.slot_support);
  fmt::print("words    {} of {} masked, {} of them read rightly\n", explanation.masked_words(),
             explanation.words.size(), explanation.words_found());
  if (!explanation.mlm_trained)
    fmt::print("note: masked words were not trained; weights and predictions mean nothing\n");
  fmt::print("picture  {}\npage     {}\ndata     {}\n", (out / "selection.png").string(),
             (out / "selection.html").string(), (out / "selection.json").string());
}

int run(const Options& options) {
  check_options(options);
  const Manifest manifest = Manifest::read(options.manifest, options.root);
  make_folder(options.out);
  const Engine engine = Engine::open(options.model);
  const SelectionExplanation explanation =
      explain_selection(engine, manifest, options.study, static_cast<std::uint64_t>(options.seed));
  const std::string json = to_json(explanation);
  write_file_atomically(options.out / "selection.png", encode_png(selection_picture(explanation)));
  write_file_atomically(options.out / "selection.html",
                        render_explanation(explanation, cli::code_version()));
  write_file_atomically(options.out / "selection.json", json);
  if (options.json) {
    fmt::print("{}", json);
  } else {
    print_summary(explanation, options.out);
  }
  return 0;
}

}  // namespace

VerbRun define_explain(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("--stage", options->stage,
                 "what to explain; selection: which patches and words the masked-word decoder sees")
      ->required();
  app.add_option("--model", options->model, "model directory, run or checkpoint")->required();
  app.add_option("--manifest", options->manifest, "manifest.jsonl or its folder")->required();
  app.add_option("--study", options->study, "study_id in the manifest")->required();
  app.add_option("--out", options->out,
                 "folder for selection.png, selection.html and selection.json")
      ->required();
  app.add_option("--root", options->root,
                 "folder that image paths are relative to (default: the manifest's)");
  app.add_option("--seed", options->seed, "draws the masked words")->capture_default_str();
  app.add_flag("--json", options->json, "print selection.json instead of a summary");
  app.footer(kExamples);
  return [options] { return run(*options); };
}

}  // namespace biplane

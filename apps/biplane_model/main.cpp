#include <CLI/CLI.hpp>
#include <string>

#include "apps/biplane_model/verbs.h"
#include "apps/common/command_line.h"
#include "biplane/core/error.h"
#include "biplane/nn/vector_math.h"

namespace biplane {
namespace {

constexpr Verb kVerbs[] = {
    {"ablate", "Train a design of runs one after another and say what each part is worth",
     define_ablate},
    {"evaluate", "Measure a model on a manifest: zero-shot, retrieval, grounding", define_evaluate},
    {"explain", "Draw what a model does with one study", define_explain},
    {"demo", "Phantom, training, evaluation and report in one go", define_demo},
    {"finetune", "Train a downstream task on a model, or on its frozen features, and measure it",
     define_finetune},
    {"import", "Turn published weights into the start of a tower", define_import},
    {"pretrain", "Pre-train the two-view model on a manifest", define_pretrain},
};

int run(const cli::Arguments& arguments) {
  const std::string name = arguments.empty() ? "" : arguments.front();
  for (const Verb& verb : kVerbs) {
    if (name != verb.name) continue;
    CLI::App app(verb.summary, "biplane " + name);
    const VerbRun run_verb = verb.define(app);
    if (!cli::parse_arguments(app, {arguments.begin() + 1, arguments.end()})) return 0;
    choose_vector_math();
    return run_verb();
  }
  throw Error(ErrorKind::kUsage,
              "this program has the verbs of biplane that need LibTorch; call biplane VERB");
}

}  // namespace
}  // namespace biplane

int main(int argc, char** argv) {
  return biplane::cli::guarded(
      [&] { return biplane::run(biplane::cli::Arguments(argv + 1, argv + argc)); });
}

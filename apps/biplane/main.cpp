#include <fmt/format.h>

#include <string>
#include <vector>

#include "apps/biplane/verbs.h"
#include "apps/common/command_line.h"
#include "biplane/core/error.h"

namespace biplane::cli {
namespace {

struct Verb {
  const char* name;
  const char* summary;
  int (*run)(const Arguments&);  // nullptr: in biplane_model
};

constexpr Verb kVerbs[] = {
    {"demo", "make phantom studies, train on them, evaluate, write a report", nullptr},
    {"phantom", "make radiographic phantom studies with known truth", run_phantom},
    {"prepare", "turn a corpus into a manifest", run_prepare},
    {"label", "find the labels that reports state, deny or doubt", run_label},
    {"audit", "prove that a manifest's files are whole and its splits do not leak", run_audit},
    {"pack", "put a manifest's images and reports into tar shards to train from", run_pack},
    {"import", "turn published weights into the start of a tower", nullptr},
    {"pretrain", "train a model on a manifest", nullptr},
    {"finetune", "train a downstream task on a model and measure it", nullptr},
    {"evaluate", "measure a model on studies it was not trained on", nullptr},
    {"ablate", "train a design of runs and say what each part of the method is worth", nullptr},
    {"explain", "draw what a model does with one study", nullptr},
    {"info", "say what a file or folder is: image, DICOM, manifest, run, checkpoint, model",
     run_info},
};

std::string help_text() {
  std::string text =
      "biplane: vision-language pre-training on two-view chest radiographs\n\n"
      "usage: biplane VERB [options]\n\n";
  for (const Verb& verb : kVerbs) text += fmt::format("  {:<10} {}\n", verb.name, verb.summary);
  return text +
         "\n"
         "  biplane help VERB    options and examples of a verb (also: biplane VERB --help)\n"
         "  biplane --version\n\n"
         "examples\n"
         "  biplane demo --out runs/demo\n"
         "  biplane phantom --out phantom --studies 1000 --size 256 --preview phantom/preview.png\n"
         "  biplane prepare pairs --root studies --out prepared --test 0.2 && biplane audit "
         "prepared/manifest.jsonl\n"
         "  biplane pretrain --config configs/demo.yaml --set "
         "data.manifest=prepared/manifest.jsonl --out runs/pairs\n"
         "  biplane evaluate --model runs/pairs --manifest prepared/manifest.jsonl --out "
         "runs/pairs/evaluation\n\n"
         "Results go to standard output, messages and progress to standard error.\n"
         "Exit codes: 0 done, 1 failed or a leak found, 2 bad option or configuration, 65 invalid "
         "content, 66 missing input,\n"
         "74 input or output failed, 75 interrupted after a checkpoint: run it again.\n";
}

const Verb& find_verb(const std::string& name) {
  std::vector<std::string> names;
  for (const Verb& verb : kVerbs) {
    if (name == verb.name) return verb;
    names.emplace_back(verb.name);
  }
  throw Error(ErrorKind::kUsage, "unknown verb '" + name + "'" +
                                     did_you_mean(name, names, "; biplane --help lists them"));
}

int run_verb(const std::string& name, const Arguments& arguments) {
  const Verb& verb = find_verb(name);
  if (verb.run == nullptr) exec_model_program(name, arguments);
  return verb.run(arguments);
}

int run(const Arguments& arguments) {
  if (arguments.empty())
    throw Error(ErrorKind::kUsage, "a verb is missing; biplane --help lists them");
  const std::string& first = arguments.front();
  Arguments rest(arguments.begin() + 1, arguments.end());
  if (first == "--version") {
    print_result(BIPLANE_VERSION "\n");
    return 0;
  }
  if (first == "--help" || first == "-h" || first == "help") {
    if (first == "help" && !rest.empty()) return run_verb(rest.front(), {"--help"});
    print_result(help_text());
    return 0;
  }
  return run_verb(first, rest);
}

}  // namespace
}  // namespace biplane::cli

int main(int argc, char** argv) {
  return biplane::cli::guarded(
      [&] { return biplane::cli::run(biplane::cli::Arguments(argv + 1, argv + argc)); });
}

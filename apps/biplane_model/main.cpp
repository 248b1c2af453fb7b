#include <c10/util/Exception.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "biplane/core/error.h"
#include "biplane/nn/vector_math.h"
#include "verbs.h"

namespace {

using biplane::ErrorKind;

constexpr biplane::Verb kVerbs[] = {
    {"evaluate", "Measure a model on a manifest: zero-shot, retrieval, grounding",
     biplane::define_evaluate},
    {"demo", "Phantom, training, evaluation and report in one go", biplane::define_demo},
    {"pretrain", "Pre-train the two-view model on a manifest", biplane::define_pretrain},
};

int fail(ErrorKind kind, std::string message) {
  std::replace(message.begin(), message.end(), '\n', ' ');
  fmt::print(stderr, "biplane: error: {}\n", message);
  return static_cast<int>(kind);
}

// Without the stack that LibTorch's errors carry behind their first line.
std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

int run_and_flush(const biplane::VerbRun& run) {
  biplane::choose_vector_math();
  const int code = run();
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
    throw biplane::Error(ErrorKind::kIo, "writing to standard output failed");
  return code;
}

// Exit codes: house rules, section 4.
int guarded(const biplane::VerbRun& run) {
  try {
    return run_and_flush(run);
  } catch (const biplane::Error& error) {
    return fail(error.kind(), error.what());
  } catch (const c10::Error& error) {
    return fail(ErrorKind::kFailure, first_line(error.what_without_backtrace()));
  } catch (const std::filesystem::filesystem_error& error) {
    return fail(ErrorKind::kIo, error.what());
  } catch (const std::bad_alloc&) {
    return fail(ErrorKind::kFailure, "out of memory");
  } catch (const std::exception& error) {
    return fail(ErrorKind::kFailure, first_line(error.what()));
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Verbs of biplane that need LibTorch; 'biplane VERB' starts this program",
               "biplane");
  app.require_subcommand(1);
  std::vector<std::pair<CLI::App*, biplane::VerbRun>> verbs;
  for (const biplane::Verb& verb : kVerbs) {
    CLI::App* parser = app.add_subcommand(verb.name, verb.summary);
    verbs.emplace_back(parser, verb.define(*parser));
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help
    return fail(ErrorKind::kUsage, std::string(error.what()) + " (see --help)");
  }
  for (const auto& [parser, run] : verbs) {
    if (parser->parsed()) return guarded(run);
  }
  return 0;
}

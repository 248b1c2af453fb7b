#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace biplane {

// A verb: its define function adds options to the verb's own parser and returns what runs once they
// are parsed; that returns the exit code and throws Error for everything else. To add one: a file
// of its own and a line in the table of main.cpp.
using VerbRun = std::function<int()>;

struct Verb {
  const char* name;
  const char* summary;
  VerbRun (*define)(CLI::App& app);
};

VerbRun define_ablate(CLI::App& app);
VerbRun define_evaluate(CLI::App& app);
VerbRun define_explain(CLI::App& app);
VerbRun define_demo(CLI::App& app);
VerbRun define_finetune(CLI::App& app);
VerbRun define_import(CLI::App& app);
VerbRun define_pretrain(CLI::App& app);

}  // namespace biplane

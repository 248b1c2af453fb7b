#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "apps/biplane/verbs.h"

namespace biplane::cli {

// Parses the arguments after a verb. False when help was asked for and printed. Throws Error kUsage
// with one line that names the option and, for an unknown one, the nearest.
bool parse_arguments(CLI::App& app, const Arguments& arguments);

// Writes results to standard output. Throws Error kIo when that fails (a full disk, a closed pipe).
void print_result(const std::string& text);

// Threads to use where the user says 0: one a core.
int resolve_threads(int threads);

}  // namespace biplane::cli

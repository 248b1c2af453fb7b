#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "biplane/core/work_share.h"

// What the two programs do alike.
namespace biplane::cli {

using Arguments = std::vector<std::string>;  // after the verb

// Exit code of run(): its own, or that of the error it throws (docs/configuration.md), of which
// one line goes to standard error whatever its message holds. Results that cannot be written are an
// error too.
int guarded(const std::function<int()>& run);

// Parses the arguments after a verb. False when help was asked for and printed. Throws Error kUsage
// with one line that names the option and, for an unknown one, the nearest; an option with an empty
// value is an error.
bool parse_arguments(CLI::App& app, const Arguments& arguments);

// Accepts numbers from 0 to what the option's type holds, by default a signed integer of 64 bits.
CLI::Validator non_negative(double largest = 9.2e18);

// --shard PART/PARTS; `what`: "do only this part " is said before.
void add_shard_option(CLI::App& app, WorkShare& share, const std::string& what);

// Writes results to standard output. Throws Error kIo when that fails (a full disk, a closed pipe).
void print_result(const std::string& text);

}  // namespace biplane::cli

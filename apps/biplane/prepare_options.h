#pragma once

#include <optional>
#include <string>

#include "apps/common/command_line.h"
#include "biplane/corpus/corpora/corpus.h"

namespace biplane::cli {

// What `biplane prepare` was asked for.
struct PrepareCommand {
  std::string corpus;
  PrepareOptions options;
  double max_bad = 0.05;  // fraction of bad rows or images
  bool json = false;      // print the funnel as JSON
};

// Nothing where help was asked for and printed. Throws Error kUsage for options that cannot be, or
// that the corpus does not take.
std::optional<PrepareCommand> parse_prepare(const Arguments& arguments);

}  // namespace biplane::cli

#pragma once

namespace biplane::cli {

// Program, version and commit, for results: "biplane 0.1.0 1a2b3c4", "biplane 0.1.0 1a2b3c4-dirty"
// or, built outside a git checkout, "biplane 0.1.0 unknown".
const char* code_version();

}  // namespace biplane::cli

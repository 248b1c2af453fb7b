#pragma once

#include <string>

#include "apps/common/command_line.h"

// The verbs of the program that need no tensors; each takes the arguments after the verb and
// returns the exit code, or throws biplane::Error.
namespace biplane::cli {

int run_phantom(const Arguments& arguments);
int run_prepare(const Arguments& arguments);
int run_label(const Arguments& arguments);
int run_audit(const Arguments& arguments);
int run_pack(const Arguments& arguments);
int run_info(const Arguments& arguments);

// Replaces this process by libexec/biplane/biplane_model, which has the verbs that need LibTorch
// (same process id, same signals). Returns only by throwing Error kFailure: the program is not
// there or its libraries are not.
[[noreturn]] void exec_model_program(const std::string& verb, const Arguments& arguments);

}  // namespace biplane::cli

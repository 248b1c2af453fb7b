#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "apps/biplane/verbs.h"
#include "biplane/core/error.h"
#include "biplane/core/share.h"

namespace biplane::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSetupHint = "; 'make build' builds it ('make setup' first brings LibTorch)";

std::vector<char*> pointers(Arguments& arguments) {
  std::vector<char*> list;
  for (std::string& argument : arguments) list.push_back(argument.data());
  list.push_back(nullptr);
  return list;
}

// Standard output of the dynamic loader when it only lists the libraries of a program and does not
// run it.
std::string list_libraries(const fs::path& program) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return {};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
  Arguments command{program.string()};
  Arguments environment{"LD_TRACE_LOADED_OBJECTS=1"};
  if (const char* path = std::getenv("LD_LIBRARY_PATH"))
    environment.push_back(std::string("LD_LIBRARY_PATH=") + path);
  pid_t child = -1;
  const int failed = ::posix_spawn(&child, program.c_str(), &actions, nullptr,
                                   pointers(command).data(), pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  std::string output;
  char buffer[4096];
  for (ssize_t count; failed == 0 && (count = ::read(ends[0], buffer, sizeof(buffer))) > 0;) {
    output.append(buffer, static_cast<std::size_t>(count));
  }
  ::close(ends[0]);
  if (failed == 0) ::waitpid(child, nullptr, 0);
  return output;
}

// The first library that the loader cannot find, or an empty text.
std::string missing_library(const fs::path& program) {
  const std::string listing = list_libraries(program);
  const std::size_t found = listing.find(" => not found");
  if (found == std::string::npos) return {};
  const std::size_t begin = listing.find_last_of("\t\n", found) + 1;
  return listing.substr(begin, found - begin);
}

}  // namespace

void exec_model_program(const std::string& verb, const Arguments& arguments) {
  const fs::path program =
      (program_folder() / "../libexec/biplane/biplane_model").lexically_normal();
  if (!fs::exists(program)) {
    throw Error(ErrorKind::kFailure,
                "'" + verb + "' needs " + program.string() + ", which is not there" + kSetupHint);
  }
  Arguments command{"biplane", verb};
  command.insert(command.end(), arguments.begin(), arguments.end());
  const std::string library = missing_library(program);
  if (!library.empty()) {
    throw Error(ErrorKind::kFailure, "'" + verb + "' needs the library " + library +
                                         ", which is not found" + kSetupHint);
  }
  ::execv(program.c_str(), pointers(command).data());
  throw Error(ErrorKind::kFailure,
              program.string() + ": cannot be started: " + std::strerror(errno));
}

}  // namespace biplane::cli

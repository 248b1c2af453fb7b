#include "apps/common/command_line.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <new>

#include "biplane/core/error.h"

namespace biplane::cli {
namespace {

std::string unknown_option(const CLI::App& app, const std::string& given) {
  std::vector<std::string> known;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  }
  const bool option = given.rfind('-', 0) == 0;
  const bool setting = !option && given.find('=') != std::string::npos &&
                       std::find(known.begin(), known.end(), "--set") != known.end();
  return (option ? "unknown option " : "unexpected argument ") + given +
         (setting ? "; each KEY=VALUE needs a --set of its own"
                  : did_you_mean(given.substr(0, given.find('=')), known));
}

void refuse_empty_values(const CLI::App& app) {
  for (const CLI::Option* option : app.get_options()) {
    if (option->count() == 0 || option->get_expected_max() == 0) continue;
    for (const std::string& value : option->results()) {
      if (value.empty())
        throw Error(ErrorKind::kUsage, option->get_name() + ": the value must not be empty");
    }
  }
}

int fail(ErrorKind kind, std::string message) {
  // Values of the user's are quoted in messages: one line, and nothing that steers a terminal.
  std::replace_if(
      message.begin(), message.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  const bool colour = isatty(STDERR_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
  std::fprintf(stderr, "biplane: %s %s\n",
               colour ? "\033[31merror:\033[0m" : "error:", message.c_str());
  return static_cast<int>(kind);
}

void flush_results() {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return;
  throw Error(ErrorKind::kIo,
              std::string("standard output: writing failed: ") + std::strerror(errno));
}

// Without the stack that LibTorch's errors carry behind their first line.
std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace

int guarded(const std::function<int()>& run) {
  std::signal(SIGXFSZ, SIG_IGN);  // a file-size limit is an error of writing, not a death
  try {
    const int code = run();
    flush_results();
    return code;
  } catch (const Error& error) {
    return fail(error.kind(), error.what());
  } catch (const std::filesystem::filesystem_error& error) {
    return fail(ErrorKind::kIo, error.what());
  } catch (const std::bad_alloc&) {
    return fail(ErrorKind::kFailure, "not enough memory");
  } catch (const std::exception& error) {
    return fail(ErrorKind::kFailure, first_line(error.what()));
  }
}

bool parse_arguments(CLI::App& app, const Arguments& arguments) {
  try {
    Arguments reversed(arguments.rbegin(), arguments.rend());  // as CLI11 wants them
    app.parse(reversed);
    refuse_empty_values(app);
    return true;
  } catch (const CLI::CallForHelp&) {
    print_result(app.help());
    return false;
  } catch (const CLI::ExtrasError& error) {
    const std::vector<std::string> extras = app.remaining();
    throw Error(ErrorKind::kUsage,
                extras.empty() ? error.what() : unknown_option(app, extras.front()));
  } catch (const CLI::ParseError& error) {
    throw Error(ErrorKind::kUsage,
                std::string(error.what()) + " (" + app.get_name() + " --help shows the options)");
  }
}

CLI::Validator non_negative(double largest) {
  return {[largest](std::string& text) -> std::string {
            double value = 0;
            if (CLI::detail::lexical_cast(text, value) && value >= 0 && value <= largest) return {};
            return "'" + text + "' is no number of 0 or more" +
                   (value > largest ? " that 64 bits hold" : "");
          },
          ""};
}

void add_shard_option(CLI::App& app, WorkShare& share, const std::string& what) {
  share = launcher_share().value_or(WorkShare{});
  app.add_option_function<std::string>(
         "--shard",
         [&share](const std::string& text) { share = parse_work_share(text, "--shard"); },
         "one of several machines, 0/4 to 3/4: do only this part " + what +
             "; default the launcher's RANK and WORLD_SIZE (or SLURM's, Open MPI's, PMI's)")
      ->type_name("PART/PARTS");
}

void print_result(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  flush_results();
}

}  // namespace biplane::cli

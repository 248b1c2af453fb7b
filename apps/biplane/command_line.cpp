#include "apps/biplane/command_line.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <thread>

#include "biplane/core/error.h"

namespace biplane::cli {
namespace {

std::string unknown_option(const CLI::App& app, const std::string& given) {
  std::vector<std::string> known;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  }
  return (given.rfind('-', 0) == 0 ? "unknown option " : "unexpected argument ") + given +
         did_you_mean(given.substr(0, given.find('=')), known);
}

}  // namespace

bool parse_arguments(CLI::App& app, const Arguments& arguments) {
  try {
    Arguments reversed(arguments.rbegin(), arguments.rend());  // as CLI11 wants them
    app.parse(reversed);
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

void print_result(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    throw Error(ErrorKind::kIo,
                std::string("standard output: writing failed: ") + std::strerror(errno));
  }
}

int resolve_threads(int threads) {
  if (threads > 0) return threads;
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace biplane::cli

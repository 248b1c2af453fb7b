#include "apps/biplane_model/run_control.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>

namespace biplane {
namespace {

volatile std::sig_atomic_t stop = 0;

extern "C" void on_stop_signal(int) { stop = 1; }

}  // namespace

void catch_stop_signals() {
  struct sigaction action {};
  action.sa_handler = on_stop_signal;
  action.sa_flags =
      SA_RESETHAND | SA_RESTART;  // the second signal finds the default action: the end
  sigemptyset(&action.sa_mask);
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
}

bool stop_requested() { return stop != 0; }

TrainHooks terminal_hooks(bool quiet) {
  TrainHooks hooks;
  const bool terminal = isatty(STDERR_FILENO) == 1;
  hooks.stop_requested = stop_requested;
  hooks.wall_seconds = [] {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch())
        .count();
  };
  hooks.progress = !quiet;
  if (!quiet) {
    // On a terminal the line first wipes the progress bar, which is drawn again below it.
    hooks.log = [terminal](const std::string& line) {
      fmt::print(stderr, "{}{}\n", terminal ? "\r\x1b[K" : "", line);
    };
  }
  return hooks;
}

}  // namespace biplane

#pragma once

#include "biplane/train/trainer.h"

namespace biplane {

// Exit code of a run that was stopped by a signal and left a checkpoint.
constexpr int kExitCheckpointed = 75;

// From now on the first SIGTERM or SIGINT asks the run to stop with a checkpoint; the second one
// ends the program at once.
void catch_stop_signals();

// Whether such a signal came.
bool stop_requested();

// Hooks of a training run for the terminal: log lines and the progress bar on standard error, the
// system's clock, stop on signals.
TrainHooks terminal_hooks(bool quiet);

}  // namespace biplane

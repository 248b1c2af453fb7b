#pragma once

#include "biplane/tasks/downstream_task.h"

namespace biplane {

// Task detection: boxes around findings in one view.
DownstreamTask detection_task();

}  // namespace biplane

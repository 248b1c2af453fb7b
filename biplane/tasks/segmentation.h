#pragma once

#include "biplane/tasks/downstream_task.h"

namespace biplane {

// Task segmentation: masks of findings in one view.
DownstreamTask segmentation_task();

}  // namespace biplane

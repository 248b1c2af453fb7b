#pragma once

#include "biplane/tasks/downstream_task.h"

namespace biplane {

// Tasks linear and finetune: one linear layer on global features of the views.
DownstreamTask classification_task();

}  // namespace biplane

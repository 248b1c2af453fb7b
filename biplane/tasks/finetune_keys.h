#pragma once

#include "biplane/core/config.h"
#include "biplane/tasks/finetune_config.h"

namespace biplane {

// The configuration that a tree gives, with load_config()'s errors; its values are not checked
// (check_finetune_config()). Throws Error kUsage naming file, key and the tasks that read it for a
// key that this task does not read.
FinetuneConfig read_finetune_config(const ConfigTree& tree);

}  // namespace biplane

#pragma once

#include <filesystem>
#include <string>

#include "biplane/core/config.h"

namespace biplane {

// The file that --config names: a path, or the name of one that comes with the program without its
// ending ("linear": configs/tasks/linear.yaml). Throws Error kMissingInput naming the nearest of
// these.
std::filesystem::path find_config(const std::string& given);

// Reads it for a verb ("finetune"). Throws Error kUsage where it is the configuration of another
// verb, which it names.
ConfigTree read_config_of(const std::string& verb, const std::filesystem::path& file);

}  // namespace biplane

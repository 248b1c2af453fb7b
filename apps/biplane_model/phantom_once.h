#pragma once

#include <filesystem>

#include "biplane/phantom/phantom.h"

namespace biplane {

// Writes a phantom unless the one of these options is there (holds_phantom()).
void make_phantom_once(const PhantomOptions& options, const std::filesystem::path& folder,
                       bool quiet);

}  // namespace biplane

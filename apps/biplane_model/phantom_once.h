#pragma once

#include <filesystem>

#include "biplane/phantom/phantom.h"

namespace biplane {

// Writes a phantom unless one that was finished with the same options is there (its description,
// phantom.yaml, is written last).
void make_phantom_once(const PhantomOptions& options, const std::filesystem::path& folder,
                       bool quiet);

}  // namespace biplane

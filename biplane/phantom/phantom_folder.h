#pragma once

#include <filesystem>
#include <string>

#include "biplane/phantom/phantom.h"

namespace biplane {

// How a phantom was made, beside its manifest: write_phantom() takes it away first, and
// write_described_phantom() writes it last.
inline constexpr const char* kPhantomDescription = "phantom.yaml";

// The options with their defaults resolved. The files do not depend on the threads.
std::string phantom_description(PhantomOptions options);

PhantomSummary write_described_phantom(const PhantomOptions& options,
                                       const std::filesystem::path& folder, Progress* progress);

// Whether a phantom that these options made is there, whole.
bool holds_phantom(const PhantomOptions& options, const std::filesystem::path& folder);

}  // namespace biplane

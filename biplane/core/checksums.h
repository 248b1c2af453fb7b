#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace biplane {

// Writes SHA256SUMS into `folder` over its other files (recursively, names in byte order), in the
// format of sha256sum.
void write_checksums(const std::filesystem::path& folder);

// Proves that every file SHA256SUMS names is there and unchanged. Throws Error kBadContent naming
// the first that is not, or the missing SHA256SUMS, or a name in `required` that it does not hold.
void verify_checksums(const std::filesystem::path& folder,
                      const std::vector<std::string>& required = {});

}  // namespace biplane

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "biplane/formats/file_bytes.h"

namespace biplane {

// Throws Error kBadContent: `file` is "not a valid zip archive", and why.
[[noreturn]] void bad_zip(const FileBytes& file, const std::string& what);

// Where the content of each entry of a zip archive (also zip64) begins, in the order of its
// directory. What it costs to read the directory is bounded before anything is kept of it: an
// archive has one end record, its directory lies between the entries and that record and has the
// number of entries that the record says, at most `max_entries`, and the headers of its entries
// together are not larger than the file (they do not overlap). Throws as bad_zip.
std::vector<std::uint64_t> zip_contents(const FileBytes& file, std::uint64_t max_entries);

}  // namespace biplane

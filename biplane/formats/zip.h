#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "biplane/formats/file_bytes.h"

namespace biplane {

struct ZipLimits {
  std::uint64_t max_entries = 20'000;
  std::size_t max_name_bytes = 512;
  // PyTorch stores its records as they are; a compressed entry is accepted only up to these limits.
  std::uint64_t max_inflated_bytes = 16 << 20;      // of one entry
  std::uint64_t max_all_inflated_bytes = 64 << 20;  // of all entries, which read() keeps
  std::uint64_t max_ratio = 100;                    // inflated : compressed, checked above 1 MiB
};

struct ZipEntry {
  std::string name;         // as stored
  std::uint64_t bytes = 0;  // of the content
  std::uint64_t index = 0;  // in the archive's directory
  bool is_compressed = false;
};

// Read-only zip archive (also zip64). Not for use from several threads at once.
class ZipArchive {
 public:
  // Checks the directory: first, before memory is taken for it, the number of its entries and that
  // it is what its end record says (zip_directory.h); then, before memory is taken for any content,
  // names (length, duplicates), methods other than stored and deflate, encryption, limits of
  // compressed entries, stored sizes that do not match, entries that together are larger than the
  // file (they overlap). Throws Error kBadContent naming the file and the entry.
  explicit ZipArchive(FileBytes file, const ZipLimits& limits = {});
  ZipArchive(ZipArchive&&) noexcept;
  ZipArchive& operator=(ZipArchive&&) noexcept;
  ~ZipArchive();

  const std::vector<ZipEntry>& entries() const;       // in the order of the directory
  const ZipEntry* find(std::string_view name) const;  // nullptr where there is none
  // Whole content of an entry, valid as long as the archive; size and CRC-32 are proved the first
  // time. A stored one is part of the file and is not copied. Throws Error kBadContent.
  std::string_view read(const ZipEntry& entry) const;
  // The same as a copy that the archive does not keep.
  std::string extract(const ZipEntry& entry) const;
  const std::string& name() const;  // of the file, for errors

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace biplane

#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace biplane {

// A regular file, open for reading at any place, from any thread at once. Nothing of it stays in
// memory. What is read is the file that was opened, also after another one took its name.
class PositionalFile {
 public:
  // Throws Error kMissingInput, kIo, or kUsage for what is not a regular file (a folder, a pipe).
  explicit PositionalFile(const std::filesystem::path& path);
  ~PositionalFile();
  PositionalFile(PositionalFile&& other) noexcept;
  PositionalFile& operator=(PositionalFile&&) = delete;
  PositionalFile(const PositionalFile&) = delete;
  PositionalFile& operator=(const PositionalFile&) = delete;

  std::int64_t size() const { return size_; }  // when it was opened
  const std::filesystem::path& path() const { return path_; }

  // Reads up to `count` bytes at `offset`; fewer only at the end of the file. Throws Error kIo.
  std::int64_t read(std::int64_t offset, char* target, std::int64_t count) const;

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  std::int64_t size_ = 0;
};

}  // namespace biplane

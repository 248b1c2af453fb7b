#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

namespace biplane {

// Whole content of a file. Throws Error: kMissingInput if it does not exist, kIo if it cannot be
// read, kBadContent if it is larger than `max_bytes`.
std::string read_file(const std::filesystem::path& path, std::uint64_t max_bytes = 1ULL << 34);

// `length` bytes of a file from byte `offset` on. Throws Error as read_file; kBadContent where the
// file ends before that.
std::string read_file_part(const std::filesystem::path& path, std::int64_t offset,
                           std::int64_t length);

// Writes a file atomically and durably: a temporary file in the same folder, fsync, rename. A
// reader sees the old content or the new, never a part; on failure (disk full, read-only folder)
// the temporary file is removed and Error kIo is thrown. A link stays and what it points to is
// replaced; a device or a pipe is written to (output_place.h).
void write_file_atomically(const std::filesystem::path& path, std::string_view content);

// The same for content that is written piece by piece by `write`.
void write_file_atomically(const std::filesystem::path& path,
                           const std::function<void(std::ostream&)>& write);

// Creates a folder and its parents. Throws Error kIo naming the folder, kUsage where the name is
// empty.
void make_folder(const std::filesystem::path& folder);

// Appends whole lines to a file (each gets a newline), with one write call a line, so that a line
// is never interleaved with another writer's. A last line without its newline (torn by a kill or a
// loss of power) is removed when the file is opened. Throws Error kIo.
class LineAppender {
 public:
  // `truncate`: start empty instead of going on after what is there.
  explicit LineAppender(const std::filesystem::path& path, bool truncate = false);
  ~LineAppender();
  LineAppender(LineAppender&& other) noexcept;
  LineAppender& operator=(LineAppender&&) = delete;
  LineAppender(const LineAppender&) = delete;
  LineAppender& operator=(const LineAppender&) = delete;
  void append(std::string_view line);

 private:
  void cut_torn_line();

  std::filesystem::path path_;
  int descriptor_ = -1;
};

}  // namespace biplane

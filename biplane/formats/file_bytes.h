#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace biplane {

// Read-only content of a file, mapped into memory so that only what is used is read; or a content
// in memory, which is kept. `text()` stays valid when the object is moved.
class FileBytes {
 public:
  // Throws Error kMissingInput ("does not exist") or kIo (also for a folder, a pipe, a device).
  static FileBytes open(const std::filesystem::path& path);
  // `name` stands for the path in errors.
  static FileBytes keep(std::string content, std::string name);

  FileBytes(FileBytes&& other) noexcept;
  FileBytes& operator=(FileBytes&& other) noexcept;
  ~FileBytes();

  std::string_view text() const { return text_; }
  const std::string& name() const { return name_; }  // of the file, for errors

 private:
  FileBytes() = default;

  std::string name_;
  std::unique_ptr<const std::string> content_;  // empty when the file is mapped
  std::string_view text_;
};

// A text of a foreign file for an error message: one line of printable ASCII, at most 120
// characters; other characters become '?'.
std::string shown(std::string_view text);

// Whether a text is UTF-8 without control characters, so that it can stand in a table.
bool is_line_of_text(std::string_view text);

}  // namespace biplane

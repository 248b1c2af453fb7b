#pragma once

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>

namespace biplane {

// Where the content of a file lies in an archive.
struct TarMember {
  std::string name;
  std::int64_t offset = 0, length = 0;  // bytes
};

// Writes an uncompressed tar archive (POSIX ustar) into a stream. Its bytes follow from names and
// contents alone: files of nobody (user and group 0), mode 0644, of the beginning of time.
class TarWriter {
 public:
  explicit TarWriter(std::ostream& stream);  // which must outlive the writer
  ~TarWriter();
  TarWriter(const TarWriter&) = delete;
  TarWriter& operator=(const TarWriter&) = delete;

  // Throws Error kUsage for a name that ustar cannot hold. Where the stream fails, nothing is
  // thrown and its state says so, as with streams in general.
  TarMember add(const std::string& name, std::string_view content);
  void finish();  // the end of the archive

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace biplane

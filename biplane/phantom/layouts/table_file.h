#pragma once

#include <filesystem>
#include <memory>
#include <string>

struct gzFile_s;  // of zlib

namespace biplane {

// A table that is appended line by line and appears whole: written under another name and moved
// into place by finish(). A name that ends in ".gz" is compressed; the bytes depend on the lines
// only.
class TableFile {
 public:
  // Makes the folder. `header`: the first line; empty: none. Throws Error kIo.
  TableFile(std::filesystem::path path, const std::string& header);
  TableFile(TableFile&&) = default;
  TableFile& operator=(TableFile&&) = delete;
  ~TableFile();  // without finish(): what was written is removed

  void append(const std::string& line);
  void finish();

 private:
  struct Close {
    void operator()(gzFile_s* file) const;
  };
  [[noreturn]] void fail() const;

  std::filesystem::path path_, temporary_;
  std::unique_ptr<gzFile_s, Close> file_;
};

}  // namespace biplane

#include "biplane/phantom/layouts/table_file.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/core/temporary_name.h"

namespace biplane {

void TableFile::Close::operator()(gzFile_s* file) const { gzclose(file); }

TableFile::TableFile(std::filesystem::path path, const std::string& header)
    : path_(std::move(path)) {
  make_folder(path_.parent_path());
  temporary_ = temporary_beside(path_);
  // "T": zlib writes the bytes as they are.
  file_.reset(gzopen(temporary_.c_str(), path_.extension() == ".gz" ? "wbe6" : "wbeT"));
  if (!file_) fail();
  if (!header.empty()) append(header);
}

TableFile::~TableFile() {
  if (!file_) return;
  file_.reset();
  ::unlink(temporary_.c_str());
}

void TableFile::append(const std::string& line) {
  const std::string text = line + "\n";
  const auto size = static_cast<unsigned>(text.size());
  if (gzwrite(file_.get(), text.data(), size) != static_cast<int>(size)) fail();
}

void TableFile::finish() {
  if (gzclose(file_.release()) != Z_OK) fail();
  const int descriptor = ::open(temporary_.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = descriptor >= 0 && ::fsync(descriptor) == 0;
  if (descriptor >= 0) ::close(descriptor);
  if (!synced || ::rename(temporary_.c_str(), path_.c_str()) != 0) fail();
}

void TableFile::fail() const {
  throw Error(ErrorKind::kIo, path_.string() + ": cannot be written (disk full or read-only?)");
}

}  // namespace biplane

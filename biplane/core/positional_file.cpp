#include "biplane/core/positional_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "biplane/core/error.h"

namespace biplane {

PositionalFile::PositionalFile(const std::filesystem::path& path) : path_(path) {
  // Without O_NONBLOCK a pipe would wait for a writer for ever.
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) {
    const bool missing = errno == ENOENT || errno == ENOTDIR;
    throw Error(missing ? ErrorKind::kMissingInput : ErrorKind::kIo,
                path.string() + ": " + (missing ? "no such file" : std::strerror(errno)));
  }
  struct stat status {};
  const bool regular = ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
  if (!regular) {
    ::close(descriptor);
    throw Error(ErrorKind::kUsage, path.string() + ": is not a regular file");
  }
  descriptor_ = descriptor;
  size_ = status.st_size;
}

PositionalFile::PositionalFile(PositionalFile&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      size_(other.size_) {}

PositionalFile::~PositionalFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::int64_t PositionalFile::read(std::int64_t offset, char* target, std::int64_t count) const {
  std::int64_t done = 0;
  while (done < count) {
    const ssize_t got = ::pread(descriptor_, target + done, static_cast<std::size_t>(count - done),
                                static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      throw Error(ErrorKind::kIo, path_.string() + ": reading failed: " + std::strerror(errno));
    if (got == 0) break;
    done += got;
  }
  return done;
}

}  // namespace biplane

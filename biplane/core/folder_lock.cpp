#include "biplane/core/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "biplane/core/error.h"
#include "biplane/core/files.h"

namespace biplane {

FolderLock::FolderLock(const std::filesystem::path& folder) {
  make_folder(folder);
  descriptor_ = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor_ < 0)
    throw Error(ErrorKind::kIo, folder.string() + ": cannot be opened: " + std::strerror(errno));
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return;
  const int error = errno;
  ::close(descriptor_);
  if (error == EWOULDBLOCK) {
    throw Error(ErrorKind::kUsage, folder.string() +
                                       ": is in use by another process of biplane; wait for it or "
                                       "use another --out");
  }
  throw Error(ErrorKind::kIo, folder.string() + ": cannot be locked: " + std::strerror(error));
}

FolderLock::~FolderLock() { ::close(descriptor_); }

}  // namespace biplane

#include "biplane/formats/file_bytes.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "biplane/core/error.h"

namespace biplane {

FileBytes FileBytes::open(const std::filesystem::path& path) {
  FileBytes file;
  file.name_ = path.string();
  // Without O_NONBLOCK a pipe would wait for a writer for ever.
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) {
    const bool missing = errno == ENOENT || errno == ENOTDIR;
    throw Error(
        missing ? ErrorKind::kMissingInput : ErrorKind::kIo,
        fmt::format("{}: {}", file.name_, missing ? "does not exist" : std::strerror(errno)));
  }
  struct stat status {};
  const bool regular = fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
  const auto size = regular ? static_cast<std::size_t>(status.st_size) : 0;
  void* address = size > 0 ? mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0) : nullptr;
  const int error = errno;
  ::close(descriptor);
  if (!regular) throw Error(ErrorKind::kIo, file.name_ + ": not a regular file");
  if (address == MAP_FAILED)
    throw Error(ErrorKind::kIo, fmt::format("{}: {}", file.name_, std::strerror(error)));
  file.text_ = {static_cast<const char*>(address), size};
  return file;
}

FileBytes FileBytes::keep(std::string content, std::string name) {
  FileBytes file;
  file.name_ = std::move(name);
  file.content_ = std::make_unique<const std::string>(std::move(content));
  file.text_ = *file.content_;
  return file;
}

FileBytes::FileBytes(FileBytes&& other) noexcept
    : name_(std::move(other.name_)),
      content_(std::move(other.content_)),
      text_(std::exchange(other.text_, {})) {}

FileBytes& FileBytes::operator=(FileBytes&& other) noexcept {
  std::swap(name_, other.name_);
  std::swap(content_, other.content_);
  std::swap(text_, other.text_);
  return *this;
}

FileBytes::~FileBytes() {
  if (content_ == nullptr && !text_.empty()) munmap(const_cast<char*>(text_.data()), text_.size());
}

std::string shown(std::string_view text) {
  constexpr std::size_t kLongest = 120;
  std::string line(text.substr(0, kLongest));
  for (char& c : line)
    if (c < 0x20 || c > 0x7E) c = '?';
  return text.size() > kLongest ? line + "..." : line;
}

}  // namespace biplane

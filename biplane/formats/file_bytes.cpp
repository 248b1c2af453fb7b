#include "biplane/formats/file_bytes.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "biplane/core/error.h"

namespace biplane {
namespace {

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t size = lead < 0x80   ? 1
                             : lead < 0xC2 ? 0
                             : lead < 0xE0 ? 2
                             : lead < 0xF0 ? 3
                             : lead < 0xF5 ? 4
                                           : 0;
    if (size == 0 || size > text.size() - i) return false;
    std::uint32_t code = size == 1 ? lead : lead & (0x7FU >> size);
    for (std::size_t k = 1; k < size; ++k) {
      const auto tail = static_cast<unsigned char>(text[i + k]);
      if ((tail & 0xC0U) != 0x80U) return false;
      code = code << 6 | (tail & 0x3FU);
    }
    const bool is_surrogate = code >= 0xD800 && code < 0xE000;
    if (is_surrogate || code > 0x10FFFF || (size == 3 && code < 0x800) ||
        (size == 4 && code < 0x10000))
      return false;
    i += size;
  }
  return true;
}

}  // namespace

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

bool is_line_of_text(std::string_view text) {
  const bool has_controls = std::any_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
  });
  return !has_controls && is_utf8(text);
}

}  // namespace biplane

#include "biplane/core/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <ostream>
#include <streambuf>
#include <utility>

#include "biplane/core/error.h"
#include "biplane/core/output_place.h"
#include "biplane/core/temporary_name.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void throw_io(const fs::path& path, const std::string& what) {
  throw Error(ErrorKind::kIo, path.string() + ": " + what + ": " + std::strerror(errno));
}

class Descriptor {
 public:
  explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
  ~Descriptor() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return descriptor_; }
  // Closing can report a write error (network file systems), so success is only known after it.
  int close() { return ::close(std::exchange(descriptor_, -1)); }

 private:
  int descriptor_;
};

bool write_all(int descriptor, const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t written = ::write(descriptor, data, size);
    if (written < 0) {
      if (errno == EINTR) continue;
      return false;
    }
    data += written;
    size -= static_cast<std::size_t>(written);
  }
  return true;
}

// A stream buffer over a descriptor that remembers the error number of the first failed write.
class DescriptorBuffer : public std::streambuf {
 public:
  explicit DescriptorBuffer(int descriptor) : descriptor_(descriptor), buffer_(1 << 16) {
    setp(buffer_.data(), buffer_.data() + buffer_.size());
  }
  int error() const { return error_; }

 protected:
  int_type overflow(int_type c) override {
    if (sync() != 0) return traits_type::eof();
    if (!traits_type::eq_int_type(c, traits_type::eof())) sputc(traits_type::to_char_type(c));
    return traits_type::not_eof(c);
  }
  int sync() override {
    if (error_ == 0 &&
        !write_all(descriptor_, pbase(), static_cast<std::size_t>(pptr() - pbase()))) {
      error_ = errno;
    }
    setp(buffer_.data(), buffer_.data() + buffer_.size());
    return error_ == 0 ? 0 : -1;
  }

 private:
  int descriptor_;
  int error_ = 0;
  std::vector<char> buffer_;
};

// After a rename the folder must reach the disk too, or a crash can bring the old name back.
void sync_folder(const fs::path& folder) {
  const Descriptor descriptor(
      ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY));
  if (descriptor.get() >= 0) ::fsync(descriptor.get());
}

// All that `write` gives, into the file that was opened for `path`.
void write_stream(const Descriptor& descriptor, const fs::path& path,
                  const std::function<void(std::ostream&)>& write) {
  DescriptorBuffer buffer(descriptor.get());
  std::ostream stream(&buffer);
  write(stream);
  stream.flush();
  if (buffer.error() == 0 && stream) return;
  errno = buffer.error();
  throw_io(path, "writing failed");
}

// Throws where there is no regular file.
void check_readable(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) throw Error(ErrorKind::kMissingInput, path.string() + ": no such file");
  if (fs::is_directory(status)) {
    throw Error(ErrorKind::kBadContent, path.string() + ": is a folder, a file is needed");
  }
  // A pipe would wait for a writer for ever.
  if (!fs::is_regular_file(status)) {
    throw Error(ErrorKind::kBadContent, path.string() + ": is not a regular file");
  }
}

}  // namespace

std::string read_file(const fs::path& path, std::uint64_t max_bytes) {
  check_readable(path);
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw_io(path, "cannot be opened for reading");
  const auto too_large = [&] {
    return Error(ErrorKind::kBadContent, path.string() + ": larger than the limit of " +
                                             std::to_string(max_bytes) + " bytes");
  };
  // Read in one go; a file that grows, or of /proc, which says 0, takes more rounds.
  std::error_code error;
  const std::uintmax_t told = fs::file_size(path, error);
  if (!error && told > max_bytes) throw too_large();
  std::string content(error ? 0 : static_cast<std::size_t>(told) + 1, '\0');
  std::size_t used = 0;
  for (;;) {
    stream.read(content.data() + used, static_cast<std::streamsize>(content.size() - used));
    used += static_cast<std::size_t>(stream.gcount());
    if (used > max_bytes) throw too_large();
    if (!stream) break;
    content.resize(2 * content.size() + 4096);
  }
  content.resize(used);
  if (stream.bad()) throw_io(path, "reading failed");
  return content;
}

std::string read_file_part(const fs::path& path, std::int64_t offset, std::int64_t length) {
  check_readable(path);
  const Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (descriptor.get() < 0) throw_io(path, "cannot be opened for reading");
  std::string content(static_cast<std::size_t>(length), '\0');
  std::size_t done = 0;
  while (done < content.size()) {
    const ssize_t count = ::pread(descriptor.get(), content.data() + done, content.size() - done,
                                  static_cast<off_t>(offset) + static_cast<off_t>(done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_io(path, "reading failed");
    if (count == 0) {
      throw Error(ErrorKind::kBadContent, path.string() + ": ends before byte " +
                                              std::to_string(offset + length) +
                                              ", up to which it is to be read");
    }
    done += static_cast<std::size_t>(count);
  }
  return content;
}

void write_file_atomically(const fs::path& named, const std::function<void(std::ostream&)>& write) {
  const auto [path, in_place] = output_place(named);
  if (in_place) {
    Descriptor descriptor(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (descriptor.get() < 0) throw_io(path, "cannot be written");
    write_stream(descriptor, path, write);
    if (descriptor.close() != 0) throw_io(path, "writing failed");
    return;
  }
  const fs::path temporary = temporary_beside(path);
  Descriptor descriptor(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (descriptor.get() < 0) throw_io(path, "cannot be written");
  try {
    write_stream(descriptor, path, write);
    if (::fsync(descriptor.get()) != 0 || descriptor.close() != 0) throw_io(path, "writing failed");
    if (::rename(temporary.c_str(), path.c_str()) != 0) throw_io(path, "cannot be put in place");
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  sync_folder(path.parent_path());
}

void write_file_atomically(const fs::path& path, std::string_view content) {
  write_file_atomically(path, [content](std::ostream& stream) {
    stream.write(content.data(), static_cast<std::streamsize>(content.size()));
  });
}

void make_folder(const fs::path& folder) {
  if (folder.empty()) throw Error(ErrorKind::kUsage, "the name of a folder is empty");
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    throw Error(ErrorKind::kIo,
                folder.string() + ": the folder cannot be made: " + error.message());
  }
}

LineAppender::LineAppender(const fs::path& path, bool truncate)
    : path_(path),
      descriptor_(::open(path.c_str(),
                         O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | (truncate ? O_TRUNC : 0),
                         0666)) {
  if (descriptor_ < 0) throw_io(path_, "cannot be opened for appending");
  if (!truncate) cut_torn_line();
}

void LineAppender::cut_torn_line() {
  if (!fs::is_regular_file(path_)) return;
  const std::string content = read_file(path_);
  if (content.empty() || content.back() == '\n') return;
  const std::size_t last = content.find_last_of('\n');
  const auto whole = static_cast<off_t>(last == std::string::npos ? 0 : last + 1);
  if (::ftruncate(descriptor_, whole) != 0) throw_io(path_, "cannot be cut to its last whole line");
}

LineAppender::~LineAppender() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

LineAppender::LineAppender(LineAppender&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

void LineAppender::append(std::string_view line) {
  std::string text(line);
  text += '\n';
  const off_t before = ::lseek(descriptor_, 0, SEEK_END);
  if (write_all(descriptor_, text.data(), text.size())) return;
  const int cause = errno;
  // Half a line would spoil the file for readers and for what is appended later.
  [[maybe_unused]] const int kept = before >= 0 ? ::ftruncate(descriptor_, before) : 0;
  errno = cause;
  throw_io(path_, "appending failed");
}

}  // namespace biplane

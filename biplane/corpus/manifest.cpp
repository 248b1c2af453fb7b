#include "biplane/corpus/manifest.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <unordered_map>
#include <utility>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/core/output_place.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBufferBytes = std::size_t{1} << 20;

[[noreturn]] void throw_io(const fs::path& path, const std::string& what) {
  throw Error(ErrorKind::kIo, path.string() + ": " + what + ": " + std::strerror(errno));
}

[[noreturn]] void throw_row(const fs::path& path, std::int64_t row, const std::string& what) {
  throw Error(ErrorKind::kBadContent, path.string() + ": row " + std::to_string(row) + ": " + what);
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r") == std::string_view::npos;
}

// Calls use(line, row) for every line that is not blank; rows count from 1 and count blank lines
// too.
template <class Use>
void each_line(std::string_view content, const Use& use) {
  std::int64_t row = 0;
  while (!content.empty()) {
    const std::size_t end = std::min(content.find('\n'), content.size());
    const std::string_view line = content.substr(0, end);
    ++row;
    if (!is_blank(line)) use(line, row);
    content.remove_prefix(std::min(end + 1, content.size()));
  }
}

}  // namespace

ManifestWriter::ManifestWriter(fs::path path) {
  const OutputPlace place = output_place(path);
  path_ = place.path;
  if (!path_.parent_path().empty()) make_folder(path_.parent_path());
  if (!place.in_place) {
    temporary_ = path_.parent_path() /
                 ("." + path_.filename().string() + ".tmp-" + std::to_string(::getpid()));
  }
  descriptor_ = place.in_place
                    ? ::open(path_.c_str(), O_WRONLY | O_CLOEXEC)
                    : ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor_ < 0) throw_io(path_, "cannot be written");
}

ManifestWriter::~ManifestWriter() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void ManifestWriter::write(const Study& study) {
  buffer_ += study_to_json(study);
  buffer_ += '\n';
  ++count_;
  if (buffer_.size() >= kBufferBytes) flush();
}

void ManifestWriter::flush() {
  const char* data = buffer_.data();
  std::size_t left = buffer_.size();
  while (left > 0) {
    const ssize_t written = ::write(descriptor_, data, left);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw_io(path_, "writing failed");
    data += written;
    left -= static_cast<std::size_t>(written);
  }
  buffer_.clear();
}

void ManifestWriter::finish() {
  flush();
  const bool replaces = !temporary_.empty();
  if (replaces && ::fsync(descriptor_) != 0) throw_io(path_, "writing failed");
  if (replaces && ::rename(temporary_.c_str(), path_.c_str()) != 0)
    throw_io(path_, "cannot be put in place");
  ::close(std::exchange(descriptor_, -1));
}

Manifest::Manifest(std::vector<Study> studies, fs::path root, fs::path path)
    : studies_(std::move(studies)), root_(std::move(root)), path_(std::move(path)) {}

ImageSource Manifest::image_source(const View& view) const {
  ImageSource source(image_path(view));
  source.offset = view.stored.offset;
  source.length = view.stored.length;
  if (source.length > 0) {
    source.original_rows = static_cast<int>(view.rows);
    source.original_cols = static_cast<int>(view.cols);
  }
  return source;
}

Manifest Manifest::read(const fs::path& given, const fs::path& root) {
  const fs::path path = fs::is_directory(given) ? given / "manifest.jsonl" : given;
  const std::string content = read_file(path);
  if (!root.empty() && !fs::is_directory(root))
    throw Error(ErrorKind::kMissingInput, root.string() + ": no such folder (the images' root)");
  std::vector<Study> studies;
  std::unordered_map<std::string, std::int64_t> seen;
  each_line(content, [&](std::string_view line, std::int64_t row) {
    try {
      studies.push_back(study_from_json(line));
    } catch (const Error& error) {
      throw_row(path, row, error.what());
    }
    const auto [first, fresh] = seen.emplace(studies.back().study_id, row);
    if (!fresh)
      throw_row(
          path, row,
          "study_id '" + first->first + "' is already in row " + std::to_string(first->second));
  });
  if (studies.empty()) throw Error(ErrorKind::kBadContent, path.string() + ": no study in it");
  return Manifest(std::move(studies), root.empty() ? path.parent_path() : root, path);
}

}  // namespace biplane

#include "biplane/corpus/manifest.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <numeric>
#include <utility>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/core/output_place.h"
#include "biplane/core/parallel.h"
#include "biplane/core/temporary_name.h"
#include "biplane/corpus/manifest_lines.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBufferBytes = std::size_t{1} << 20;

[[noreturn]] void throw_io(const fs::path& path, const std::string& what) {
  throw Error(ErrorKind::kIo, path.string() + ": " + what + ": " + std::strerror(errno));
}

}  // namespace

ManifestWriter::ManifestWriter(fs::path path) {
  const OutputPlace place = output_place(path);
  path_ = place.path;
  if (!path_.parent_path().empty()) make_folder(path_.parent_path());
  if (!place.in_place) {
    temporary_ = temporary_beside(path_);
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
    : held_(std::move(studies)), root_(std::move(root)), path_(std::move(path)) {
  for (const Study& study : held_) summaries_.push_back(summary_of(study));
}

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
  Manifest manifest;
  manifest.path_ = fs::is_directory(given) ? given / "manifest.jsonl" : given;
  if (!root.empty() && !fs::is_directory(root))
    throw Error(ErrorKind::kMissingInput, root.string() + ": no such folder (the images' root)");
  manifest.root_ = root.empty() ? manifest.path_.parent_path() : root;
  manifest.lines_ = std::make_shared<const ManifestLines>(manifest.path_, resolve_threads(0),
                                                          manifest.summaries_);
  if (manifest.summaries_.empty())
    throw Error(ErrorKind::kBadContent, manifest.path_.string() + ": no study in it");
  return manifest;
}

Study Manifest::study(std::int64_t index) const {
  if (lines_ == nullptr) return held_.at(static_cast<std::size_t>(index));
  return lines_->read(index, summary(index));
}

std::vector<Study> Manifest::studies(const std::vector<std::int64_t>& indices) const {
  std::vector<Study> studies;
  studies.reserve(indices.size());
  for (const std::int64_t index : indices) studies.push_back(study(index));
  return studies;
}

std::vector<Study> Manifest::read_all() const {
  std::vector<std::int64_t> all(summaries_.size());
  std::iota(all.begin(), all.end(), 0);
  return studies(all);
}

}  // namespace biplane

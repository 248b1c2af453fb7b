#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "biplane/corpus/study.h"
#include "biplane/imaging/decode.h"

namespace biplane {

// One study as one line of manifest.jsonl (format 1, without the newline), keys in a fixed order;
// and back. Unknown keys are ignored. Throws Error kBadContent naming key and value.
std::string study_to_json(const Study& study);
Study study_from_json(std::string_view line);

// Writes a manifest line by line into a temporary file in the target's folder and moves it into
// place in finish(), so that a reader never sees a part; links, devices and pipes as
// write_file_atomically() takes them. Not thread-safe: the order of the lines is the order of the
// calls.
class ManifestWriter {
 public:
  // Throws Error kIo when the folder cannot be made or written.
  explicit ManifestWriter(std::filesystem::path path);
  ~ManifestWriter();  // without finish(): the temporary file is removed
  ManifestWriter(const ManifestWriter&) = delete;
  ManifestWriter& operator=(const ManifestWriter&) = delete;

  void write(const Study& study);
  void finish();
  std::int64_t count() const { return count_; }

 private:
  void flush();

  std::filesystem::path path_, temporary_;
  std::string buffer_;
  int descriptor_ = -1;
  std::int64_t count_ = 0;
};

// A corpus as prepared: its studies, in the order of the file, and the folder that image paths are
// relative to.
class Manifest {
 public:
  Manifest(std::vector<Study> studies, std::filesystem::path root, std::filesystem::path path = {});

  // `path`: a manifest file, or a folder that holds manifest.jsonl. `root`: folder that the image
  // paths are relative to; empty: the manifest's own folder. Throws Error: kMissingInput for a
  // manifest or a root that is not there; kBadContent naming file, row, key and
  // value for a bad or repeated study; kBadContent when there is no study at all.
  static Manifest read(const std::filesystem::path& path, const std::filesystem::path& root = {});

  const std::vector<Study>& studies() const { return studies_; }
  const std::filesystem::path& root() const { return root_; }
  const std::filesystem::path& path() const {
    return path_;
  }                                                  // empty if it was not read from a file
  ImageSource image_source(const View& view) const;  // what to read an image by
  // The file that it is in: its own, or a shard of a pack.
  std::filesystem::path image_path(const View& view) const { return root_ / view.path; }

 private:
  std::vector<Study> studies_;
  std::filesystem::path root_, path_;
};

}  // namespace biplane

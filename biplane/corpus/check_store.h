#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "biplane/core/work_share.h"
#include "biplane/corpus/image_check.h"

namespace biplane {

class FolderLock;
class LineAppender;

// What was found out about images, kept on disk as it is found out, so that work that was
// interrupted, or that other machines did a part of, is not done again. Each process writes
// FOLDER/part-I-of-N/images.jsonl and reads those of all parts. A record holds as long as its file
// has the size and the time of change that it had.
class CheckStore {
 public:
  // Throws Error kIo; kBadContent naming file and row for a record that is none; kUsage where
  // another process is at work on the same part or, for the whole, on any part.
  CheckStore(std::filesystem::path folder, const WorkShare& share);
  ~CheckStore();
  CheckStore(const CheckStore&) = delete;
  CheckStore& operator=(const CheckStore&) = delete;

  // check_image() of `source` with its hash, or what that gave before. `key` names the image on
  // every machine. Safe to call from many threads.
  ImageCheck check(const std::string& key, const ImageSource& source,
                   std::optional<Fingerprint>* print = nullptr);

  std::int64_t reused() const { return reused_; }  // images that were not read again
  // Removes all parts: the work that they were for is done.
  void remove();

 private:
  struct FileState {
    std::int64_t size = -1, changed_ns = 0;
    bool operator==(const FileState&) const = default;
  };
  struct Record {
    FileState state;
    ImageCheck check;
    bool has_print = false;  // whether it was made with a fingerprint; an image may have none
    std::unique_ptr<const Fingerprint> print;  // most records are of preparations and have none
  };
  static std::optional<FileState> state_of(const std::filesystem::path& file);
  static std::string to_line(const std::string& key, const Record& record);
  static std::pair<std::string, Record> from_line(const std::string& line);
  std::filesystem::path own_part() const;
  void read_parts();
  void read_part(const std::filesystem::path& file);
  void append(const std::string& key, const Record& record);

  std::filesystem::path folder_;
  WorkShare share_;
  std::unordered_map<std::string, Record> known_;  // not changed after it was read
  std::mutex mutex_;                               // of what follows
  std::int64_t reused_ = 0;
  std::unique_ptr<FolderLock> lock_;
  std::unique_ptr<LineAppender> appender_;
};

}  // namespace biplane

#include "biplane/corpus/check_store.h"

#include <sys/stat.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/core/folder_lock.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kFile = "images.jsonl";

std::vector<fs::path> parts_in(const fs::path& folder) {
  std::vector<fs::path> parts;
  if (!fs::is_directory(folder)) return parts;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const bool named = entry.path().filename().string().starts_with("part-");
    if (named && fs::exists(entry.path() / kFile)) parts.push_back(entry.path());
  }
  return parts;
}

}  // namespace

CheckStore::CheckStore(fs::path folder, const WorkShare& share)
    : folder_(std::move(folder)), share_(share) {
  if (share_.is_all())
    for (const fs::path& part : parts_in(folder_)) const FolderLock nobody_else(part);
  read_parts();
}

CheckStore::~CheckStore() = default;

fs::path CheckStore::own_part() const { return folder_ / ("part-" + share_.name()); }

std::optional<CheckStore::FileState> CheckStore::state_of(const fs::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) return std::nullopt;
  constexpr std::int64_t kNanoseconds = 1'000'000'000;
  return FileState{status.st_size, status.st_mtim.tv_sec * kNanoseconds + status.st_mtim.tv_nsec};
}

std::string CheckStore::to_line(const std::string& key, const Record& record) {
  const ImageCheck& check = record.check;
  json line = {{"key", key},
               {"size", record.state.size},
               {"changed_ns", record.state.changed_ns},
               {"rows", check.rows},
               {"cols", check.cols},
               {"sha256", check.sha256},
               {"problem", check.problem},
               {"dicom", {check.view_position, check.sex, check.age}}};
  if (record.has_print) line["print"] = record.print ? json(record.print->values) : json();
  return line.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::pair<std::string, CheckStore::Record> CheckStore::from_line(const std::string& line) {
  const json object = json::parse(line);
  Record record;
  record.state = {object.at("size"), object.at("changed_ns")};
  record.check.rows = object.at("rows");
  record.check.cols = object.at("cols");
  record.check.sha256 = object.at("sha256");
  record.check.problem = object.at("problem");
  record.check.view_position = object.at("dicom").at(0);
  record.check.sex = object.at("dicom").at(1);
  record.check.age = object.at("dicom").at(2);
  record.has_print = object.contains("print");
  if (record.has_print && !object["print"].is_null())
    record.print = std::make_unique<const Fingerprint>(
        Fingerprint{object["print"].get<decltype(Fingerprint::values)>()});
  return {object.at("key"), std::move(record)};
}

void CheckStore::read_parts() {
  for (const fs::path& part : parts_in(folder_)) read_part(part / kFile);
}

void CheckStore::read_part(const fs::path& file) {
  if (!fs::is_regular_file(file))
    throw Error(ErrorKind::kBadContent, file.string() + ": is not a regular file");
  std::ifstream stream(file);
  std::int64_t row = 0;
  for (std::string line; std::getline(stream, line);) {
    ++row;
    if (stream.eof()) break;  // without its line end: torn by a kill
    try {
      auto [key, record] = from_line(line);
      known_.insert_or_assign(std::move(key), std::move(record));
    } catch (const json::exception& error) {
      throw Error(ErrorKind::kBadContent, file.string() + ": row " + std::to_string(row) +
                                              ": is no record of an image (" + error.what() +
                                              "); remove the file to begin anew");
    }
  }
}

void CheckStore::append(const std::string& key, const Record& record) {
  const std::string line = to_line(key, record);
  const std::lock_guard guard(mutex_);
  if (appender_ == nullptr) {
    lock_ = std::make_unique<FolderLock>(own_part());
    appender_ = std::make_unique<LineAppender>(own_part() / kFile);
  }
  appender_->append(line);
}

ImageCheck CheckStore::check(const std::string& key, const ImageSource& source,
                             std::optional<Fingerprint>* print) {
  const std::optional<FileState> state = state_of(source.path);
  const auto found = known_.find(key);
  if (found != known_.end() && state == found->second.state &&
      (print == nullptr || found->second.has_print)) {
    if (print != nullptr) {
      *print = found->second.print ? std::optional(*found->second.print) : std::nullopt;
    }
    const std::lock_guard guard(mutex_);
    ++reused_;
    return found->second.check;
  }
  Record record;
  record.has_print = print != nullptr;
  record.check = check_image(source, /*hash=*/true, print);
  if (print != nullptr && *print) record.print = std::make_unique<const Fingerprint>(**print);
  // A file that cannot be read today may be there tomorrow.
  if (state && !record.check.sha256.empty()) {
    record.state = *state;
    append(key, record);
  }
  return record.check;
}

void CheckStore::remove() {
  appender_.reset();
  lock_.reset();
  for (const fs::path& part : parts_in(folder_)) {
    std::error_code ignored;
    fs::remove_all(part, ignored);
  }
}

}  // namespace biplane

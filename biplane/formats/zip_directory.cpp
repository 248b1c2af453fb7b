#include "biplane/formats/zip_directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "biplane/core/error.h"

namespace biplane {
namespace {

using namespace std::string_view_literals;

// Sizes of the records without what has a length of its own.
constexpr std::uint64_t kEnd = 22, kLocator64 = 20, kEnd64 = 56, kEntry = 46, kHeader = 30;
constexpr std::uint64_t kMaxComment = 0xFFFF;
constexpr std::uint64_t kElsewhere = 0xFFFFFFFF;  // the value stands in a zip64 record

class Directory {
 public:
  explicit Directory(const FileBytes& file) : file_(file), text_(file.text()) {}
  std::vector<std::uint64_t> contents(std::uint64_t max_entries);

 private:
  [[noreturn]] void bad(const std::string& what) const { bad_zip(file_, what); }
  // The record at `at` with its signature; refused where the file ends before.
  std::string_view record(std::uint64_t at, std::uint64_t bytes, std::string_view signature) const;
  void find_end();
  void read_end64(std::uint64_t locator);
  std::uint64_t header_of(std::string_view entry, std::string_view extra) const;

  const FileBytes& file_;
  std::string_view text_;
  std::uint64_t end_ = 0;  // where the directory must end
  std::uint64_t count_ = 0, bytes_ = 0, begin_ = 0;
};

// Little-endian, of 2, 4 or 8 bytes.
std::uint64_t number(std::string_view record, std::size_t at, std::size_t bytes) {
  std::uint64_t value = 0;
  std::memcpy(&value, record.data() + at, bytes);
  return value;
}

std::string_view Directory::record(std::uint64_t at, std::uint64_t bytes,
                                   std::string_view signature) const {
  if (at > text_.size() || text_.size() - at < bytes || !text_.substr(at).starts_with(signature))
    bad(fmt::format("no {} record at byte {} (a truncated file?)",
                    signature == "PK\x03\x04"sv ? "entry" : "directory", at));
  return text_.substr(at, bytes);
}

// The record at the end, behind which there is nothing but a comment.
void Directory::find_end() {
  const std::uint64_t tail = std::min<std::uint64_t>(text_.size(), kEnd + kMaxComment);
  std::size_t found = 0;
  for (std::size_t at = text_.size() - tail; (at = text_.find("PK\x05\x06"sv, at)) != text_.npos;
       ++at) {
    if (text_.size() - at < kEnd || number(text_, at + 20, 2) != text_.size() - at - kEnd) continue;
    end_ = at;
    ++found;
  }
  if (found != 1) bad(fmt::format("it has {} ends of a directory (a truncated file?)", found));
  count_ = number(text_, end_ + 10, 2);
  bytes_ = number(text_, end_ + 12, 4);
  begin_ = number(text_, end_ + 16, 4);
  if (end_ >= kLocator64 && text_.substr(end_ - kLocator64).starts_with("PK\x06\x07"sv))
    read_end64(end_ - kLocator64);
}

void Directory::read_end64(std::uint64_t locator) {
  const std::uint64_t at = number(text_, locator + 8, 8);
  const std::string_view end = record(at, kEnd64, "PK\x06\x06"sv);
  const std::uint64_t count = number(end, 32, 8), bytes = number(end, 40, 8);
  const std::uint64_t begin = number(end, 48, 8);
  if ((count_ != 0xFFFF && count_ != count) || (bytes_ != kElsewhere && bytes_ != bytes) ||
      (begin_ != kElsewhere && begin_ != begin))
    bad("its two end records do not agree");
  count_ = count;
  bytes_ = bytes;
  begin_ = begin;
  end_ = at;
}

// Place of an entry's header; where it does not fit into 32 bits it is the last value of the
// entry's zip64 field.
std::uint64_t Directory::header_of(std::string_view entry, std::string_view extra) const {
  const std::uint64_t at = number(entry, 42, 4);
  if (at != kElsewhere) return at;
  const std::uint64_t before =
      (number(entry, 24, 4) == kElsewhere ? 8 : 0) + (number(entry, 20, 4) == kElsewhere ? 8 : 0);
  while (extra.size() >= 4) {
    const std::uint64_t bytes = number(extra, 2, 2);
    if (bytes > extra.size() - 4) break;
    if (number(extra, 0, 2) == 1 && bytes >= before + 8) return number(extra, 4 + before, 8);
    extra.remove_prefix(4 + bytes);
  }
  bad("an entry does not say where its header is");
}

std::vector<std::uint64_t> Directory::contents(std::uint64_t max_entries) {
  find_end();
  if (count_ > max_entries) bad(fmt::format("{} entries, the limit is {}", count_, max_entries));
  std::vector<std::uint64_t> contents;
  std::uint64_t at = begin_, headers = 0;
  for (std::uint64_t i = 0; i < count_; ++i) {
    const std::string_view entry = record(at, kEntry, "PK\x01\x02"sv);
    const std::uint64_t name = number(entry, 28, 2), extra = number(entry, 30, 2);
    const std::uint64_t whole = kEntry + name + extra + number(entry, 32, 2);
    record(at, whole, "PK\x01\x02"sv);
    const std::uint64_t header_at = header_of(entry, text_.substr(at + kEntry + name, extra));
    const std::string_view header = record(header_at, kHeader, "PK\x03\x04"sv);
    const std::uint64_t header_bytes = kHeader + number(header, 26, 2) + number(header, 28, 2);
    record(header_at, header_bytes, "PK\x03\x04"sv);
    headers += header_bytes;
    if (headers > text_.size()) bad("the headers of its entries overlap");
    contents.push_back(header_at + header_bytes);
    at += whole;
  }
  if (at != end_ || at - begin_ != bytes_)
    bad(fmt::format("its directory does not end with its {} entries", count_));
  return contents;
}

}  // namespace

void bad_zip(const FileBytes& file, const std::string& what) {
  throw Error(ErrorKind::kBadContent,
              fmt::format("{}: not a valid zip archive: {}", file.name(), what));
}

std::vector<std::uint64_t> zip_contents(const FileBytes& file, std::uint64_t max_entries) {
  return Directory(file).contents(max_entries);
}

}  // namespace biplane

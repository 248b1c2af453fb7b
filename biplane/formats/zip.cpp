#include "biplane/formats/zip.h"

#include <fmt/format.h>
#include <zip.h>
#include <zlib.h>

#include <map>
#include <utility>

#include "biplane/core/error.h"
#include "biplane/formats/zip_directory.h"

namespace biplane {
namespace {

constexpr std::uint64_t kRatioMatters = 1 << 20;  // a small entry of zeros compresses without end

struct Discard {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
struct CloseEntry {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};

// libzip's error code and text, freed in any case.
class ZipError {
 public:
  ZipError() { zip_error_init(&error_); }
  ~ZipError() { zip_error_fini(&error_); }
  ZipError(const ZipError&) = delete;
  ZipError& operator=(const ZipError&) = delete;
  zip_error_t* get() { return &error_; }
  bool is(int code) const { return zip_error_code_zip(&error_) == code; }
  std::string text() { return zip_error_strerror(&error_); }

 private:
  zip_error_t error_{};
};

}  // namespace

struct ZipArchive::Impl {
  FileBytes file;
  ZipLimits limits;
  std::unique_ptr<zip_t, Discard> archive;  // reads from `file`, so it goes first
  std::vector<ZipEntry> entries;
  std::map<std::string, std::size_t, std::less<>> index;
  std::vector<std::uint64_t> contents;  // where that of each entry begins
  std::vector<bool> is_proved;          // CRC-32 of each stored entry
  std::map<std::uint64_t, std::string> inflated;

  Impl(FileBytes given, const ZipLimits& bounds) : file(std::move(given)), limits(bounds) {
    if (file.text().empty()) bad("the file is empty");
    contents = zip_contents(file, limits.max_entries);
    is_proved.resize(contents.size());
    open();
    list();
  }
  [[noreturn]] void bad(const std::string& what) const { bad_zip(file, what); }
  [[noreturn]] void bad_entry(std::string_view entry, const std::string& what) const {
    bad(fmt::format("entry '{}': {}", shown(entry), what));
  }
  void open();
  void list();
  ZipEntry check(std::uint64_t number, std::uint64_t& stored_bytes) const;
  std::string_view stored(const ZipEntry& entry);
  std::string inflate(const ZipEntry& entry) const;
  void check_size(const ZipEntry& entry, std::uint64_t packed) const;
};

void ZipArchive::Impl::open() {
  ZipError error;
  zip_source_t* source =
      zip_source_buffer_create(file.text().data(), file.text().size(), 0, error.get());
  if (source == nullptr) bad(error.text());
  // Checked are the name, size and CRC-32 at each entry against the directory's, and duplicates.
  archive.reset(zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, error.get()));
  if (archive == nullptr) {
    zip_source_free(source);
    bad(error.is(ZIP_ER_EXISTS) ? "the name of an entry occurs twice" : error.text());
  }
}

void ZipArchive::Impl::check_size(const ZipEntry& entry, std::uint64_t packed) const {
  if (!entry.is_compressed) {
    if (packed != entry.bytes)
      bad_entry(entry.name, fmt::format("stored with {} bytes, its content would have {}", packed,
                                        entry.bytes));
    return;
  }
  if (entry.bytes > limits.max_inflated_bytes)
    bad_entry(entry.name, fmt::format("would inflate to {} bytes, the limit is {}", entry.bytes,
                                      limits.max_inflated_bytes));
  if (entry.bytes > kRatioMatters && entry.bytes / limits.max_ratio > packed)
    bad_entry(entry.name,
              fmt::format("would inflate from {} to {} bytes (a zip bomb?)", packed, entry.bytes));
}

ZipEntry ZipArchive::Impl::check(std::uint64_t number, std::uint64_t& stored_bytes) const {
  zip_stat_t status;
  zip_stat_init(&status);
  if (zip_stat_index(archive.get(), number, ZIP_FL_ENC_RAW, &status) != 0)
    bad(fmt::format("entry {}: {}", number, zip_strerror(archive.get())));
  constexpr zip_uint64_t kNeeded =
      ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_CRC;
  if ((status.valid & kNeeded) != kNeeded) bad(fmt::format("entry {} is not complete", number));
  ZipEntry entry{status.name, status.size, number, status.comp_method != ZIP_CM_STORE};
  if (entry.name.empty() || entry.name.size() > limits.max_name_bytes)
    bad_entry(entry.name, fmt::format("a name of {} bytes", entry.name.size()));
  if ((status.valid & ZIP_STAT_ENCRYPTION_METHOD) != 0 && status.encryption_method != ZIP_EM_NONE)
    bad_entry(entry.name, "is encrypted");
  if (entry.is_compressed && status.comp_method != ZIP_CM_DEFLATE)
    bad_entry(entry.name, fmt::format("compression method {}", status.comp_method));
  check_size(entry, status.comp_size);
  if (status.comp_size > file.text().size() - contents[number])
    bad_entry(entry.name, "it ends behind the file");
  if (__builtin_add_overflow(stored_bytes, status.comp_size, &stored_bytes) ||
      stored_bytes > file.text().size())
    bad_entry(entry.name, "the entries up to this one are larger than the file (they overlap)");
  return entry;
}

void ZipArchive::Impl::list() {
  if (zip_get_num_entries(archive.get(), 0) != static_cast<zip_int64_t>(contents.size()))
    bad("its directory can be read in two ways");
  std::uint64_t stored_bytes = 0, inflated_bytes = 0;
  for (std::uint64_t i = 0; i < contents.size(); ++i) {
    entries.push_back(check(i, stored_bytes));
    if (entries.back().is_compressed) inflated_bytes += entries.back().bytes;
    if (inflated_bytes > limits.max_all_inflated_bytes)
      bad_entry(entries.back().name, fmt::format("the entries up to this one would inflate to more "
                                                 "than {} bytes",
                                                 limits.max_all_inflated_bytes));
    index.emplace(entries.back().name, i);
  }
}

ZipArchive::ZipArchive(FileBytes file, const ZipLimits& limits)
    : impl_(std::make_unique<Impl>(std::move(file), limits)) {}
ZipArchive::ZipArchive(ZipArchive&&) noexcept = default;
ZipArchive& ZipArchive::operator=(ZipArchive&&) noexcept = default;
ZipArchive::~ZipArchive() = default;

const std::vector<ZipEntry>& ZipArchive::entries() const { return impl_->entries; }
const std::string& ZipArchive::name() const { return impl_->file.name(); }

const ZipEntry* ZipArchive::find(std::string_view name) const {
  const auto found = impl_->index.find(name);
  return found == impl_->index.end() ? nullptr : &impl_->entries[found->second];
}

std::string_view ZipArchive::Impl::stored(const ZipEntry& entry) {
  const std::string_view content = file.text().substr(contents[entry.index], entry.bytes);
  if (!is_proved[entry.index]) {
    zip_stat_t status;
    zip_stat_init(&status);
    zip_stat_index(archive.get(), entry.index, 0, &status);
    if (crc32_z(0, reinterpret_cast<const Bytef*>(content.data()), content.size()) != status.crc)
      bad_entry(entry.name, "CRC error");
    is_proved[entry.index] = true;
  }
  return content;
}

std::string ZipArchive::Impl::inflate(const ZipEntry& entry) const {
  const std::unique_ptr<zip_file_t, CloseEntry> source(
      zip_fopen_index(archive.get(), entry.index, 0));
  if (source == nullptr) bad_entry(entry.name, zip_strerror(archive.get()));
  std::string content(entry.bytes, '\0');
  std::uint64_t filled = 0;
  // libzip proves size and CRC where it sees the end, so one read more than the content needs.
  for (char beyond = 0;;) {
    const bool whole = filled == entry.bytes;
    const zip_int64_t count = zip_fread(source.get(), whole ? &beyond : content.data() + filled,
                                        whole ? 1 : entry.bytes - filled);
    if (count < 0) bad_entry(entry.name, zip_file_strerror(source.get()));
    if (count == 0 && whole) return content;
    if (count == 0 || whole)
      bad_entry(entry.name, fmt::format("its content does not have {} bytes", entry.bytes));
    filled += static_cast<std::uint64_t>(count);
  }
}

std::string_view ZipArchive::read(const ZipEntry& entry) const {
  if (!entry.is_compressed) return impl_->stored(entry);
  auto found = impl_->inflated.find(entry.index);
  if (found == impl_->inflated.end())
    found = impl_->inflated.emplace(entry.index, impl_->inflate(entry)).first;
  return found->second;
}

std::string ZipArchive::extract(const ZipEntry& entry) const {
  return entry.is_compressed ? impl_->inflate(entry) : std::string(impl_->stored(entry));
}

}  // namespace biplane

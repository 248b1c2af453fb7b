#include "biplane/formats/tar.h"

#include <archive.h>
#include <archive_entry.h>

#include <ostream>

#include "biplane/core/error.h"

namespace biplane {
namespace {

constexpr std::int64_t kBlock = 512;
constexpr std::size_t kLongestName = 100;  // one header of one block, without a prefix

la_ssize_t write_to_stream(archive*, void* stream, const void* data, std::size_t size) {
  auto& out = *static_cast<std::ostream*>(stream);
  out.write(static_cast<const char*>(data), static_cast<std::streamsize>(size));
  return out ? static_cast<la_ssize_t>(size) : -1;
}

}  // namespace

struct TarWriter::Impl {
  std::ostream& stream;
  std::unique_ptr<archive, int (*)(archive*)> writer{archive_write_new(), &archive_write_free};
  std::unique_ptr<archive_entry, void (*)(archive_entry*)> entry{archive_entry_new(),
                                                                 &archive_entry_free};
  std::int64_t position = 0;  // where the next header begins

  void check(int result, const std::string& what) const {
    if (result == ARCHIVE_OK || !stream) return;
    const char* why = archive_error_string(writer.get());
    throw Error(ErrorKind::kUsage, "tar: " + what + ": " + (why != nullptr ? why : "refused"));
  }
};

TarWriter::TarWriter(std::ostream& stream) : impl_(new Impl{stream}) {
  archive* writer = impl_->writer.get();
  impl_->check(archive_write_set_format_ustar(writer), "format");
  impl_->check(archive_write_open2(writer, &stream, nullptr, &write_to_stream, nullptr, nullptr),
               "opening");
}

TarWriter::~TarWriter() = default;

TarMember TarWriter::add(const std::string& name, std::string_view content) {
  if (name.empty() || name.size() > kLongestName)
    throw Error(ErrorKind::kUsage, "tar: a name must have 1 to 100 bytes: '" + name + "'");
  archive_entry* entry = archive_entry_clear(impl_->entry.get());
  archive_entry_set_pathname(entry, name.c_str());
  archive_entry_set_size(entry, static_cast<la_int64_t>(content.size()));
  archive_entry_set_filetype(entry, AE_IFREG);
  archive_entry_set_perm(entry, 0644);
  archive_entry_set_mtime(entry, 0, 0);
  archive* writer = impl_->writer.get();
  impl_->check(archive_write_header(writer, entry), name);
  const la_ssize_t written = archive_write_data(writer, content.data(), content.size());
  if (written != static_cast<la_ssize_t>(content.size())) impl_->check(ARCHIVE_FATAL, name);
  const auto length = static_cast<std::int64_t>(content.size());
  const TarMember member{name, impl_->position + kBlock, length};
  impl_->position += kBlock + (length + kBlock - 1) / kBlock * kBlock;
  return member;
}

void TarWriter::finish() { impl_->check(archive_write_close(impl_->writer.get()), "the end"); }

}  // namespace biplane

#include "biplane/corpus/decoded_images.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <ostream>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/core/parallel.h"
#include "biplane/core/progress.h"
#include "biplane/core/sha256.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

static_assert(std::endian::native == std::endian::little, "the file is read as it lies in memory");

constexpr std::string_view kMagic = "BIPLDEC1";
constexpr std::size_t kHeaderBytes = 4096;
constexpr std::size_t kEntryBytes = 16;
// Part of the hash: another number for a decoder or a fit that gives other pixels.
constexpr int kPixelsVersion = 1;

std::vector<std::size_t> first_views(const Manifest& manifest) {
  std::vector<std::size_t> first{0};
  first.reserve(manifest.summaries().size() + 1);
  for (const StudySummary& study : manifest.summaries())
    first.push_back(first.back() + static_cast<std::size_t>(study.views));
  return first;
}

std::string content_hash(const Manifest& manifest, const PreprocessOptions& options) {
  std::string text = fmt::format("{} {} {}\n", kPixelsVersion, options.fit, options.size);
  for (std::int64_t i = 0; i < manifest.size(); ++i) {
    const Study study = manifest.study(i);
    text += study.study_id + '\n';
    for (const View& view : study.views)
      text += (view.sha256.empty() ? view.path : view.sha256) + '\n';
  }
  return sha256_hex(text);
}

template <class Number>
void append(std::string& bytes, Number number) {
  bytes.append(reinterpret_cast<const char*>(&number), sizeof(number));
}

std::string header(const Manifest& manifest, const PreprocessOptions& options, std::size_t images) {
  std::string bytes(kMagic);
  append(bytes, std::uint32_t{options.fit == "longest" ? 0U : 1U});
  append(bytes, static_cast<std::uint32_t>(options.size));
  append(bytes, static_cast<std::uint64_t>(images));
  bytes += content_hash(manifest, options);
  bytes.resize(kHeaderBytes, '\0');
  return bytes;
}

// Empty where it cannot be read.
GreyImage read_grey(const Manifest& manifest, const View& view, const PreprocessOptions& options) {
  try {
    return fit_to_grey(read_image(manifest.image_source(view), decode_options(options)), options);
  } catch (const Error&) {
    return {};  // whoever wants this image gets the error from the image itself
  }
}

// Some studies at a time, decoded on several threads and written in order.
void write_pixels(std::ostream& stream, const Manifest& manifest, const PreprocessOptions& options,
                  int threads, Progress* progress) {
  const std::int64_t chunk = 16 * threads;
  std::uint64_t offset = kHeaderBytes;
  std::string table;
  for (std::int64_t begin = 0; begin < manifest.size() && stream; begin += chunk) {
    std::vector<std::vector<GreyImage>> images(
        static_cast<std::size_t>(std::min(chunk, manifest.size() - begin)));
    parallel_for(std::ssize(images), threads, [&](std::int64_t i) {
      for (const View& view : manifest.study(begin + i).views) {
        images[static_cast<std::size_t>(i)].push_back(read_grey(manifest, view, options));
        if (progress != nullptr) progress->advance();
      }
    });
    for (const std::vector<GreyImage>& of_study : images) {
      for (const GreyImage& image : of_study) {
        append(table, offset);
        append(table, static_cast<std::uint32_t>(image.rows));
        append(table, static_cast<std::uint32_t>(image.cols));
        stream.write(reinterpret_cast<const char*>(image.pixels.data()),
                     static_cast<std::streamsize>(image.pixels.size()));
        offset += image.pixels.size();
      }
    }
  }
  stream.write(table.data(), static_cast<std::streamsize>(table.size()));
}

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw Error(ErrorKind::kBadContent,
              path + ": " + why + "; remove it, or make it anew with biplane pack --decoded");
}

}  // namespace

GreyImage fit_to_grey(const DecodedImage& decoded, const PreprocessOptions& options) {
  if (options.fit == "longest") {
    return resize_and_pad(decoded, pad_geometry(decoded.original_rows, decoded.original_cols,
                                                static_cast<int>(options.size)));
  }
  return to_grey(fit_image(decoded, options));
}

fs::path DecodedImages::path_beside(const Manifest& manifest, const PreprocessOptions& options) {
  return manifest.path().parent_path() / fmt::format("decoded-{}-{}.u8", options.fit, options.size);
}

void DecodedImages::write_beside(const Manifest& manifest, const PreprocessOptions& options,
                                 int threads, Progress* progress) {
  const fs::path path = path_beside(manifest, options);
  try {
    if (open_beside(manifest, options) != nullptr) return;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kBadContent) throw;  // a stale one is replaced
  }
  const std::string head = header(manifest, options, first_views(manifest).back());
  write_file_atomically(path, [&](std::ostream& stream) {
    stream.write(head.data(), static_cast<std::streamsize>(head.size()));
    write_pixels(stream, manifest, options, threads, progress);
  });
}

std::shared_ptr<const DecodedImages> DecodedImages::open_beside(const Manifest& manifest,
                                                                const PreprocessOptions& options) {
  const fs::path path = path_beside(manifest, options);
  if (manifest.path().empty() || !fs::exists(path)) return nullptr;
  std::shared_ptr<DecodedImages> images(new DecodedImages(FileBytes::open(path)));
  images->first_view_ = first_views(manifest);
  const std::size_t count = images->first_view_.back();
  const std::string_view file = images->file_.text();
  if (file.size() < kHeaderBytes + count * kEntryBytes || file.substr(0, 8) != kMagic)
    refuse(path.string(), "is no whole file of decoded images of this manifest");
  if (file.substr(0, kHeaderBytes) != header(manifest, options, count)) {
    refuse(path.string(), "is stale: it was made of other images or another preprocessing than " +
                              manifest.path().string() + " and data.image speak of");
  }
  images->table_ = file.size() - count * kEntryBytes;
  const Entry last = count == 0 ? Entry{images->table_} : images->entry(count - 1);
  if (last.offset + std::uint64_t{last.rows} * last.cols != images->table_)
    refuse(path.string(), "is cut or damaged");
  return images;
}

DecodedImages::Entry DecodedImages::entry(std::size_t number) const {
  static_assert(sizeof(Entry) == kEntryBytes);
  Entry entry;
  std::memcpy(&entry, file_.text().data() + table_ + number * kEntryBytes, kEntryBytes);
  return entry;
}

std::optional<GreyView> DecodedImages::image(std::size_t study, std::size_t view) const {
  const std::string_view file = file_.text();
  const Entry entry = this->entry(first_view_.at(study) + view);
  if (entry.rows == 0) return std::nullopt;
  const std::uint64_t bytes = std::uint64_t{entry.rows} * entry.cols;
  if (entry.offset > table_ || bytes > table_ - entry.offset)
    refuse(file_.name(), "is damaged: an image lies outside of it");
  return GreyView{static_cast<int>(entry.rows), static_cast<int>(entry.cols),
                  reinterpret_cast<const std::uint8_t*>(file.data() + entry.offset)};
}

}  // namespace biplane

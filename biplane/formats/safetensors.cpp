#include "biplane/formats/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>

#include "biplane/core/error.h"
#include "biplane/formats/file_bytes.h"
#include "biplane/formats/guarded_json.h"

namespace biplane {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors data is little-endian");

constexpr std::size_t kMaxRank = 64;

[[noreturn]] void bad(const std::string& file, const std::string& what) {
  throw Error(ErrorKind::kBadContent,
              fmt::format("{}: not a valid safetensors file: {}", file, what));
}

[[noreturn]] void bad_tensor(const std::string& file, const std::string& tensor,
                             const std::string& what) {
  bad(file, fmt::format("tensor '{}': {}", shown(tensor), what));
}

std::uint64_t unsigned_value(const nlohmann::json& value, const std::string& file,
                             const std::string& tensor, const char* what) {
  if (!value.is_number_unsigned())
    bad_tensor(file, tensor, fmt::format("its {} is not a whole number >= 0", what));
  return value.get<std::uint64_t>();
}

TensorEntry parse_entry(const std::string& name, const nlohmann::json& value,
                        const std::string& file) {
  TensorEntry entry;
  entry.name = name;
  if (!value.is_object()) bad_tensor(file, name, "its entry is not an object");
  const auto dtype = value.find("dtype");
  const auto shape = value.find("shape");
  const auto offsets = value.find("data_offsets");
  if (dtype == value.end() || !dtype->is_string()) bad_tensor(file, name, "it has no dtype");
  if (shape == value.end() || !shape->is_array()) bad_tensor(file, name, "it has no shape");
  if (offsets == value.end() || !offsets->is_array() || offsets->size() != 2)
    bad_tensor(file, name, "it has no pair of data_offsets");
  if (shape->size() > kMaxRank) bad_tensor(file, name, "it has too many dimensions");
  entry.dtype = dtype->get<std::string>();
  for (const auto& side : *shape) {
    const std::uint64_t sides = unsigned_value(side, file, name, "shape");
    if (sides >> 62 != 0) bad_tensor(file, name, "its shape overflows");
    entry.shape.push_back(static_cast<std::int64_t>(sides));
  }
  entry.begin = unsigned_value((*offsets)[0], file, name, "first offset");
  entry.end = unsigned_value((*offsets)[1], file, name, "second offset");
  if (entry.end < entry.begin) bad_tensor(file, name, "its data ends before it begins");
  if (!dtype_bytes(entry.dtype))
    bad_tensor(file, name, fmt::format("unknown dtype '{}'", shown(entry.dtype)));
  const std::optional<std::uint64_t> expected = tensor_bytes(entry.dtype, entry.shape);
  if (!expected) bad_tensor(file, name, "its shape overflows");
  if (entry.end - entry.begin != *expected)
    bad_tensor(file, name,
               fmt::format("shape and dtype need {} bytes but its data_offsets span {}", *expected,
                           entry.end - entry.begin));
  return entry;
}

std::map<std::string, std::string> parse_metadata(const nlohmann::json& value,
                                                  const std::string& file) {
  std::map<std::string, std::string> metadata;
  if (!value.is_object()) bad(file, "__metadata__ is not an object");
  for (const auto& [key, text] : value.items()) {
    if (!text.is_string()) bad(file, fmt::format("__metadata__ '{}' is not a text", shown(key)));
    metadata[key] = text.get<std::string>();
  }
  return metadata;
}

// Tensors in the order of their data must cover it exactly.
void check_coverage(std::vector<TensorEntry>& entries, std::uint64_t data_bytes,
                    const std::string& file) {
  std::sort(entries.begin(), entries.end(), [](const TensorEntry& a, const TensorEntry& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  std::uint64_t covered = 0;
  for (const TensorEntry& entry : entries) {
    if (entry.begin < covered) bad_tensor(file, entry.name, "its data overlaps another tensor's");
    if (entry.begin > covered) bad_tensor(file, entry.name, "there is a hole before its data");
    if (entry.end > data_bytes)
      bad_tensor(file, entry.name,
                 fmt::format("its data ends at byte {} of only {} (truncated file?)", entry.end,
                             data_bytes));
    covered = entry.end;
  }
  if (covered != data_bytes)
    bad(file, fmt::format("{} bytes after the last tensor", data_bytes - covered));
}

}  // namespace

std::optional<std::uint64_t> dtype_bytes(std::string_view dtype) {
  static const std::map<std::string_view, std::uint64_t> sizes = {
      {"F64", 8}, {"F32", 4}, {"F16", 2},  {"BF16", 2},    {"I64", 8},
      {"I32", 4}, {"I16", 2}, {"I8", 1},   {"U64", 8},     {"U32", 4},
      {"U16", 2}, {"U8", 1},  {"BOOL", 1}, {"F8_E4M3", 1}, {"F8_E5M2", 1}};
  const auto found = sizes.find(dtype);
  if (found == sizes.end()) return std::nullopt;
  return found->second;
}

std::optional<std::uint64_t> tensor_bytes(std::string_view dtype,
                                          const std::vector<std::int64_t>& shape) {
  const std::optional<std::uint64_t> element = dtype_bytes(dtype);
  if (!element || std::any_of(shape.begin(), shape.end(), [](auto side) { return side < 0; }))
    return std::nullopt;
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
  std::uint64_t bytes = *element;
  for (const std::int64_t side : shape) {
    if (__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(side), &bytes) || bytes >> 62 != 0)
      return std::nullopt;
  }
  return bytes;
}

struct SafetensorsFile::Impl {
  FileBytes file;
  const std::string& name;
  std::vector<TensorEntry> entries;
  std::map<std::string, std::size_t, std::less<>> index;
  std::map<std::string, std::string> metadata;
  std::span<const std::byte> data;

  explicit Impl(FileBytes given) : file(std::move(given)), name(file.name()) { load(file.text()); }
  void load(std::string_view text);
};

void SafetensorsFile::Impl::load(std::string_view text) {
  std::uint64_t header_bytes = 0;
  if (text.size() < sizeof header_bytes) bad(name, "it is shorter than 8 bytes");
  std::memcpy(&header_bytes, text.data(), sizeof header_bytes);
  if (header_bytes > kMaxSafetensorsHeader) bad(name, "its header would be larger than 100 MB");
  if (header_bytes > text.size() - sizeof header_bytes)
    bad(name, fmt::format("its header would have {} bytes but the file ends before", header_bytes));
  const nlohmann::json header =
      parse_guarded_json(text.substr(sizeof header_bytes, header_bytes), "its header",
                         [this](const std::string& cause) { bad(name, cause); });
  if (!header.is_object()) bad(name, "its header is not a JSON object");
  data = std::as_bytes(std::span(text.substr(sizeof header_bytes + header_bytes)));
  for (const auto& [key, value] : header.items()) {
    if (key == "__metadata__") {
      metadata = parse_metadata(value, name);
    } else {
      entries.push_back(parse_entry(key, value, name));
    }
  }
  check_coverage(entries, data.size(), name);
  for (std::size_t i = 0; i < entries.size(); ++i) index[entries[i].name] = i;
}

SafetensorsFile::SafetensorsFile(FileBytes file) : impl_(std::make_unique<Impl>(std::move(file))) {}
SafetensorsFile::SafetensorsFile(SafetensorsFile&&) noexcept = default;
SafetensorsFile& SafetensorsFile::operator=(SafetensorsFile&&) noexcept = default;
SafetensorsFile::~SafetensorsFile() = default;

SafetensorsFile SafetensorsFile::open(const std::filesystem::path& path) {
  return SafetensorsFile(FileBytes::open(path));
}

SafetensorsFile SafetensorsFile::parse(std::string content, const std::string& name) {
  return SafetensorsFile(FileBytes::keep(std::move(content), name));
}

const std::vector<TensorEntry>& SafetensorsFile::entries() const { return impl_->entries; }
const std::map<std::string, std::string>& SafetensorsFile::metadata() const {
  return impl_->metadata;
}
const std::string& SafetensorsFile::name() const { return impl_->name; }

bool SafetensorsFile::contains(std::string_view name) const {
  return impl_->index.find(name) != impl_->index.end();
}

const TensorEntry& SafetensorsFile::entry(std::string_view name) const {
  const auto found = impl_->index.find(name);
  if (found != impl_->index.end()) return impl_->entries[found->second];
  std::vector<std::string> names;
  for (const TensorEntry& entry : impl_->entries) names.push_back(entry.name);
  throw Error(ErrorKind::kBadContent, fmt::format("{}: has no tensor '{}'{}", impl_->name, name,
                                                  did_you_mean(name, names)));
}

std::span<const std::byte> SafetensorsFile::bytes(std::string_view name) const {
  return bytes(entry(name));
}

std::span<const std::byte> SafetensorsFile::bytes(const TensorEntry& entry) const {
  return impl_->data.subspan(entry.begin, entry.end - entry.begin);
}

}  // namespace biplane

#include "biplane/formats/safetensors.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "biplane/core/error.h"

namespace biplane {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors data is little-endian");

constexpr int kMaxJsonDepth = 8;
constexpr std::size_t kMaxRank = 64;

struct Mapping {
  void* address = nullptr;
  std::size_t size = 0;
  Mapping() = default;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (address != nullptr) munmap(address, size);
  }
};

[[noreturn]] void bad(const std::string& file, const std::string& what) {
  throw Error(ErrorKind::kBadContent,
              fmt::format("{}: not a valid safetensors file: {}", file, what));
}

[[noreturn]] void bad_tensor(const std::string& file, const std::string& tensor,
                             const std::string& what) {
  bad(file, fmt::format("tensor '{}': {}", tensor, what));
}

// Stops at too deep nesting and at duplicate keys, which nlohmann::json would otherwise accept
// silently.
class HeaderGuard {
 public:
  explicit HeaderGuard(const std::string& file) : file_(file) {}
  bool operator()(int depth, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
    using Event = nlohmann::json::parse_event_t;
    if (depth > kMaxJsonDepth) bad(file_, "its JSON header is nested too deeply");
    if (event == Event::object_start) keys_.emplace_back();
    if (event == Event::object_end) keys_.pop_back();
    if (event == Event::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!keys_.back().insert(key).second)
        bad(file_, fmt::format("the name '{}' occurs twice", key));
    }
    return true;
  }

 private:
  const std::string& file_;
  std::vector<std::set<std::string>> keys_;
};

nlohmann::json parse_header(std::string_view text, const std::string& file) {
  try {
    // The guard is held by reference: the parser copies the callback it is given.
    HeaderGuard guard(file);
    return nlohmann::json::parse(text, std::ref(guard));
  } catch (const nlohmann::json::exception& e) {
    bad(file, fmt::format("its header is not JSON ({})", e.what()));
  }
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
    bad_tensor(file, name, fmt::format("unknown dtype '{}'", entry.dtype));
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
    if (!text.is_string()) bad(file, fmt::format("__metadata__ '{}' is not a text", key));
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
  std::string name;
  std::string content;  // when parsed from memory
  Mapping mapping;      // when opened from disk
  std::vector<TensorEntry> entries;
  std::map<std::string, std::size_t, std::less<>> index;
  std::map<std::string, std::string> metadata;
  std::span<const std::byte> data;

  void load(std::string_view file);
};

void SafetensorsFile::Impl::load(std::string_view file) {
  std::uint64_t header_bytes = 0;
  if (file.size() < sizeof header_bytes) bad(name, "it is shorter than 8 bytes");
  std::memcpy(&header_bytes, file.data(), sizeof header_bytes);
  if (header_bytes > kMaxSafetensorsHeader) bad(name, "its header would be larger than 100 MB");
  if (header_bytes > file.size() - sizeof header_bytes)
    bad(name, fmt::format("its header would have {} bytes but the file ends before", header_bytes));
  const nlohmann::json header = parse_header(file.substr(sizeof header_bytes, header_bytes), name);
  if (!header.is_object()) bad(name, "its header is not a JSON object");
  data = std::as_bytes(std::span(file.substr(sizeof header_bytes + header_bytes)));
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

SafetensorsFile::SafetensorsFile(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SafetensorsFile::SafetensorsFile(SafetensorsFile&&) noexcept = default;
SafetensorsFile& SafetensorsFile::operator=(SafetensorsFile&&) noexcept = default;
SafetensorsFile::~SafetensorsFile() = default;

SafetensorsFile SafetensorsFile::open(const std::filesystem::path& path) {
  auto impl = std::make_unique<Impl>();
  impl->name = path.string();
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    const bool missing = errno == ENOENT || errno == ENOTDIR;
    throw Error(
        missing ? ErrorKind::kMissingInput : ErrorKind::kIo,
        fmt::format("{}: {}", impl->name, missing ? "does not exist" : std::strerror(errno)));
  }
  struct stat status {};
  const bool regular = fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
  const auto size = regular ? static_cast<std::size_t>(status.st_size) : 0;
  void* address = size > 0 ? mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0) : nullptr;
  const int error = errno;
  ::close(descriptor);
  if (!regular) throw Error(ErrorKind::kIo, impl->name + ": not a regular file");
  if (address == MAP_FAILED)
    throw Error(ErrorKind::kIo, fmt::format("{}: {}", impl->name, std::strerror(error)));
  impl->mapping.address = address;
  impl->mapping.size = size;
  impl->load({static_cast<const char*>(address), size});
  return SafetensorsFile(std::move(impl));
}

SafetensorsFile SafetensorsFile::parse(std::string content, const std::string& name) {
  auto impl = std::make_unique<Impl>();
  impl->name = name;
  impl->content = std::move(content);
  impl->load(impl->content);
  return SafetensorsFile(std::move(impl));
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

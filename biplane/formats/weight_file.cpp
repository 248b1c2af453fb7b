#include "biplane/formats/weight_file.h"

#include <fmt/format.h>

#include <cstring>
#include <map>
#include <utility>
#include <variant>

#include "biplane/core/error.h"
#include "biplane/formats/file_bytes.h"
#include "biplane/formats/safetensors.h"
#include "biplane/formats/torch_archive.h"
#include "biplane/formats/weight_index.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

using Source = std::variant<SafetensorsFile, TorchArchive>;

constexpr const char* kUsualNames[] = {
    "model.safetensors", "model.safetensors.index.json", "open_clip_model.safetensors",
    "pytorch_model.bin", "pytorch_model.bin.index.json", "open_clip_pytorch_model.bin"};

fs::path in_folder(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) return path;
  std::string names;
  for (const char* name : kUsualNames) {
    if (fs::exists(path / name, ignored)) return path / name;
    names += fmt::format("{}{}", names.empty() ? "" : ", ", name);
  }
  throw Error(ErrorKind::kMissingInput,
              fmt::format("{}: the folder has no weights (looked for: {})", path.string(), names));
}

// The header's length, then its opening brace.
bool is_safetensors(std::string_view content) {
  std::uint64_t header = 0;
  if (content.size() <= sizeof header) return false;
  std::memcpy(&header, content.data(), sizeof header);
  return header <= kMaxSafetensorsHeader && content[sizeof header] == '{';
}

Source open_source(FileBytes file) {
  const std::string_view content = file.text();
  if (is_safetensors(content)) return SafetensorsFile(std::move(file));
  if (TorchArchive::recognises(content)) return TorchArchive(std::move(file));
  const char* hint = "";
  if (content.empty()) hint = " (the file is empty)";
  if (content.starts_with("version https://git-lfs"))
    hint = " (a pointer of Git LFS: fetch the file itself with 'git lfs pull')";
  if (content.starts_with("\x80")) hint = " (a plain pickle; only what torch.save writes is read)";
  throw Error(ErrorKind::kBadContent,
              fmt::format("{}: not weights: neither safetensors nor a file of torch.save or "
                          "TorchScript{}",
                          file.name(), hint));
}

}  // namespace

struct WeightFile::Impl {
  std::string name;
  std::string container;
  std::vector<fs::path> files;
  std::vector<Source> sources;  // as many as files
  std::vector<WeightEntry> entries;
  std::map<std::string, std::size_t, std::less<>> places;

  void add_source(const fs::path& path, FileBytes file);
  void add_entry(const std::string& tensor, const std::string& dtype,
                 const std::vector<std::int64_t>& shape, std::size_t place);
  void open_index(const fs::path& path, const WeightIndex& index);
};

void WeightFile::Impl::add_entry(const std::string& tensor, const std::string& dtype,
                                 const std::vector<std::int64_t>& shape, std::size_t place) {
  const std::size_t file = files.size() - 1;
  const auto bad = [&](const std::string& what) {
    throw Error(ErrorKind::kBadContent, fmt::format("{}: {}", files[file].string(), what));
  };
  if (entries.size() == kMaxTensors) bad(fmt::format("holds more than {} tensors", kMaxTensors));
  if (tensor.empty()) bad("holds a tensor without a name");
  if (tensor.size() > kMaxTensorName)
    bad(fmt::format("a name longer than {} bytes: '{}'", kMaxTensorName, shown(tensor)));
  if (!is_line_of_text(tensor))
    bad(fmt::format("tensor '{}': its name is not a text", shown(tensor)));
  const auto [known, is_new] = places.emplace(tensor, entries.size());
  if (!is_new)
    bad(fmt::format("tensor '{}' is also in {}", shown(tensor),
                    files[entries[known->second].file].string()));
  entries.push_back({tensor, dtype, shape, *tensor_bytes(dtype, shape), file, place});
}

void WeightFile::Impl::add_source(const fs::path& path, FileBytes file) {
  files.push_back(path);
  sources.push_back(open_source(std::move(file)));
  std::size_t place = 0;
  if (const auto* tensors = std::get_if<SafetensorsFile>(&sources.back())) {
    container = "safetensors";
    for (const TensorEntry& entry : tensors->entries())
      add_entry(entry.name, entry.dtype, entry.shape, place++);
  } else {
    const auto& archive = std::get<TorchArchive>(sources.back());
    container = archive.container();
    for (const TorchTensor& tensor : archive.tensors())
      add_entry(tensor.name, tensor.dtype, tensor.shape, place++);
  }
}

void WeightFile::Impl::open_index(const fs::path& path, const WeightIndex& index) {
  for (const std::string& file : index.files) {
    const fs::path shard = path.parent_path() / file;
    add_source(shard, FileBytes::open(shard));
  }
  for (const auto& [tensor, file] : index.file_of) {
    const auto found = places.find(tensor);
    if (found == places.end() || files[entries[found->second].file].filename() != file)
      throw Error(ErrorKind::kBadContent,
                  fmt::format("{}: tensor '{}' is not in {}", name, shown(tensor), file));
  }
  container += fmt::format(" in {} files", files.size());
}

WeightFile WeightFile::open(const fs::path& path) {
  const fs::path file = in_folder(path);
  auto impl = std::make_unique<Impl>();
  impl->name = file.string();
  FileBytes content = FileBytes::open(file);
  if (!is_safetensors(content.text()) && is_weight_index(content.text())) {
    impl->open_index(file, read_weight_index(content.text(), impl->name));
  } else {
    impl->add_source(file, std::move(content));
  }
  return WeightFile(std::move(impl));
}

WeightFile::WeightFile(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
WeightFile::WeightFile(WeightFile&&) noexcept = default;
WeightFile& WeightFile::operator=(WeightFile&&) noexcept = default;
WeightFile::~WeightFile() = default;

const std::vector<WeightEntry>& WeightFile::entries() const { return impl_->entries; }
const std::string& WeightFile::container() const { return impl_->container; }
const std::vector<fs::path>& WeightFile::files() const { return impl_->files; }
const std::string& WeightFile::name() const { return impl_->name; }

const WeightEntry* WeightFile::find(std::string_view name) const {
  const auto found = impl_->places.find(name);
  return found == impl_->places.end() ? nullptr : &impl_->entries[found->second];
}

void WeightFile::read(const WeightEntry& entry, std::span<std::byte> out) const {
  if (out.size() != entry.bytes)
    throw Error(ErrorKind::kUsage,
                fmt::format("{}: tensor '{}' has {} bytes, given is room for {}", impl_->name,
                            shown(entry.name), entry.bytes, out.size()));
  const Source& source = impl_->sources[entry.file];
  if (const auto* tensors = std::get_if<SafetensorsFile>(&source)) {
    const auto bytes = tensors->bytes(tensors->entries()[entry.tensor]);
    if (!bytes.empty()) std::memcpy(out.data(), bytes.data(), bytes.size());
  } else {
    const auto& archive = std::get<TorchArchive>(source);
    archive.read(archive.tensors()[entry.tensor], out);
  }
}

}  // namespace biplane

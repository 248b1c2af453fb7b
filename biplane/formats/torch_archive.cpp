#include "biplane/formats/torch_archive.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "biplane/core/error.h"
#include "biplane/formats/torch_legacy.h"
#include "biplane/formats/zip.h"

namespace biplane {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kPickle = "/data.pkl";

}  // namespace

struct TorchArchive::Impl {
  std::string name;
  std::string container;
  std::vector<TorchTensor> tensors;
  std::optional<FileBytes> legacy_file;
  TorchLegacyFile legacy;
  std::optional<ZipArchive> zip;
  std::string root;  // first part of the names of a zip's entries

  explicit Impl(FileBytes file) : name(file.name()) {
    if (is_torch_legacy(file.text())) {
      container = "torch legacy";
      legacy_file = std::move(file);
      legacy = read_torch_legacy(legacy_file->text(), name);
      tensors = std::move(legacy.tensors);
    } else {
      zip.emplace(std::move(file));
      open_zip();
    }
    for (const TorchTensor& tensor : tensors) check_storage(tensor);
  }
  [[noreturn]] void bad(const std::string& what) const {
    throw Error(ErrorKind::kBadContent, fmt::format("{}: {}", name, what));
  }
  void find_root();
  void open_zip();
  const ZipEntry* record(std::string_view entry) const {
    return zip->find(fmt::format("{}/{}", root, entry));
  }
  void check_storage(const TorchTensor& tensor) const;
  std::string_view storage(const TorchTensor& tensor) const;
};

void TorchArchive::Impl::find_root() {
  for (const ZipEntry& entry : zip->entries()) {
    const std::string_view path = entry.name;
    if (!path.ends_with(kPickle) || path.find('/') != path.size() - kPickle.size()) continue;
    if (!root.empty()) bad(fmt::format("has two values, '{}' and '{}'", shown(root), shown(path)));
    root = path.substr(0, path.size() - kPickle.size());
  }
  if (root.empty())
    bad("a zip archive without the entry 'NAME/data.pkl' that torch.save and torch.jit.save write");
}

void TorchArchive::Impl::open_zip() {
  find_root();
  if (const ZipEntry* order = record("byteorder");
      order != nullptr && (order->bytes != 6 || zip->read(*order) != "little"))
    bad("its byte order is not 'little'");
  container = record("constants.pkl") != nullptr ? "TorchScript" : "torch zip";
  const ZipEntry& entry = *record("data.pkl");
  if (entry.bytes > kMaxPickleBytes)
    bad(fmt::format("its data.pkl has {} bytes, the limit is {}", entry.bytes, kMaxPickleBytes));
  const std::string_view pickle = zip->read(entry);
  const PickleTree tree = read_pickle(pickle, fmt::format("{}: data.pkl", name));
  if (tree.bytes != pickle.size())
    bad(fmt::format("{} bytes after the end of its data.pkl", pickle.size() - tree.bytes));
  tensors = tensors_in(tree, name);
}

void TorchArchive::Impl::check_storage(const TorchTensor& tensor) const {
  const std::string& storage_key = tensor.storage.key;
  std::optional<std::uint64_t> bytes;
  if (!zip) {
    const auto found = legacy.storages.find(storage_key);
    if (found != legacy.storages.end()) bytes = found->second.size();
  } else if (const ZipEntry* entry = record("data/" + storage_key)) {
    bytes = entry->bytes;
  }
  if (!bytes)
    bad(fmt::format("tensor '{}': its storage '{}' is not in the file", shown(tensor.name),
                    shown(storage_key)));
  if (*bytes != tensor.storage.bytes)
    bad(fmt::format("tensor '{}': its storage '{}' has {} bytes, it should have {}",
                    shown(tensor.name), shown(storage_key), *bytes, tensor.storage.bytes));
}

std::string_view TorchArchive::Impl::storage(const TorchTensor& tensor) const {
  if (!zip) return legacy.storages.find(tensor.storage.key)->second;
  return zip->read(*record("data/" + tensor.storage.key));
}

TorchArchive::TorchArchive(FileBytes file) : impl_(std::make_unique<Impl>(std::move(file))) {}
TorchArchive::TorchArchive(TorchArchive&&) noexcept = default;
TorchArchive& TorchArchive::operator=(TorchArchive&&) noexcept = default;
TorchArchive::~TorchArchive() = default;

bool TorchArchive::recognises(std::string_view content) {
  return content.starts_with("PK\x03\x04"sv) || content.starts_with("PK\x05\x06"sv) ||
         is_torch_legacy(content);
}

const std::vector<TorchTensor>& TorchArchive::tensors() const { return impl_->tensors; }
const std::string& TorchArchive::container() const { return impl_->container; }
const std::string& TorchArchive::name() const { return impl_->name; }

std::string_view TorchArchive::storage(const TorchTensor& tensor) const {
  return impl_->storage(tensor);
}

void TorchArchive::read(const TorchTensor& tensor, std::span<std::byte> out) const {
  copy_contiguous(tensor, impl_->storage(tensor), out);
}

}  // namespace biplane

#include "biplane/formats/torch_legacy.h"

#include <fmt/format.h>

#include <cstring>
#include <set>

#include "biplane/core/error.h"
#include "biplane/formats/file_bytes.h"
#include "biplane/formats/safetensors.h"

namespace biplane {
namespace {

using Kind = PickleValue::Kind;
using namespace std::string_view_literals;

// The pickle of the number 0x1950a86a20f9469cfc6c without its protocol.
constexpr std::string_view kMagic = "\x8A\x0A\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19."sv;
constexpr std::int64_t kProtocol = 1001;

[[noreturn]] void bad_legacy(const std::string& name, const std::string& what) {
  throw Error(ErrorKind::kBadContent,
              fmt::format("{}: not a valid file of torch's legacy format: {}", name, what));
}

// Takes the next pickle off the content.
PickleTree take_pickle(std::string_view& rest, const std::string& name) {
  PickleTree tree = read_pickle(rest, name);
  rest.remove_prefix(tree.bytes);
  return tree;
}

void check_machine(const PickleTree& tree, const std::string& name) {
  const PickleValue& machine = tree.top();
  for (std::size_t i = 0; i + 1 < machine.items.size(); i += 2) {
    if (machine.kind == Kind::kDict && tree[machine.items[i]].text == "little_endian" &&
        tree[machine.items[i + 1]].integer == 1)
      return;
  }
  bad_legacy(name, "it was not written on a little-endian machine");
}

}  // namespace

bool is_torch_legacy(std::string_view content) {
  return content.size() > 2 && content[0] == '\x80' && content.substr(2).starts_with(kMagic);
}

TorchLegacyFile read_torch_legacy(std::string_view content, const std::string& name) {
  std::string_view rest = content;
  take_pickle(rest, name);  // the magic number
  const PickleTree protocol = take_pickle(rest, name);
  if (protocol.top().kind != Kind::kInt || protocol.top().integer != kProtocol)
    bad_legacy(name, fmt::format("its protocol is not {}", kProtocol));
  check_machine(take_pickle(rest, name), name);
  const PickleTree value = take_pickle(rest, name);
  std::map<std::string, TorchStorage> described;
  for (TorchStorage& storage : storages_in(value, name)) described[storage.key] = storage;
  const PickleTree keys = take_pickle(rest, name);
  if (keys.top().kind != Kind::kList) bad_legacy(name, "it has no list of storages");

  TorchLegacyFile file;
  for (const PickleId id : keys.top().items) {
    const std::string& key = keys[id].text;
    const auto found = described.find(key);
    std::uint64_t elements = 0;
    if (found == described.end())
      bad_legacy(name, fmt::format("storage '{}' is listed but not used", shown(key)));
    const TorchStorage& storage = found->second;
    if (rest.size() < sizeof elements || rest.size() - sizeof elements < storage.bytes)
      bad_legacy(name, fmt::format("it ends inside storage '{}' (truncated file?)", shown(key)));
    std::memcpy(&elements, rest.data(), sizeof elements);
    if (elements != storage.bytes / *dtype_bytes(storage.dtype))
      bad_legacy(name, fmt::format("storage '{}' has {} elements, its tensors say {}", shown(key),
                                   elements, storage.bytes / *dtype_bytes(storage.dtype)));
    if (!file.storages.emplace(key, rest.substr(sizeof elements, storage.bytes)).second)
      bad_legacy(name, fmt::format("storage '{}' is listed twice", shown(key)));
    rest.remove_prefix(sizeof elements + storage.bytes);
  }
  if (!rest.empty()) bad_legacy(name, fmt::format("{} bytes after its end", rest.size()));
  file.tensors = tensors_in(value, name);
  return file;
}

}  // namespace biplane

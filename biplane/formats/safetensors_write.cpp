#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <ostream>
#include <set>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/formats/safetensors.h"

namespace biplane {
namespace {

// Indices of the tensors in the order in which they are written; checks each.
std::vector<std::size_t> write_order(const std::vector<TensorView>& tensors,
                                     const std::string& file) {
  std::set<std::string> names;
  std::vector<std::uint64_t> elements;
  for (const TensorView& tensor : tensors) {
    const auto refuse = [&](const std::string& what) {
      throw Error(ErrorKind::kUsage,
                  fmt::format("{}: cannot write tensor '{}': {}", file, tensor.name, what));
    };
    if (tensor.name == "__metadata__" || !names.insert(tensor.name).second)
      refuse("the name is taken");
    const std::optional<std::uint64_t> bytes = tensor_bytes(tensor.dtype, tensor.shape);
    if (!bytes) refuse(fmt::format("dtype '{}' or a shape that cannot be stored", tensor.dtype));
    if (*bytes != tensor.data.size())
      refuse(
          fmt::format("shape and dtype need {} bytes, given are {}", *bytes, tensor.data.size()));
    elements.push_back(*dtype_bytes(tensor.dtype));
  }
  std::vector<std::size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    if (elements[a] != elements[b]) return elements[a] > elements[b];
    return tensors[a].name < tensors[b].name;
  });
  return order;
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, const std::vector<TensorView>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  const std::vector<std::size_t> order = write_order(tensors, path.string());
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t offset = 0;
  for (const std::size_t i : order) {
    const TensorView& tensor = tensors[i];
    const std::uint64_t end = offset + tensor.data.size();
    header[tensor.name] = nlohmann::ordered_json{
        {"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // the data begins at a multiple of 8 bytes
  const std::uint64_t header_bytes = text.size();
  if (header_bytes > kMaxSafetensorsHeader)
    throw Error(ErrorKind::kUsage, path.string() + ": the header would be larger than 100 MB");
  write_file_atomically(path, [&](std::ostream& out) {
    out.write(reinterpret_cast<const char*>(&header_bytes), sizeof header_bytes);
    out.write(text.data(), static_cast<std::streamsize>(text.size()));
    for (const std::size_t i : order)
      out.write(reinterpret_cast<const char*>(tensors[i].data.data()),
                static_cast<std::streamsize>(tensors[i].data.size()));
  });
}

}  // namespace biplane

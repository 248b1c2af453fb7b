#include "biplane/nn/tensor_file.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <span>
#include <utility>
#include <vector>

#include "biplane/core/error.h"
#include "biplane/formats/safetensors.h"

namespace biplane {
namespace {

constexpr std::pair<const char*, torch::ScalarType> kTypes[] = {
    {"F64", torch::kFloat64},   {"F32", torch::kFloat32}, {"F16", torch::kFloat16},
    {"BF16", torch::kBFloat16}, {"I64", torch::kInt64},   {"I32", torch::kInt32},
    {"I16", torch::kInt16},     {"I8", torch::kInt8},     {"U8", torch::kUInt8},
    {"BOOL", torch::kBool}};

// All tensors of `file`, a SafetensorsFile or a WeightFile; `read` copies an entry's bytes.
template <class File, class Read>
TensorMap read_tensors(const File& file, const Read& read) {
  TensorMap tensors;
  for (const auto& entry : file.entries()) {
    const auto* type = std::find_if(std::begin(kTypes), std::end(kTypes),
                                    [&](const auto& known) { return entry.dtype == known.first; });
    if (type == std::end(kTypes)) {
      throw Error(ErrorKind::kBadContent, file.name() + ": tensor " + entry.name + " has type " +
                                              entry.dtype + ", which is not supported");
    }
    torch::Tensor tensor = torch::empty(entry.shape, type->second);
    read(entry, std::span(static_cast<std::byte*>(tensor.mutable_data_ptr()),
                          static_cast<std::size_t>(tensor.nbytes())));
    tensors.emplace(entry.name, std::move(tensor));
  }
  return tensors;
}

const char* type_name(const torch::Tensor& tensor, const std::string& name) {
  for (const auto& [text, type] : kTypes) {
    if (tensor.scalar_type() == type) return text;
  }
  throw Error(ErrorKind::kUsage, "tensor " + name + " of type " +
                                     c10::toString(tensor.scalar_type()) +
                                     " cannot be written as safetensors");
}

}  // namespace

std::string shape_text(at::IntArrayRef sizes) {
  std::string text;
  for (const std::int64_t size : sizes) {
    if (!text.empty()) text += 'x';
    text += std::to_string(size);
  }
  return text.empty() ? "scalar" : text;
}

TensorMap load_safetensors(const std::filesystem::path& file) {
  const SafetensorsFile source = SafetensorsFile::open(file);
  return read_tensors(source, [&](const TensorEntry& entry, std::span<std::byte> out) {
    const auto bytes = source.bytes(entry);
    if (!bytes.empty()) std::memcpy(out.data(), bytes.data(), bytes.size());
  });
}

TensorMap load_tensors(const WeightFile& source) {
  return read_tensors(
      source, [&](const WeightEntry& entry, std::span<std::byte> out) { source.read(entry, out); });
}

void refuse_not_finite(const TensorMap& tensors, const std::filesystem::path& where,
                       ErrorKind kind) {
  for (const auto& [name, tensor] : tensors) {
    if (!tensor.is_floating_point() || tensor.isfinite().all().item<bool>()) continue;
    throw Error(kind, where.string() + ": tensor " + name + " holds a number that is not finite");
  }
}

void save_safetensors(const std::filesystem::path& file, const TensorMap& tensors,
                      const std::map<std::string, std::string>& metadata) {
  std::vector<torch::Tensor> dense;  // keeps the memory that the views point into
  std::vector<TensorView> views;
  for (const auto& [name, tensor] : tensors) {
    dense.push_back(tensor.detach().to(torch::kCPU).contiguous());
    const auto* data = static_cast<const std::byte*>(dense.back().const_data_ptr());
    views.push_back({name, type_name(tensor, name), dense.back().sizes().vec(),
                     std::span(data, static_cast<std::size_t>(dense.back().nbytes()))});
  }
  write_safetensors(file, views, metadata);
}

}  // namespace biplane

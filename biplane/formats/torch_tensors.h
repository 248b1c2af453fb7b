#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "biplane/formats/pickle.h"

namespace biplane {

// Limits of every container of weights.
constexpr std::size_t kMaxTensors = 100'000;  // of all files of an index together
constexpr std::size_t kMaxTensorName = 512;   // bytes

// A block of memory that tensors of a torch file lie in. Several may share one (tied weights).
struct TorchStorage {
  std::string key;          // its name in the file, at most kMaxTensorName bytes
  std::string dtype;        // as in safetensors
  std::uint64_t bytes = 0;  // as the pickle says
};

// A tensor as a torch file describes it: a strided view of a storage. Every element of what
// tensors_in returns lies inside the storage.
struct TorchTensor {
  std::string name;   // keys of nested dicts, lists and attributes joined by '.'
  std::string dtype;  // as in safetensors: "F32", "F16", "BF16", "I64" ...
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> strides;  // elements, >= 0
  std::int64_t offset = 0;            // elements
  TorchStorage storage;
};

// The tensors in the value of a torch pickle, in the order of the file. Refused as Error
// kBadContent that names `file` and the tensor: a name that occurs twice or cannot be written as a
// safetensors name (empty, control characters, not UTF-8, above kMaxTensorName), nesting of more
// than 64 levels, dtypes that safetensors does not know, shapes, strides and offsets outside of the
// storage, more than kMaxTensors, and tensors that together need more than 8 times the bytes of
// their storages and 16 MiB.
std::vector<TorchTensor> tensors_in(const PickleTree& tree, const std::string& file);

// Storages that are named anywhere in the pickle, each key once.
std::vector<TorchStorage> storages_in(const PickleTree& tree, const std::string& file);

// Copies a tensor into `out` (its bytes), contiguous and row-major. `storage` holds its storage's
// bytes.
void copy_contiguous(const TorchTensor& tensor, std::string_view storage, std::span<std::byte> out);

}  // namespace biplane

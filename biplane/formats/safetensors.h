#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "biplane/formats/file_bytes.h"

namespace biplane {

// One tensor of a safetensors file. `begin` and `end` are byte offsets into the data part.
struct TensorEntry {
  std::string name;
  std::string dtype;  // "F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", "U16", "U32",
                      // "U64", "BOOL", "F8_E4M3", "F8_E5M2"
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0, end = 0;
};

// Bytes of one element of a safetensors dtype; nullopt for a name that is not one.
std::optional<std::uint64_t> dtype_bytes(std::string_view dtype);
// Bytes of a tensor; nullopt for an unknown dtype, a negative side, or a product of 2^62 and more.
std::optional<std::uint64_t> tensor_bytes(std::string_view dtype,
                                          const std::vector<std::int64_t>& shape);
constexpr std::uint64_t kMaxSafetensorsHeader = 100'000'000;  // bytes

// Read access to a safetensors file: mapped into memory, so that only the tensors that are used are
// read. The mapping lives as long as the object; spans point into it.
class SafetensorsFile {
 public:
  // Checks the whole header first: its size (at most 100 MB and the file), JSON depth, duplicate
  // names, dtypes, shapes that overflow, offsets that do not match the shape, overlap or leave
  // holes. Throws Error kBadContent naming the file and the tensor.
  explicit SafetensorsFile(FileBytes file);
  // The same for a path; throws also Error kMissingInput and kIo.
  static SafetensorsFile open(const std::filesystem::path& path);
  // The same for a file's content in memory, which is kept; `name` stands for the path in errors.
  static SafetensorsFile parse(std::string content, const std::string& name);

  SafetensorsFile(SafetensorsFile&&) noexcept;
  SafetensorsFile& operator=(SafetensorsFile&&) noexcept;
  ~SafetensorsFile();

  const std::vector<TensorEntry>& entries() const;  // in the order of their data
  bool contains(std::string_view name) const;
  // Throws Error kBadContent naming the file, the tensor and the nearest name that exists.
  const TensorEntry& entry(std::string_view name) const;
  // Little-endian, row-major content; its address is aligned to 8 bytes if the header is (as the
  // writer below makes it) and all tensors before it are.
  std::span<const std::byte> bytes(std::string_view name) const;
  std::span<const std::byte> bytes(const TensorEntry& entry) const;
  const std::map<std::string, std::string>& metadata() const;
  const std::string& name() const;  // of the file, for errors

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// A tensor to write; `data` must stay valid during the call and hold shape x dtype bytes.
struct TensorView {
  std::string name;
  std::string dtype;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> data;
};

// Writes a safetensors file atomically. The bytes depend on the content only: tensors are ordered
// by element size (largest first, so that all stay aligned), then by name. Throws Error kUsage for
// a duplicate name, an unknown dtype or data of the wrong size, kIo when writing fails.
void write_safetensors(const std::filesystem::path& path, const std::vector<TensorView>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace biplane

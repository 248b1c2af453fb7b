#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace biplane {

// One tensor of a WeightFile.
struct WeightEntry {
  std::string name;
  std::string dtype;  // as in safetensors: "F32", "F16", "BF16", "I64" ...
  std::vector<std::int64_t> shape;
  std::uint64_t bytes = 0;           // of the content, contiguous
  std::size_t file = 0, tensor = 0;  // where it lies: place in files(), place in that file
};

// Published weights in any of their containers, told apart by content and not by the file's name:
// safetensors, what torch.save writes (zip and legacy), TorchScript archives, and several of these
// listed by an index ("model.safetensors.index.json", "pytorch_model.bin.index.json"). No code of a
// file is ever run. Not for use from several threads at once.
class WeightFile {
 public:
  // `path` is a file, or a folder in which the usual names are looked for: model.safetensors, its
  // index, open_clip_model.safetensors, pytorch_model.bin, its index,
  // open_clip_pytorch_model.bin; the first that is there is taken.
  // An index may only name files beside it; each tensor that it lists must be in the file that it
  // says, and no tensor may occur twice. Tensors of its files that it does not list are kept.
  // In every container there are at most 100,000 tensors with names of 1 to 512 bytes that are
  // UTF-8 without control characters, so that a table or message that shows one stays one line.
  // Throws Error: kMissingInput (nothing there), kIo, kBadContent naming the file and the cause.
  static WeightFile open(const std::filesystem::path& path);

  WeightFile(WeightFile&&) noexcept;
  WeightFile& operator=(WeightFile&&) noexcept;
  ~WeightFile();

  const std::vector<WeightEntry>& entries() const;       // file by file, in the order of each
  const WeightEntry* find(std::string_view name) const;  // nullptr where there is none
  // Copies a tensor, little-endian, contiguous and row-major, into `out`, which has entry.bytes.
  void read(const WeightEntry& entry, std::span<std::byte> out) const;

  // For a table: "safetensors", "torch zip", "torch legacy", "TorchScript"; with an index
  // "safetensors in 3 files".
  const std::string& container() const;
  const std::vector<std::filesystem::path>& files() const;  // that hold tensors
  const std::string& name() const;  // the file or index that was opened, for errors

 private:
  struct Impl;
  explicit WeightFile(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace biplane

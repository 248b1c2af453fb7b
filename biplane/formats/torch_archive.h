#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "biplane/formats/file_bytes.h"
#include "biplane/formats/torch_tensors.h"

namespace biplane {

// Tensors of a file that torch.save or torch.jit.save wrote: the zip form (since PyTorch 1.6), its
// predecessor, TorchScript. No code of the file is run; of a TorchScript archive the parameters and
// buffers are read, not the constants of its code. Not for use from several threads at once.
class TorchArchive {
 public:
  // Reads the description of all tensors and checks it against the storages (see tensors_in).
  // Throws Error kBadContent naming the file and the entry, global or tensor; big-endian data is
  // refused too.
  explicit TorchArchive(FileBytes file);
  TorchArchive(TorchArchive&&) noexcept;
  TorchArchive& operator=(TorchArchive&&) noexcept;
  ~TorchArchive();

  // Whether a content begins as one of the three forms does.
  static bool recognises(std::string_view content);

  const std::vector<TorchTensor>& tensors() const;  // in the order of the file
  const std::string& container() const;             // "torch zip", "torch legacy", "TorchScript"
  const std::string& name() const;                  // of the file, for errors
  // Bytes of a tensor's storage, little-endian, valid as long as the archive. The CRC-32 is proved
  // in the forms that have one.
  std::string_view storage(const TorchTensor& tensor) const;
  // Copies a tensor, contiguous and row-major, into `out`, which has its bytes.
  void read(const TorchTensor& tensor, std::span<std::byte> out) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace biplane

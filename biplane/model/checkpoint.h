#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace biplane {

// Tensors by name, in a fixed order.
using NamedTensors = std::vector<std::pair<std::string, torch::Tensor>>;

// Parameters and then buffers of a module by their dotted names; they share memory with the module.
NamedTensors module_tensors(const torch::nn::Module& module);

// Copies `tensors` into the module's parameters and buffers. `source` is named in errors. Throws Error kBadContent
// naming the first tensor that is missing, unknown or of another shape.
void load_module_tensors(torch::nn::Module& module, const NamedTensors& tensors, const std::string& source);

// Writes SHA256SUMS into `folder` over its other files (recursively, names in byte order), in the format of sha256sum.
void write_checksums(const std::filesystem::path& folder);

// Proves that every file SHA256SUMS names is there and unchanged. Throws Error kBadContent naming the first that is
// not, or the missing SHA256SUMS.
void verify_checksums(const std::filesystem::path& folder);

// Everything a run needs to go on exactly where it was. On disk a folder RUN/checkpoints/step-N with
// model.safetensors, optimizer.safetensors, state.json and SHA256SUMS.
struct Checkpoint {
  std::int64_t step = 0;     // optimizer steps done
  std::int64_t batches = 0;  // batches drawn from the data so far: the sampler's position
  std::int64_t epoch = 0;    // of the next batch, 0-based
  std::uint64_t seed = 0;
  std::int64_t threads = 0;                        // replicas the run was split over: part of the arithmetic
  std::map<std::string, std::string> config;       // dotted key -> value of the resolved configuration
  std::string data_fingerprint;                    // of the studies and the vocabulary
  NamedTensors model;
  NamedTensors optimizer;
};

// Writes RUN/checkpoints/step-N: first under a temporary name, every file and the folder flushed to the disk, then
// renamed; afterwards removes all but the last `keep`. A crash or a full disk (Error kIo) leaves the older ones as they are.
// Returns the folder.
std::filesystem::path save_checkpoint(const std::filesystem::path& run, const Checkpoint& checkpoint, std::int64_t keep);

// Reads a checkpoint folder after proving its checksums. Throws Error kBadContent where it is damaged.
Checkpoint load_checkpoint(const std::filesystem::path& folder);

// Only the tensors of the model, also proved by checksum (for evaluation from a checkpoint).
NamedTensors load_checkpoint_model(const std::filesystem::path& folder);

// The checkpoints of a run, newest first.
std::vector<std::filesystem::path> list_checkpoints(const std::filesystem::path& run);

// The newest checkpoint that is whole; a damaged one is put aside as checkpoints/damaged-step-N and `warn` called with one line.
// Nothing if the run has none. Throws Error kBadContent where there are checkpoints and all are damaged.
std::optional<Checkpoint> resume_checkpoint(const std::filesystem::path& run,
                                            const std::function<void(const std::string&)>& warn);

// Removes what a killed run left half-written. To be called before writing, by the one process that owns the run.
void remove_unfinished_checkpoints(const std::filesystem::path& run);

}  // namespace biplane

#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "biplane/nn/tensor_file.h"

namespace biplane {

// Parameters and buffers of a module by name, detached, sharing memory.
TensorMap module_state(const torch::nn::Module& module);

// Everything a run needs to go on exactly where it was. On disk a folder RUN/checkpoints/step-N
// with model.safetensors, optimizer.safetensors, state.json and SHA256SUMS. With `companions` it is
// a model directory too: the weights in model.safetensors are the ones to use (the average, where
// one is kept).
struct Checkpoint {
  std::int64_t step = 0;     // optimizer steps done
  std::int64_t batches = 0;  // batches drawn from the data so far: the sampler's position
  std::int64_t epoch = 0;    // of the next batch, 0-based
  std::uint64_t seed = 0;
  std::int64_t threads = 0;  // replicas the run was split over: part of the arithmetic
  std::map<std::string, std::string> config;  // dotted key -> value of the resolved configuration
  std::string data_fingerprint;               // of the studies and the vocabulary
  TensorMap model;                            // what to use: parameters and buffers
  TensorMap optimizer;  // moments, and the weights being trained where `model` is their average
};

// Writes further files of a checkpoint (configuration, vocabulary) into the folder it is given.
using CheckpointCompanions = std::function<void(const std::filesystem::path& folder)>;

// Writes RUN/checkpoints/step-N: first under a temporary name, every file and the folder flushed to
// the disk, then renamed; afterwards removes all but the last `keep`. A crash, a full disk (Error
// kIo) or a tensor with a number that is not finite (kFailure) leaves the older ones as they are.
// Returns the folder.
std::filesystem::path save_checkpoint(const std::filesystem::path& run,
                                      const Checkpoint& checkpoint, std::int64_t keep,
                                      const CheckpointCompanions& companions = {});

// Reads a checkpoint folder after proving its checksums. Throws Error kBadContent where it is
// damaged.
Checkpoint load_checkpoint(const std::filesystem::path& folder);

// The checkpoints of a run, newest first.
std::vector<std::filesystem::path> list_checkpoints(const std::filesystem::path& run);

// The newest checkpoint that is whole; a damaged one is put aside as checkpoints/damaged-step-N and
// `warn` called with one line. Nothing if the run has none that is whole: it then starts from the
// beginning.
std::optional<Checkpoint> resume_checkpoint(const std::filesystem::path& run,
                                            const std::function<void(const std::string&)>& warn);

// Removes what a killed run left half-written. To be called before writing, by the one process that
// owns the run.
void remove_unfinished_checkpoints(const std::filesystem::path& run);

}  // namespace biplane

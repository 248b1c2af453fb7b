#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "biplane/model/objective.h"
#include "biplane/nn/tensor_file.h"
#include "biplane/train/pretrain_config.h"

namespace biplane {

// What a run starts from (init.*), by the names of the model.
struct InitialWeights {
  TensorMap weights;                 // may be a part of the model; the rest starts from `seed`
  ImportedWeights imported;          // names of `weights`, and what the towers' files lack
  std::vector<std::string> corpora;  // those the weights were trained on
  std::vector<std::string> notes;    // a line each: what is taken, what stays random
};

// Reads init.model or init.frontal, init.lateral, init.text, which check_pretrain_settings has
// found to be compatible. Sets data.vocabulary to the one that
// comes with them where it is empty. Throws Error kUsage naming the key where the architecture is
// another than the configuration's, and what reading throws.
InitialWeights read_initial_weights(PretrainConfig& config);

// What a run that goes on from a checkpoint keeps of its start; the files of init.* may be gone.
struct KeptStart {
  InitialWeights initial;            // without weights: those of the checkpoint count
  std::filesystem::path vocabulary;  // vocab.txt of the checkpoint
};

// Writes the names of what was imported into a checkpoint, for read_kept_start.
void write_kept_start(const std::filesystem::path& checkpoint, const InitialWeights& initial);

// The start of a run with init.*, from its newest whole checkpoint; nothing where it has none.
std::optional<KeptStart> read_kept_start(const std::filesystem::path& run);

// Throws Error kUsage where init.* and the sizes that the vocabulary gives do not fit; called when
// model.text.bert.vocabulary is known.
void check_vocabulary(const InitialWeights& initial, const PretrainConfig& config);

// Copies the weights into the objective's module; everything else keeps its values.
void load_initial_weights(Objective& objective, const InitialWeights& initial);

}  // namespace biplane

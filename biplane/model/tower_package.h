#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "biplane/nn/published_tower.h"

namespace biplane {

// One encoder with weights, ready to be the start of a tower: what `biplane import` writes and
// init.frontal, init.lateral and init.text read. On disk a folder with config.json,
// model.safetensors, SHA256SUMS and, for a text encoder that came with one, vocab.txt.
struct TowerPackage {
  PublishedTower tower;
  std::string source;                // what it was read from
  std::string container;             // "safetensors", "torch zip", ...
  std::vector<std::string> sha256;   // of the files it was read from, in their order
  std::vector<std::string> corpora;  // it was pre-trained on, as far as the user said
  std::vector<std::string> missing;  // parameters that had no tensor and may stay random
  std::filesystem::path vocabulary;  // vocab.txt beside the weights; empty: none
  // "frontal", "lateral", "text": what it was in a checkpoint of several towers; else "vision" or
  // "text".
  std::string role;
};

struct ImportOptions {
  std::string prefix;                // only the tower under this prefix of names; empty: all
  TowerHints hints;                  // win over the files beside the weights
  std::vector<std::string> corpora;  // names of the corpora the weights were trained on
};

struct ImportResult {
  std::vector<TowerPackage> towers;
  std::vector<TensorRow> unexpected;  // tensors of the file that no tower takes
};

// Reads every encoder of a published file or folder (formats/weight_file.h), without running code
// from it. Parameters without a tensor, or with one of another shape, are listed in the towers'
// rows and in `missing`. Throws Error: kMissingInput, kIo; kBadContent where a file is damaged or
// hostile or holds no known encoder; kUsage where no tower stands under options.prefix.
ImportResult import_towers(const std::filesystem::path& source, const ImportOptions& options);

// Throws Error kBadContent naming the first parameter of the towers that has no fitting tensor,
// unless its name starts with one of `allowed`.
void refuse_incomplete(const ImportResult& result, const std::vector<std::string>& allowed);

// Writes one tower as a folder, as a whole.
void save_tower_package(const std::filesystem::path& folder, const TowerPackage& package);

// The tower that init.<role> = `path` means: a folder that save_tower_package wrote, or a published
// file or folder that holds one encoder for `role` ("frontal", "lateral", "text"). Throws as
// import_towers does, and kUsage where several would fit.
TowerPackage load_tower(const std::filesystem::path& path, const std::string& role);

}  // namespace biplane

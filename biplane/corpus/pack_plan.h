#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "biplane/corpus/manifest.h"
#include "biplane/imaging/preprocess.h"

namespace biplane {

// What a pack holds. The same manifest and the same of these give the same bytes.
struct PackForm {
  bool original = false;  // the image files as they are; else reduced 8-bit grey images
  // Of reduced images: longest side of `size` without padding for "longest", shortest side of
  // `size` for "shortest". `crop` is not looked at.
  PreprocessOptions image;
  std::string encoding = "png";  // of reduced images: png, jpeg
  int quality = 92;              // of jpeg
  // At most so many studies a shard, or, where that is 0, so many bytes of what is put in: files
  // and, of reduced images, size x size bytes each, which a PNG rarely reaches.
  std::int64_t shard_studies = 0;
  std::int64_t shard_bytes = std::int64_t{256} << 20;
};

// Throws Error kUsage naming the option that cannot be.
void check_pack_form(const PackForm& form);

// One tar file to be written: studies of one split, by their places in the manifest, ascending.
struct ShardPlan {
  Split split = Split::kTrain;
  std::int64_t number = 0;  // within its split
  std::vector<std::int64_t> studies;

  std::string name() const;        // "train/shard-000000.tar", relative to the pack's folder
  std::string index_name() const;  // "train/shard-000000.jsonl"
};

// Which study goes where: a pure function of the manifest, the form and, for originals, the sizes
// of the files (0 for one that is not there).
std::vector<ShardPlan> plan_shards(const Manifest& manifest, const PackForm& form);

// pack.json: what is packed, in which form, in how many shards. Its SHA-256 stands in every shard's
// index, so that shards of different packs do not mix.
std::string describe_pack(const Manifest& manifest, const PackForm& form,
                          const std::vector<ShardPlan>& shards);

// Names of the shards and their indices, from pack.json. Throws Error kBadContent.
struct ShardFiles {
  std::string shard, index, split;
};
std::vector<ShardFiles> shard_files(const std::string& description,
                                    const std::filesystem::path& path);

}  // namespace biplane

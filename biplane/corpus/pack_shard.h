#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "biplane/corpus/funnel.h"
#include "biplane/corpus/manifest.h"
#include "biplane/corpus/pack_plan.h"
#include "biplane/formats/tar.h"

namespace biplane {

class Progress;

// An image that could not be packed.
struct LostImage {
  std::string reason;  // "missing image", "broken image", "changed image", "misplaced mark"
  std::string example;
};

// A study of a shard.
struct PackedStudy {
  std::int64_t place = 0;  // in the manifest
  std::vector<TarMember> members;
};

// A shard's index: SHARD.jsonl beside SHARD.tar. Its first line has the shard's name, length and
// SHA-256 and the SHA-256 of pack.json, its second what was lost, the others one study each with
// name, offset and length of its members and the paths that its images had.
struct ShardIndex {
  std::string pack, shard, sha256;
  std::int64_t bytes = 0;
  std::int64_t planned = 0, images = 0;  // studies that were to be packed, images that were
  std::vector<LostImage> lost;
  std::vector<std::string> studies_lost;  // names of those of which no image is left
  std::vector<PackedStudy> studies;
};

// How a shard is written. `pack`: SHA-256 of pack.json.
struct ShardJob {
  const Manifest& manifest;
  const PackForm& form;
  std::filesystem::path out;
  std::string pack;
  int threads = 1;
  Progress* progress = nullptr;  // advanced by one a study
};

// Writes the tar file and then its index, both atomically. For each study, in the manifest's
// order, KEY.frontal0.png, KEY.lateral0.png, KEY.other0.png and so on in the order of its views,
// then KEY.json, its line of the manifest with the names of these files as paths, and KEY.txt, the
// report's text. KEY is the study's place in the manifest, 9 digits. Images that are missing or
// broken, or whose SHA-256 is not the one in the manifest, are left out with their boxes and masks,
// and so are studies without any. Throws Error kIo; kUsage where not one image of the shard is
// there.
void write_shard(const ShardPlan& plan, const ShardJob& job);

// Throws Error kBadContent naming the file and its row, kMissingInput.
ShardIndex read_shard_index(const std::filesystem::path& path);

// Whether a shard was finished for this pack and is whole; `hash`: its SHA-256 is proved too.
bool is_finished(const std::filesystem::path& out, const ShardFiles& files, const std::string& pack,
                 bool hash);

}  // namespace biplane

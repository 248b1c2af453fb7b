#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "biplane/core/work_share.h"
#include "biplane/corpus/funnel.h"
#include "biplane/corpus/manifest.h"
#include "biplane/corpus/pack_plan.h"

namespace biplane {

class Progress;

struct PackOptions {
  std::filesystem::path out;
  PackForm form;
  WorkShare share;  // shards by their number over all splits
  int threads = 1;
  Progress* progress = nullptr;  // advanced by one a study
};

struct PackResult {
  std::int64_t written = 0, kept = 0;  // shards
  std::int64_t missing = 0;            // shards of other shares that are not there yet
};

// `shards`: as plan_shards gives them. Writes the share's shards (pack_shard.h) and, where they are
// not there, pack.json. A shard that was finished before is proved by its SHA-256 and kept. Throws
// Error as write_shard does, and kUsage where the folder holds a pack of another manifest or form.
PackResult pack(const Manifest& manifest, const std::vector<ShardPlan>& shards,
                const PackOptions& options);

struct MergedPack {
  std::int64_t shards = 0, studies = 0, images = 0, bytes = 0;
  Funnel funnel;
};

// Makes the manifest of a pack all of whose shards are there: funnel.json, index.json (the shards
// and their hashes) and manifest.jsonl, in the order of the manifest that was packed. The same
// bytes whichever machine does it. Throws Error kMissingInput naming the first shard that is not
// there, kBadContent where more than `max_bad` of the images or studies were lost.
MergedPack merge_pack(const std::filesystem::path& out, double max_bad);

}  // namespace biplane

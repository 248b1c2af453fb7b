#include "biplane/corpus/pack.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/core/progress.h"
#include "biplane/core/sha256.h"
#include "biplane/corpus/named_manifest.h"
#include "biplane/corpus/pack_shard.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

constexpr const char* kDescription = "pack.json";

// Writes the description, or proves that the one there says the same. Several machines may do so at
// once: all write the same.
void settle_description(const fs::path& out, const std::string& description) {
  make_folder(out);
  const fs::path path = out / kDescription;
  if (!fs::exists(path)) {
    write_file_atomically(path, description);
    return;
  }
  const std::string there = read_file(path);
  if (there == description) return;
  std::string what;
  const ordered_json old = ordered_json::parse(there, nullptr, false);
  if (old.is_discarded()) {
    throw Error(ErrorKind::kBadContent,
                path.string() + ": is damaged (not JSON); remove the folder and pack again");
  }
  const ordered_json wanted = ordered_json::parse(description);
  for (const auto& [key, value] : wanted.items()) {
    if (!old.is_object() || !old.contains(key) || old.at(key) != value) {
      what = key + " is " +
             (old.is_object() && old.contains(key) ? old.at(key).dump() : "not there") + " in " +
             kDescription + " and " + value.dump() + " here";
      break;
    }
  }
  throw Error(ErrorKind::kUsage, out.string() + ": holds another pack" +
                                     (what.empty() ? "" : ": " + what) +
                                     "; give another --out or remove it");
}

// Throws where none of many studies has an image file: the root is another folder.
void check_images_are_there(const Manifest& manifest) {
  constexpr std::int64_t kMost = 1000;
  const std::int64_t step = std::max<std::int64_t>(1, manifest.size() / kMost);
  std::string first;
  for (std::int64_t i = 0; i < manifest.size(); i += step) {
    for (const View& view : manifest.study(i).views) {
      std::error_code ignored;
      if (fs::exists(manifest.image_path(view), ignored)) return;
      if (first.empty()) first = view.path;
    }
  }
  if (first.empty()) return;
  throw Error(ErrorKind::kUsage,
              manifest.root().string() + ": none of the images is in this folder, for example " +
                  first + "; give the folder that the manifest's paths are relative to as --root");
}

// What a process that was killed had begun to write.
void remove_leftovers(const fs::path& out) {
  std::vector<fs::path> found;
  for (const auto& file : fs::recursive_directory_iterator(out)) {
    const std::string name = file.path().filename().string();
    if (name.rfind(".shard-", 0) == 0 && name.find(".tmp-") != std::string::npos)
      found.push_back(file.path());
  }
  for (const fs::path& file : found) fs::remove(file);
}

// The manifest's lines of one split, shard after shard.
class SplitReader {
 public:
  SplitReader(fs::path out, std::vector<ShardFiles> shards)
      : out_(std::move(out)), shards_(std::move(shards)) {
    advance();
  }

  bool at_end() const { return !index_; }
  std::int64_t place() const { return index_->studies[next_].place; }

  // The next study as it stands in the pack's manifest.
  Study take() {
    const fs::path shard = out_ / shards_[shard_].shard;
    const PackedStudy& packed = index_->studies[next_];
    for (const TarMember& member : packed.members) {
      if (!member.name.ends_with(".json")) continue;
      Study study = study_from_json(read_file_part(shard, member.offset, member.length));
      for (View& view : study.views) view.path = shards_[shard_].shard;
      ++next_;
      if (next_ == index_->studies.size()) {
        ++shard_;
        advance();
      }
      return study;
    }
    throw Error(ErrorKind::kBadContent, (out_ / shards_[shard_].index).string() + ": study " +
                                            std::to_string(packed.place) + " has no .json");
  }

 private:
  // To the next shard that has a study.
  void advance() {
    next_ = 0;
    for (; shard_ < shards_.size(); ++shard_) {
      index_ = read_shard_index(out_ / shards_[shard_].index);
      if (!index_->studies.empty()) return;
    }
    index_.reset();
  }

  fs::path out_;
  std::vector<ShardFiles> shards_;
  std::size_t shard_ = 0, next_ = 0;
  std::optional<ShardIndex> index_;
};

// Adds up the shards: what was lost, and the content of index.json.
class PackSummary {
 public:
  explicit PackSummary(std::string description) : description_(std::move(description)) {
    merged_.funnel.stage("images packed", "images");
    merged_.funnel.stage("studies packed", "studies");
    const ordered_json document = ordered_json::parse(description_);
    if (document.contains(kCorpusChoice) && document[kCorpusChoice].is_string())
      merged_.funnel.record(kCorpusChoice, document[kCorpusChoice].get<std::string>());
  }

  void add(const ShardFiles& files, const ShardIndex& index) {
    FunnelStage& images = merged_.funnel.stage("images packed");
    images.pass(index.images);
    for (const LostImage& image : index.lost) images.reject(image.reason, image.example);
    FunnelStage& studies = merged_.funnel.stage("studies packed");
    studies.pass(static_cast<std::int64_t>(index.studies.size()));
    for (const std::string& study : index.studies_lost) studies.reject("no image left", study);
    ++merged_.shards;
    merged_.studies += static_cast<std::int64_t>(index.studies.size());
    merged_.images += index.images;
    merged_.bytes += index.bytes;
    shards_.push_back({{"shard", files.shard},
                       {"index", files.index},
                       {"split", files.split},
                       {"studies", index.studies.size()},
                       {"images", index.images},
                       {"bytes", index.bytes},
                       {"sha256", index.sha256}});
  }

  std::string index_json() const {
    const ordered_json document = {{"format", 1},
                                   {"pack", ordered_json::parse(description_)},
                                   {"studies", merged_.studies},
                                   {"images", merged_.images},
                                   {"bytes", merged_.bytes},
                                   {"shards", shards_}};
    return document.dump(2) + "\n";
  }
  MergedPack& merged() { return merged_; }

 private:
  std::string description_;
  MergedPack merged_;
  ordered_json shards_ = ordered_json::array();
};

// Lines of all splits in the order of the manifest that was packed.
void write_manifest(const fs::path& out, const std::vector<ShardFiles>& shards) {
  std::vector<SplitReader> splits;
  for (std::size_t begin = 0, end = 0; begin < shards.size(); begin = end) {
    while (end < shards.size() && shards[end].split == shards[begin].split) ++end;
    splits.emplace_back(out,
                        std::vector<ShardFiles>(shards.begin() + static_cast<std::ptrdiff_t>(begin),
                                                shards.begin() + static_cast<std::ptrdiff_t>(end)));
  }
  ManifestWriter manifest(out / "manifest.jsonl");
  while (true) {
    SplitReader* first = nullptr;
    for (SplitReader& split : splits) {
      if (!split.at_end() && (first == nullptr || split.place() < first->place())) first = &split;
    }
    if (first == nullptr) break;
    manifest.write(first->take());
  }
  manifest.finish();
}

}  // namespace

PackResult pack(const Manifest& manifest, const std::vector<ShardPlan>& shards,
                const PackOptions& options) {
  check_pack_form(options.form);
  const std::string description = describe_pack(manifest, options.form, shards);
  check_images_are_there(manifest);
  settle_description(options.out, description);
  const ShardJob job{manifest,        options.form,    options.out, sha256_hex(description),
                     options.threads, options.progress};
  if (options.share.is_all()) remove_leftovers(options.out);
  const auto finished = [&](const ShardPlan& shard, bool hash) {
    return is_finished(options.out, {shard.name(), shard.index_name(), {}}, job.pack, hash);
  };
  PackResult result;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    if (!options.share.has(static_cast<std::int64_t>(i))) continue;
    if (finished(shards[i], /*hash=*/true)) {
      ++result.kept;
      if (job.progress != nullptr)
        job.progress->advance(static_cast<std::int64_t>(shards[i].studies.size()));
    } else {
      write_shard(shards[i], job);
      ++result.written;
    }
  }
  // Only now: the last of several machines to come here finds all of them.
  for (std::size_t i = 0; i < shards.size(); ++i) {
    if (options.share.has(static_cast<std::int64_t>(i))) continue;
    result.missing += finished(shards[i], /*hash=*/false) ? 0 : 1;
  }
  return result;
}

MergedPack merge_pack(const fs::path& out, double max_bad) {
  const std::string description = read_file(out / kDescription);
  const std::vector<ShardFiles> shards = shard_files(description, out / kDescription);
  const std::string pack = sha256_hex(description);
  PackSummary summary(description);
  std::int64_t missing = 0;
  std::string first;
  for (const ShardFiles& files : shards) {
    if (is_finished(out, files, pack, /*hash=*/false)) {
      summary.add(files, read_shard_index(out / files.index));
    } else if (missing++ == 0) {
      first = files.shard;
    }
  }
  if (missing > 0) {
    throw Error(ErrorKind::kMissingInput,
                out.string() + ": " + std::to_string(missing) + " of " +
                    std::to_string(shards.size()) + " shards are not there or not finished, " +
                    "the first is " + first + "; run biplane pack of their share again");
  }
  MergedPack& merged = summary.merged();
  merged.funnel.write(out / "funnel.json");
  merged.funnel.check_bad(max_bad);
  if (merged.studies == 0)
    throw Error(ErrorKind::kBadContent, out.string() + ": not one study could be packed; " +
                                            (out / "funnel.json").string() + " says why");
  write_manifest(out, shards);
  write_file_atomically(out / "index.json", summary.index_json());
  return std::move(merged);
}

}  // namespace biplane

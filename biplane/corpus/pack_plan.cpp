#include "biplane/corpus/pack_plan.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <system_error>

#include "biplane/core/error.h"
#include "biplane/core/sha256.h"
#include "biplane/corpus/named_manifest.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

constexpr std::int64_t kTarBytes = 1536;  // of a member's header and padding, and a JSON line
constexpr std::int64_t kTarEndBytes = 10240;
constexpr Split kSplits[] = {Split::kTrain, Split::kValidate, Split::kTest};

ShardFiles files_of(const std::string& split, std::int64_t number) {
  const std::string stem = fmt::format("{}/shard-{:06}", split, number);
  return {stem + ".tar", stem + ".jsonl", split};
}

std::int64_t image_bytes(const Manifest& manifest, const View& view, const PackForm& form) {
  if (!form.original) return form.image.size * form.image.size;
  if (view.stored.length > 0) return view.stored.length;
  std::error_code error;
  const auto size = fs::file_size(manifest.image_source(view).path, error);
  return error ? 0 : static_cast<std::int64_t>(size);
}

// What a study counts towards the limit of a shard.
std::int64_t weight(const Manifest& manifest, std::int64_t place, const PackForm& form) {
  if (form.shard_studies > 0) return 1;
  const Study study = manifest.study(place);
  std::int64_t bytes = static_cast<std::int64_t>(2 * study.report.text.size()) + 2 * kTarBytes;
  for (const View& view : study.views) bytes += kTarBytes + image_bytes(manifest, view, form);
  return bytes;
}

void add_split(const Manifest& manifest, Split split, const PackForm& form,
               std::vector<ShardPlan>& shards) {
  const std::int64_t limit = form.shard_studies > 0 ? form.shard_studies : form.shard_bytes;
  std::int64_t filled = 0, number = 0;
  for (std::int64_t i = 0; i < manifest.size(); ++i) {
    if (manifest.summary(i).split != split) continue;
    const std::int64_t more = weight(manifest, i, form);
    if (number == 0 || filled + more > limit) {
      shards.push_back({split, number++, {}});
      filled = form.shard_studies > 0 ? 0 : kTarEndBytes;
    }
    shards.back().studies.push_back(i);
    filled += more;
  }
}

}  // namespace

void check_pack_form(const PackForm& form) {
  PreprocessOptions image = form.image;
  image.crop = 1;
  check_preprocess(image, "--");
  const auto refuse = [](const std::string& option, const auto& value, const std::string& wanted) {
    throw Error(ErrorKind::kUsage, fmt::format("{} is {}; it must be {}", option, value, wanted));
  };
  if (form.encoding != "png" && form.encoding != "jpeg")
    refuse("--format", "'" + form.encoding + "'", "png or jpeg");
  if (form.quality < 1 || form.quality > 100) refuse("--quality", form.quality, "1 to 100");
  if (form.shard_studies < 0 || form.shard_bytes < 1)
    refuse("--shard-size", std::max(form.shard_studies, form.shard_bytes), "more than 0");
}

std::string ShardPlan::name() const { return files_of(split_name(split), number).shard; }
std::string ShardPlan::index_name() const { return files_of(split_name(split), number).index; }

std::vector<ShardPlan> plan_shards(const Manifest& manifest, const PackForm& form) {
  std::vector<ShardPlan> shards;
  for (const Split split : kSplits) add_split(manifest, split, form, shards);
  return shards;
}

std::string describe_pack(const Manifest& manifest, const PackForm& form,
                          const std::vector<ShardPlan>& shards) {
  ordered_json images = {{"form", form.original ? "original" : "reduced"}};
  if (!form.original) {
    images["fit"] = form.image.fit;
    images["size"] = form.image.size;
    images["encoding"] = form.encoding;
    if (form.encoding == "jpeg") images["quality"] = form.quality;
  }
  ordered_json splits = ordered_json::object();
  std::string cuts;
  for (const ShardPlan& shard : shards) {
    ordered_json& split = splits[split_name(shard.split)];
    if (split.is_null()) split = {{"studies", 0}, {"shards", 0}};
    split["studies"] = split["studies"].get<std::size_t>() + shard.studies.size();
    split["shards"] = shard.number + 1;
    cuts += std::to_string(shard.studies.front()) + ' ';
  }
  ordered_json shard_size = form.shard_studies > 0 ? ordered_json{{"studies", form.shard_studies}}
                                                   : ordered_json{{"bytes", form.shard_bytes}};
  ordered_json document = {{"format", 1},
                           {"manifest_sha256", sha256_file(manifest.path())},
                           {"studies", manifest.size()},
                           {"images", images},
                           {"shard_size", shard_size},
                           {"splits", splits},
                           {"cuts_sha256", sha256_hex(cuts)}};
  const std::string corpus = prepared_corpus(manifest.path());
  if (!corpus.empty()) document[kCorpusChoice] = corpus;
  return document.dump(2) + "\n";
}

std::vector<ShardFiles> shard_files(const std::string& description, const fs::path& path) {
  try {
    std::vector<ShardFiles> files;
    const ordered_json document = ordered_json::parse(description);
    for (const auto& [split, counts] : document.at("splits").items()) {
      const auto shards = counts.at("shards").get<std::int64_t>();
      for (std::int64_t i = 0; i < shards; ++i) files.push_back(files_of(split, i));
    }
    return files;
  } catch (const nlohmann::json::exception& error) {
    throw Error(ErrorKind::kBadContent, path.string() + ": is no description of a pack (" +
                                            error.what() + "); remove the folder and pack again");
  }
}

}  // namespace biplane

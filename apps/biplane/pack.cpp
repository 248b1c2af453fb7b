#include "biplane/corpus/pack.h"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "apps/biplane/verbs.h"
#include "biplane/core/error.h"
#include "biplane/core/folder_lock.h"
#include "biplane/core/parallel.h"
#include "biplane/core/progress.h"
#include "biplane/corpus/decoded_images.h"

namespace biplane::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDescription =
    "Puts the images and reports of a manifest into tar shards in WebDataset's convention: "
    "OUT/train/shard-000000.tar and so on, with OUT/manifest.jsonl to train and evaluate from "
    "them. Goes on where it was interrupted.";
constexpr const char* kFooter =
    "examples\n"
    "  biplane pack prepared --out packed                        (8-bit PNG, longest side 256)\n"
    "  biplane pack prepared --out packed --decoded              (and decoded, so that a loader "
    "only copies)\n"
    "  biplane pack prepared --out packed --original --shard-size 1GiB\n"
    "  biplane pack prepared --out packed --shard 0/4            (on one of four machines; the "
    "last "
    "one to finish merges)\n"
    "  biplane pack --merge --out packed                         (or this does)\n"
    "  biplane pretrain --config configs/paper.yaml --set data.manifest=packed --out runs/packed";

struct Options {
  std::string manifest, root, out, shard_size = "256MiB";
  WorkShare share;
  PackForm form;
  std::int64_t threads = 0;
  double max_bad = 0.05;
  bool merge = false, decoded = false, json = false;
};

// "1000": studies; "256MiB": bytes.
void set_shard_size(const std::string& text, PackForm& form) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string unit(end, text.data() + text.size() - end);
  const int shift = unit.empty() ? 0 : unit == "KiB" ? 10 : unit == "MiB" ? 20 : 30;
  if (error != std::errc{} || number < 1 || number > (INT64_MAX >> shift) ||
      (shift == 30 && unit != "GiB")) {
    throw Error(ErrorKind::kUsage, "--shard-size is '" + text +
                                       "'; it must be a number of studies, such as 1000, or a "
                                       "size, such as 256MiB or 1GiB");
  }
  (unit.empty() ? form.shard_studies : form.shard_bytes) = number << shift;
}

void add_form_options(CLI::App& app, Options& options) {
  PackForm& form = options.form;
  app.add_option("--size", form.image.size, "pixels of the images' longest side (--fit)")
      ->capture_default_str();
  app.add_option("--fit", form.image.fit, "longest or shortest: the side that becomes --size")
      ->capture_default_str();
  app.add_flag("--original", form.original, "keep the image files as they are");
  app.add_option("--format", form.encoding, "png (exact) or jpeg")->capture_default_str();
  app.add_option("--quality", form.quality, "of jpeg, 1 to 100")->capture_default_str();
  app.add_option("--shard-size", options.shard_size,
                 "at most so many studies (1000) or bytes of input (256MiB, 1GiB) a shard")
      ->type_name("SIZE")
      ->capture_default_str();
  app.add_flag("--decoded", options.decoded,
               "also write decoded-FIT-SIZE.u8, the decoded images in one file to be mapped");
}

void add_options(CLI::App& app, Options& options) {
  app.add_option("manifest", options.manifest, "manifest.jsonl or its folder")
      ->type_name("MANIFEST");
  app.add_option("--root", options.root, "folder of the images; default the manifest's own")
      ->type_name("DIR");
  app.add_option("--out", options.out, "folder of the pack")->required()->type_name("DIR");
  add_form_options(app, options);
  add_shard_option(app, options.share, "of the shards");
  app.add_flag("--merge", options.merge,
               "write no shard, only the manifest and index of the shards that are there");
  app.add_option("--max-bad", options.max_bad,
                 "fraction of lost images or studies from which on this fails (exit 65)")
      ->capture_default_str();
  app.add_option("--threads", options.threads, "0: one per core")
      ->check(non_negative())
      ->capture_default_str();
  app.add_flag("--json", options.json, "print the result as JSON");
  app.footer(kFooter);
}

void refuse_contradictions(const CLI::App& app, const Options& options) {
  const auto refuse = [&](const char* option, const std::string& why) {
    if (app.count(option) > 0) throw Error(ErrorKind::kUsage, std::string(option) + ": " + why);
  };
  if (options.merge != options.manifest.empty()) {
    throw Error(ErrorKind::kUsage, options.merge
                                       ? "--merge takes no MANIFEST: OUT/pack.json says what is "
                                         "packed"
                                       : "a manifest is missing (biplane pack --help)");
  }
  if (options.merge) {
    for (const char* option :
         {"--root", "--original", "--format", "--quality", "--shard-size", "--shard"})
      refuse(option, "has no meaning with --merge");
  }
  if (options.form.original) {
    for (const char* option : {"--format", "--quality"})
      refuse(option, "has no meaning with --original");
  }
  if ((options.form.original || options.merge) && !options.decoded) {
    for (const char* option : {"--size", "--fit"})
      refuse(option, "has a meaning here with --decoded only");
  }
  if (options.form.encoding == "png") refuse("--quality", "png has none");
  if (!(options.max_bad >= 0 && options.max_bad <= 1))
    throw Error(ErrorKind::kUsage, "--max-bad is a fraction, 0 to 1");
}

std::optional<Options> parse(const Arguments& arguments) {
  Options options;
  options.form.image.crop = 1;  // nothing is cropped here
  CLI::App app(kDescription, "biplane pack");
  add_options(app, options);
  if (!parse_arguments(app, arguments)) return std::nullopt;
  refuse_contradictions(app, options);
  set_shard_size(options.shard_size, options.form);
  check_pack_form(options.form);
  return options;
}

PackResult pack_share(const Options& options, const WorkShare& share) {
  const Manifest manifest = Manifest::read(options.manifest, options.root);
  std::optional<FolderLock> lock;  // several shares work in one folder
  if (share.is_all()) lock.emplace(options.out);
  const std::vector<ShardPlan> shards = plan_shards(manifest, options.form);
  std::int64_t studies = 0;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    if (share.has(static_cast<std::int64_t>(i)))
      studies += static_cast<std::int64_t>(shards[i].studies.size());
  }
  Progress progress({.label = share.is_all() ? "pack" : "pack " + share.text(),
                     .unit = "studies",
                     .total = studies});
  return pack(manifest, shards,
              {options.out, options.form, share, resolve_threads(options.threads), &progress});
}

void write_decoded(const Options& options, std::int64_t images) {
  Progress progress({.label = "decode", .unit = "images", .total = images});
  DecodedImages::write_beside(Manifest::read(options.out), options.form.image,
                              resolve_threads(options.threads), &progress);
}

void print_waiting(const Options& options, const WorkShare& share, const PackResult& result) {
  if (options.json) {
    const nlohmann::ordered_json json = {{"share", share.text()},
                                         {"written", result.written},
                                         {"kept", result.kept},
                                         {"missing", result.missing},
                                         {"merged", false}};
    print_result(json.dump(2) + "\n");
    return;
  }
  print_result(
      fmt::format("share {}: {} shards written, {} kept; {} of other shares are not there yet: the "
                  "last share to "
                  "finish makes the manifest, or biplane pack --merge --out {}\n",
                  share.text(), result.written, result.kept, result.missing, options.out));
}

bool has_lost_images(const Funnel& funnel) {
  return std::any_of(funnel.stages().begin(), funnel.stages().end(),
                     [](const FunnelStage& stage) { return stage.bad() > 0; });
}

void print_merged(const Options& options, const PackResult& result, const MergedPack& merged) {
  if (options.json) {
    const nlohmann::ordered_json json = {
        {"out", options.out},
        {"merged", true},
        {"shards", merged.shards},
        {"written", result.written},
        {"kept", result.kept},
        {"studies", merged.studies},
        {"images", merged.images},
        {"bytes", merged.bytes},
        {"funnel", nlohmann::ordered_json::parse(merged.funnel.json())}};
    print_result(json.dump(2) + "\n");
    return;
  }
  print_result(merged.funnel.table() +
               fmt::format("{} shards ({} written, {} kept), {:.1f} MiB: {}\n", merged.shards,
                           result.written, result.kept,
                           static_cast<double>(merged.bytes) / (1 << 20),
                           (fs::path(options.out) / "manifest.jsonl").string()));
  if (has_lost_images(merged.funnel)) {
    std::fprintf(stderr,
                 "images that could not be packed are not looked for again in this pack; once they "
                 "are there, pack into a new --out\n");
  }
}

}  // namespace

int run_pack(const Arguments& arguments) {
  const std::optional<Options> options = parse(arguments);
  if (!options) return 0;
  PackResult result;
  if (!options->merge) {
    const WorkShare share = options->share;
    result = pack_share(*options, share);
    if (result.missing > 0) {
      print_waiting(*options, share, result);
      return 0;
    }
  }
  const MergedPack merged = merge_pack(options->out, options->max_bad);
  if (options->decoded) write_decoded(*options, merged.images);
  print_merged(*options, result, merged);
  return 0;
}

}  // namespace biplane::cli

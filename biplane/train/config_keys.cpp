#include "biplane/train/config_keys.h"

#include <fmt/format.h>

#include <algorithm>

#include "biplane/core/error.h"
#include "biplane/core/sha256.h"

namespace biplane {
namespace {

// What a run may change when it goes on. train.threads is checked by the trainer, data by its
// fingerprint.
constexpr std::string_view kFree[] = {
    "train.checkpoint_every", "train.keep",     "train.log_every", "train.device",
    "train.threads",          "data.manifest",  "data.root",       "data.workers",
    "data.prefetch",          "data.cache_mib", "data.vocabulary", "data.exclude_patients_of",
    "dense.cache_mib"};
constexpr std::string_view kArchitecture = "model.";

bool is_free(const std::string& key) {
  const std::string name = key.substr(0, key.find('['));  // of a list
  return std::find(std::begin(kFree), std::end(kFree), name) != std::end(kFree);
}

std::string value_of(const std::map<std::string, std::string>& keys, const std::string& key) {
  const auto found = keys.find(key);
  return found == keys.end() ? "not set" : found->second;
}

[[noreturn]] void throw_differs(const std::filesystem::path& run, const std::string& key,
                                const std::string& before, const std::string& now) {
  const bool architecture = key.starts_with(kArchitecture);
  throw Error(
      ErrorKind::kUsage,
      fmt::format("{}: its checkpoints are of another {}: {} is {} there and {} now; use another "
                  "--out or the same value",
                  run.string(), architecture ? "architecture" : "configuration", key, before, now));
}

}  // namespace

void ConfigKeys::put(std::string_view name, std::string value) {
  keys_[prefix_ + std::string(name)] = std::move(value);
}
void ConfigKeys::field(std::string_view name, std::int64_t& value) {
  put(name, std::to_string(value));
}
void ConfigKeys::field(std::string_view name, double& value) {
  put(name, fmt::format("{}", value));
}
void ConfigKeys::field(std::string_view name, bool& value) { put(name, value ? "true" : "false"); }
void ConfigKeys::field(std::string_view name, std::string& value) { put(name, value); }

void check_same_config(const std::map<std::string, std::string>& before,
                       const std::map<std::string, std::string>& now,
                       const std::filesystem::path& run) {
  std::map<std::string, std::string> all = before;
  all.insert(now.begin(), now.end());
  std::string differing;
  for (const auto& [key, unused] : all) {
    if (is_free(key)) continue;
    if (value_of(before, key) == value_of(now, key)) continue;
    // The architecture is named first: it explains most of what else may differ.
    if (differing.empty() ||
        (key.starts_with(kArchitecture) && !differing.starts_with(kArchitecture)))
      differing = key;
  }
  if (!differing.empty())
    throw_differs(run, differing, value_of(before, differing), value_of(now, differing));
}

std::string config_hash(const std::map<std::string, std::string>& keys) {
  std::string text;
  for (const auto& [key, value] : keys) {
    if (!is_free(key)) text += key + '=' + value + '\n';
  }
  return sha256_hex(text);
}

}  // namespace biplane

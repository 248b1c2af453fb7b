#include "biplane/data/config.h"

#include "biplane/core/error.h"
#include "biplane/corpus/chexpert.h"

namespace biplane {
namespace {

[[noreturn]] void throw_key(const std::string& key, const std::string& value,
                            const std::string& wanted) {
  throw Error(ErrorKind::kUsage, "data." + key + " is " + value + "; it must be " + wanted);
}

void check_range(const std::string& key, std::int64_t value, std::int64_t low, std::int64_t high) {
  if (value < low || value > high) {
    throw_key(key, std::to_string(value), std::to_string(low) + " to " + std::to_string(high));
  }
}

}  // namespace

std::vector<std::string> DataConfig::label_names() const {
  if (!labels.empty()) return labels;
  return {kChexpertLabels.begin(), kChexpertLabels.end()};
}

StudyFilter DataConfig::filter() const {
  StudyFilter filter;
  filter.split = split;
  filter.require_both = views == "both";
  filter.require_report = true;
  filter.limit = limit;
  filter.invert = invert;
  return filter;
}

void check_data_config(const DataConfig& config) {
  if (config.views != "any" && config.views != "both")
    throw_key("views", "'" + config.views + "'", "any or both");
  if (config.view_sampling != "random" && config.view_sampling != "first") {
    throw_key("view_sampling", "'" + config.view_sampling + "'", "random or first");
  }
  if (config.split != "all" && !config.split.empty() && !parse_split(config.split)) {
    throw_key("split", "'" + config.split + "'", "train, validate, test or all");
  }
  check_range("limit", config.limit, 0, INT64_MAX);
  check_range("max_tokens", config.max_tokens, 3, 8192);
  check_range("vocabulary_size", config.vocabulary_size, 32, 1'000'000);
  check_range("workers", config.workers, 0, 256);
  check_range("prefetch", config.prefetch, 1, 4096);
  check_range("cache_mib", config.cache_mib, 0, std::int64_t{1} << 24);
  check_preprocess(config.image, "data.image.");
  check_masking_options(config.masking, "data.masking.");
}

}  // namespace biplane

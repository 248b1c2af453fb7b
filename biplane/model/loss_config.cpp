#include "biplane/model/loss_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "biplane/core/error.h"

namespace biplane {
namespace {

[[noreturn]] void reject(const std::string& key, const std::string& value,
                         std::string_view wanted) {
  throw Error(ErrorKind::kUsage, fmt::format("{}: {} is not {}", key, value, wanted));
}

void at_least(const std::string& key, double value, double low) {
  if (!(value >= low)) reject(key, fmt::format("{}", value), fmt::format("at least {}", low));
}

void positive(const std::string& key, double value) {
  if (!(value > 0.0)) reject(key, fmt::format("{}", value), "above 0");
}

void one_of(const std::string& key, const std::string& value,
            std::initializer_list<std::string_view> names) {
  std::string wanted;
  for (const std::string_view name : names) {
    if (value == name) return;
    wanted += fmt::format("{}{}", wanted.empty() ? "" : " or ", name);
  }
  reject(key, value, wanted);
}

void in_unit_range(const std::string& key, double value) {
  if (!(value >= 0.0 && value <= 1.0)) reject(key, fmt::format("{}", value), "in [0, 1]");
}

void check_weights(const LossConfig& config, const std::string& prefix) {
  double sum = 0.0;
  for (const auto& [name, weight] :
       {std::pair("itc", config.itc.weight), std::pair("mlm", config.mlm.weight),
        std::pair("fla", config.fla.weight), std::pair("proto", config.proto.weight),
        std::pair("local", config.local.weight), std::pair("labels", config.labels.weight)}) {
    at_least(prefix + name + ".weight", weight, 0.0);
    sum += weight;
  }
  if (sum <= 0.0)
    throw Error(ErrorKind::kUsage, prefix + "*.weight: every loss term is switched off");
}

void check_itc(const ItcConfig& itc, const std::string& prefix) {
  one_of(prefix + "kind", itc.kind, {"info_nce", "sigmoid"});
  positive(prefix + "temperature", itc.temperature);
  if (itc.learns_scale())
    at_least(prefix + "temperature", itc.temperature, 1.0 / kMaxContrastScale);
  if (!std::isfinite(itc.bias))
    reject(prefix + "bias", fmt::format("{}", itc.bias), "a finite number");
  one_of(prefix + "text_negatives", itc.text_negatives, {"with_view", "all"});
  one_of(prefix + "weights", itc.weights, {"mean", "fixed"});
  at_least(prefix + "pairs.frontal_text", itc.pairs.frontal_text, 0.0);
  at_least(prefix + "pairs.lateral_text", itc.pairs.lateral_text, 0.0);
  at_least(prefix + "pairs.fused_text", itc.pairs.fused_text, 0.0);
  at_least(prefix + "pairs.frontal_lateral", itc.pairs.frontal_lateral, 0.0);
  in_unit_range(prefix + "soft_targets.weight", itc.soft_targets.weight);
  positive(prefix + "soft_targets.threshold", itc.soft_targets.threshold);
  in_unit_range(prefix + "soft_targets.threshold", itc.soft_targets.threshold);
}

// A term of which nothing can ever exist is a mistake in the configuration.
void check_views(const LossConfig& config, const std::string& prefix) {
  one_of(prefix + "views", config.views, {"both", "frontal", "lateral"});
  const bool frontal = config.views != "lateral", lateral = config.views != "frontal";
  const ItcPairs& pairs = config.itc.pairs;
  const double usable = pairs.fused_text + (frontal ? pairs.frontal_text : 0.0) +
                        (lateral ? pairs.lateral_text : 0.0) +
                        (frontal && lateral ? pairs.frontal_lateral : 0.0);
  if (config.itc.weight > 0.0 && usable <= 0.0) {
    throw Error(ErrorKind::kUsage, prefix + "itc.pairs: no pair is left with " + prefix +
                                       "views = " + config.views + "; set " + prefix +
                                       "itc.weight to 0 instead");
  }
  if (config.fla.weight > 0.0 && !(frontal && lateral)) {
    throw Error(ErrorKind::kUsage,
                fmt::format("{0}fla.weight: {1} needs both views, {0}views is {2}", prefix,
                            config.fla.weight, config.views));
  }
}

void check_share(const std::string& key, double share, std::int64_t studies, std::int64_t needed) {
  if (share >= 1.0 || studies_seen(share, studies) >= needed) return;
  // Rounded up to digits that can be typed.
  constexpr std::int64_t kPerUnit = 10000;
  const std::int64_t least = std::min((needed * kPerUnit + studies - 1) / studies, kPerUnit);
  throw Error(ErrorKind::kUsage,
              fmt::format("{}: with {} the term sees {} of the {} studies of a micro-batch "
                          "(train.batch / train.accumulate) and needs {}: at least {} is needed",
                          key, share, studies_seen(share, studies), studies, needed,
                          static_cast<double>(least) / kPerUnit));
}

}  // namespace

std::int64_t studies_seen(double share, std::int64_t studies) {
  return static_cast<std::int64_t>(std::floor(static_cast<double>(studies) * share));
}

void check_shares(const LossConfig& config, std::int64_t studies, const std::string& prefix) {
  if (config.mlm.weight > 0.0) check_share(prefix + "mlm.share", config.mlm.share, studies, 1);
  // The image half sets a study against others.
  if (config.fla.weight > 0.0)
    check_share(prefix + "fla.share", config.fla.share, studies,
                config.fla.image_negatives > 0 ? 2 : 1);
}

void check_config(const LossConfig& config, const std::string& prefix) {
  check_weights(config, prefix);
  check_itc(config.itc, prefix + "itc.");
  check_views(config, prefix);
  for (const auto& [key, share] :
       {std::pair{"mlm.share", config.mlm.share}, {"fla.share", config.fla.share}}) {
    positive(prefix + key, share);
    in_unit_range(prefix + key, share);
  }
  one_of(prefix + "fla.units", config.fla.units, {"words", "pieces"});
  at_least(prefix + "fla.image_negatives", static_cast<double>(config.fla.image_negatives), 0.0);
  positive(prefix + "fla.temperature", config.fla.temperature);
  one_of(prefix + "fla.word_weights", config.fla.word_weights, {"none", "attention"});
  at_least(prefix + "fla.gap_every", static_cast<double>(config.fla.gap_every), 0.0);
  constexpr std::int64_t kMostQueued = 16'777'216;  // per view; all of them are held in memory
  if (config.proto.queue < 0 || config.proto.queue > kMostQueued)
    reject(prefix + "proto.queue", std::to_string(config.proto.queue),
           fmt::format("in [0, {}]", kMostQueued));
  at_least(prefix + "proto.freeze_steps", static_cast<double>(config.proto.freeze_steps), 0.0);
  at_least(prefix + "proto.freeze_epochs", static_cast<double>(config.proto.freeze_epochs), 0.0);
  at_least(prefix + "proto.epsilon", config.proto.epsilon, 0.0);
  at_least(prefix + "proto.temperature", config.proto.temperature, 0.0);
  at_least(prefix + "proto.iterations", static_cast<double>(config.proto.iterations), 1.0);
  positive(prefix + "local.temperature", config.local.temperature);
  positive(prefix + "local.attention_temperature", config.local.attention_temperature);
  at_least(prefix + "diagnostics_every", static_cast<double>(config.diagnostics_every), 0.0);
}

}  // namespace biplane

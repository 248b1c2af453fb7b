#include "biplane/model/loss_config.h"

#include <fmt/format.h>

#include <initializer_list>
#include <string_view>

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

}  // namespace

void check_config(const LossConfig& config, const std::string& prefix) {
  at_least(prefix + "itc.weight", config.itc.weight, 0.0);
  at_least(prefix + "mlm.weight", config.mlm.weight, 0.0);
  at_least(prefix + "fla.weight", config.fla.weight, 0.0);
  at_least(prefix + "proto.weight", config.proto.weight, 0.0);
  if (config.itc.weight + config.mlm.weight + config.fla.weight + config.proto.weight <= 0.0) {
    throw Error(ErrorKind::kUsage, prefix + "*.weight: every loss term is switched off");
  }
  positive(prefix + "itc.temperature", config.itc.temperature);
  if (config.itc.learned)
    at_least(prefix + "itc.temperature", config.itc.temperature, 1.0 / kMaxContrastScale);
  one_of(prefix + "itc.text_negatives", config.itc.text_negatives, {"with_view", "all"});
  one_of(prefix + "itc.weights", config.itc.weights, {"mean", "fixed"});
  one_of(prefix + "fla.units", config.fla.units, {"words", "pieces"});
  at_least(prefix + "fla.image_negatives", static_cast<double>(config.fla.image_negatives), 0.0);
  positive(prefix + "fla.temperature", config.fla.temperature);
  at_least(prefix + "fla.gap_every", static_cast<double>(config.fla.gap_every), 0.0);
  at_least(prefix + "proto.queue", static_cast<double>(config.proto.queue), 0.0);
  at_least(prefix + "proto.freeze_steps", static_cast<double>(config.proto.freeze_steps), 0.0);
  at_least(prefix + "proto.epsilon", config.proto.epsilon, 0.0);
  at_least(prefix + "proto.temperature", config.proto.temperature, 0.0);
  at_least(prefix + "proto.iterations", static_cast<double>(config.proto.iterations), 1.0);
  at_least(prefix + "diagnostics_every", static_cast<double>(config.diagnostics_every), 0.0);
}

}  // namespace biplane

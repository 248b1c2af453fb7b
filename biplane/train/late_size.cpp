#include "biplane/train/late_size.h"

#include <fmt/format.h>

#include <cmath>

#include "biplane/core/error.h"

namespace biplane {

std::int64_t late_start(const TrainConfig& config, std::int64_t total_steps) {
  if (config.late_size == 0) return total_steps;
  // The small term keeps 0.2 * 15 at 3 although the product is just above it in binary.
  const double late = std::ceil(config.late_fraction * static_cast<double>(total_steps) - 1e-9);
  return total_steps - static_cast<std::int64_t>(late);
}

PreprocessOptions late_image(const PretrainConfig& config) {
  PreprocessOptions image = config.data.image;
  image.size = (2 * image.size * config.train.late_size + image.crop) / (2 * image.crop);
  image.crop = config.train.late_size;
  return image;
}

PreprocessOptions image_of_step(const PretrainConfig& config, std::int64_t total_steps,
                                std::int64_t step) {
  return step < late_start(config.train, total_steps) ? config.data.image : late_image(config);
}

void check_late_size(const PretrainConfig& config) {
  const std::int64_t size = config.train.late_size, crop = config.data.image.crop;
  if (size == 0) return;
  const std::string key = fmt::format("train.late_size = {}: ", size);
  if (size <= crop)
    throw Error(ErrorKind::kUsage,
                key + fmt::format("more than data.image.crop = {} is needed, or 0 (off)", crop));
  ModelConfig model = config.model;
  model.image_size = size;
  try {
    check_config(model);
    check_preprocess(late_image(config), "data.image.");
  } catch (const Error& error) {
    throw Error(ErrorKind::kUsage, key + error.what());
  }
}

}  // namespace biplane

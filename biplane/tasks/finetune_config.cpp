#include "biplane/tasks/finetune_config.h"

#include <fmt/format.h>

#include "biplane/core/device_name.h"
#include "biplane/core/error.h"
#include "biplane/core/one_of.h"

namespace biplane {
namespace {

void require(bool holds, const std::string& message) {
  if (!holds) throw Error(ErrorKind::kUsage, message);
}

template <class Number>
void require_between(const std::string& key, Number value, Number low, Number high) {
  require(value >= low && value <= high,
          fmt::format("{} = {}: must be {} to {}", key, value, low, high));
}

constexpr std::int64_t kMost = std::int64_t{1} << 40;
constexpr double kMuch = 1e9;
constexpr std::int64_t kMostChannels = 1 << 14;  // of a head
constexpr std::int64_t kLeastYoloChannels = 8;   // of which its narrowest layer has an eighth

void check_data(const TaskDataConfig& data) {
  require_one_of("data.views", data.views, {"frontal", "lateral", "both"});
  require(data.select != "test",
          "data.select = test: studies of the split test choose neither epochs nor thresholds; use "
          "validate, or holdout for a share of the training patients");
  require_one_of("data.select", data.select, {"validate", "holdout"});
  require(data.select != "holdout" || (data.holdout > 0 && data.holdout < 1),
          fmt::format("data.holdout = {}: must be between 0 and 1", data.holdout));
  require(data.fraction > 0 && data.fraction <= 1,
          fmt::format("data.fraction = {}: must be above 0 and at most 1", data.fraction));
  require_one_of("data.fraction_rule", data.fraction_rule,
                 {"published", "published_detection", "published_siim", "study"});
  require_between<std::int64_t>("data.workers", data.workers, 0, 1024);
  require_between<std::int64_t>("data.prefetch", data.prefetch, 1, 1024);
  require_between<std::int64_t>("data.cache_mib", data.cache_mib, 0, kMost);
}

void check_head(const FinetuneConfig& config) {
  const TaskHeadConfig& head = config.head;
  require_one_of("head.features", head.features, {"tower", "mean_patch", "projected"});
  require_one_of("head.norm", head.norm, {"none", "layer", "standard"});
  require_one_of("head.init", head.init, {"zero", "uniform", "normal"});
  require_between("head.init_std", head.init_std, 0.0, kMuch);
  require(
      head.norm != "standard" || (config.task == "linear" && !config.augment.any()),
      "head.norm = standard: needs features that stay as they are: task linear without augment");
}

void check_fit(const FitConfig& fit) {
  require_one_of("train.optimizer", fit.optimizer, {"adamw", "sgd"});
  require(fit.lr > 0 && fit.lr < kMuch, fmt::format("train.lr = {}: must be above 0", fit.lr));
  require(fit.momentum >= 0 && fit.momentum < 1,
          fmt::format("train.momentum = {}: must be 0 to below 1", fit.momentum));
  require_between("train.weight_decay", fit.weight_decay, 0.0, kMuch);
  require(fit.layer_decay > 0 && fit.layer_decay <= 1,
          fmt::format("train.layer_decay = {}: must be above 0 and at most 1", fit.layer_decay));
  require(fit.encoder_lr > 0 && fit.encoder_lr < kMuch,
          fmt::format("train.encoder_lr = {}: must be above 0", fit.encoder_lr));
  require_between<std::int64_t>("train.steps", fit.steps, 0, kMost);
  require_between<std::int64_t>("train.epochs", fit.epochs, 1, kMost);
  require_between<std::int64_t>("train.batch", fit.batch, 1, kMost);
  require_one_of("train.schedule", fit.schedule, {"constant", "linear", "cosine"});
  require_between<std::int64_t>("train.schedule_steps", fit.schedule_steps, 0, kMost);
  require(fit.schedule_steps == 0 || fit.schedule != "constant",
          "train.schedule_steps: train.schedule = constant has no length; use linear or cosine");
  require_between<std::int64_t>("train.warmup", fit.warmup, 0, kMost);
  require_between("train.warmup_from", fit.warmup_from, 0.0, 1.0);
  require_between("train.clip", fit.clip, 0.0, kMuch);
  require_one_of("train.stop_on", fit.stop_on, {"loss", "metric"});
  require_between<std::int64_t>("train.patience", fit.patience, 0, kMost);
  require_between<std::int64_t>("train.select_every", fit.select_every, 1, kMost);
  require_between<std::int64_t>("train.select_from", fit.select_from, 1, kMost);
  require_between<std::int64_t>("train.select_every_steps", fit.select_every_steps, 0, kMost);
  require(fit.select_every_steps == 0 || (fit.select_every == 1 && fit.select_from == 1),
          "train.select_every_steps: counts steps; leave out train.select_every and "
          "train.select_from, which count epochs");
  require_between<std::int64_t>("train.threads", fit.threads, 0, 1024);
  require(
      fit.device == "cpu" || names_cuda(fit.device),
      fmt::format("train.device = {}: cpu, cuda or cuda:N (N = 0, 1, ...) is needed", fit.device));
  require(fit.threads <= 1 || fit.device == "cpu",
          fmt::format("train.threads = {}: 0 or 1 is needed with train.device = {}", fit.threads,
                      fit.device));
}

void check_augment(const AugmentConfig& augment) {
  const std::vector<double>& scale = augment.crop_scale;
  require(
      scale.empty() || (scale.size() == 2 && scale[0] > 0 && scale[0] <= scale[1] && scale[1] <= 1),
      "augment.crop_scale: needs two shares of the area, above 0 and at most 1, in order");
  require_between("augment.crop_ratio", augment.crop_ratio, 1.0, 100.0);
  require_between("augment.flip", augment.flip, 0.0, 1.0);
  require_between("augment.rotate", augment.rotate, 0.0, 180.0);
  require(augment.scale >= 0 && augment.scale < 1,
          fmt::format("augment.scale = {}: must be 0 to below 1", augment.scale));
  require_between("augment.affine", augment.affine, 0.0, 1.0);
}

void check_segmentation(const SegmentationConfig& segmentation) {
  require_one_of("segmentation.head", segmentation.head, {"setr_pup", "upernet"});
  require_one_of("segmentation.loss", segmentation.loss,
                 {"focal_dice", "cross_entropy", "focal_dice_by_image"});
  require_between("segmentation.auxiliary", segmentation.auxiliary, 0.0, kMuch);
  require(segmentation.auxiliary == 0 || segmentation.loss != "focal_dice",
          "segmentation.auxiliary: needs segmentation.loss = cross_entropy or focal_dice_by_image");
  require_between<std::int64_t>("segmentation.auxiliary_layer", segmentation.auxiliary_layer, 0,
                                1024);
  require_between<std::int64_t>("segmentation.auxiliary_channels", segmentation.auxiliary_channels,
                                0, kMostChannels);
  require(segmentation.auxiliary > 0 ||
              (segmentation.auxiliary_layer == 0 && segmentation.auxiliary_channels == 0),
          "segmentation.auxiliary = 0: there is no head that segmentation.auxiliary_layer and "
          "segmentation.auxiliary_channels could be of");
  require(segmentation.dropout >= 0 && segmentation.dropout < 1,
          fmt::format("segmentation.dropout = {}: must be 0 to below 1", segmentation.dropout));
  require(segmentation.threshold >= 0 && segmentation.threshold < 1,
          fmt::format("segmentation.threshold = {}: must be 0 (chosen) to below 1",
                      segmentation.threshold));
  require_between<std::int64_t>("segmentation.batch", segmentation.batch, 1, kMost);
}

void check_detection(const DetectionConfig& detection) {
  require_one_of("detection.head", detection.head, {"vitdet", "yolov3"});
  require_between("detection.confidence", detection.confidence, 0.0, 1.0);
  require(detection.nms > 0 && detection.nms <= 1,
          fmt::format("detection.nms = {}: must be above 0 and at most 1", detection.nms));
}

void check_dense(const FinetuneConfig& config) {
  const DenseConfig& dense = config.dense;
  require_one_of("dense.encoder", dense.encoder, {"frozen", "trained"});
  require_between<std::int64_t>("dense.image_size", dense.image_size, 0, 4096);
  require_between<std::int64_t>("dense.channels", dense.channels, 1, kMostChannels);
  require_between<std::int64_t>("dense.cache_mib", dense.cache_mib, 0, kMost);
  for (const std::int64_t layer : dense.layers)
    require_between<std::int64_t>("dense.layers", layer, -15, 1000);  // stages of a stem, blocks
  require(config.data.views != "both",
          "data.views = both: a mask or a box lies in one view; task " + config.task +
              " needs frontal or lateral");
  require(config.train.device == "cpu", "train.device = " + config.train.device + ": task " +
                                            config.task + " is computed on the CPU");
  require(!config.augment.random_crop,
          "augment.random_crop: task " + config.task +
              " sees whole images, of which nothing is left to crop; use augment.crop_scale");
  check_segmentation(config.segmentation);
  check_detection(config.detection);
  const bool yolo = config.task == "detection" && config.detection.head == "yolov3";
  require(!yolo || dense.channels >= kLeastYoloChannels,
          fmt::format("dense.channels = {}: detection.head = yolov3 needs {} or more",
                      dense.channels, kLeastYoloChannels));
}

}  // namespace

void check_finetune_config(const FinetuneConfig& config) {
  require_one_of("task", config.task, finetune_tasks());
  require_one_of("init", config.init, {"pretrained", "random"});
  require(config.seed >= 0, fmt::format("seed = {}: 0 or more is needed", config.seed));
  check_data(config.data);
  check_task_labels(config.labels);
  check_head(config);
  check_fit(config.train);
  check_augment(config.augment);
  if (is_dense(config.task)) check_dense(config);
}

const std::vector<std::string>& finetune_tasks() {
  static const std::vector<std::string> tasks = {"linear", "finetune", "segmentation", "detection"};
  return tasks;
}

bool is_dense(const std::string& task) { return task == "segmentation" || task == "detection"; }

}  // namespace biplane

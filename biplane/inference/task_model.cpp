#include "biplane/inference/task_model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <tuple>

#include "biplane/core/checksums.h"
#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/core/folder.h"
#include "biplane/core/one_of.h"
#include "biplane/model/image_tower.h"
#include "biplane/model/json_config.h"
#include "biplane/model/model_card.h"
#include "biplane/nn/weights.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTaskFile = "task.json";
constexpr std::int64_t kTaskFormat = 1;
constexpr double kEps = 1e-6;
constexpr std::int64_t kMostChannels = 1 << 16;  // of a head

std::int64_t tower_width(const TowerConfig& tower) {
  return tower.kind == "swin" ? tower.swin.last_width() : tower.vit.width;
}

void check_names(const std::vector<std::string>& names, const std::vector<double>& thresholds,
                 const std::string& section) {
  if (names.empty() || thresholds.size() != names.size())
    throw Error(ErrorKind::kBadContent,
                section + ": one threshold for each name of a label is needed");
}

void check_classifier(const ClassifierConfig& head, const fs::path& file) {
  try {
    check_task_labels(head.labels);
    require_one_of("classifier.features", head.features, {"tower", "mean_patch", "projected"});
  } catch (const Error& error) {
    throw Error(ErrorKind::kBadContent, file.string() + ": " + error.what());
  }
  const bool multilabel = head.labels.kind == "multilabel";
  check_names(head.labels.names,
              multilabel ? head.thresholds : std::vector<double>(head.labels.names.size()),
              file.string() + ": classifier");
}

void check_dense_head(const DenseHeadConfig& head, const std::vector<double>& thresholds,
                      const std::string& section) {
  check_names(head.names, thresholds, section);
  if (head.channels < 1 || head.channels > kMostChannels || head.layers.empty())
    throw Error(ErrorKind::kBadContent, section + ": channels and layers are needed");
}

void check_segmenter(const SegmenterConfig& head, const fs::path& file) {
  const std::string section = file.string() + ": segmenter";
  check_dense_head(head, head.thresholds, section);
  if (head.batch < 1) throw Error(ErrorKind::kBadContent, section + ": batch must be positive");
  if (head.auxiliary_channels < 0 || head.auxiliary_channels > kMostChannels)
    throw Error(ErrorKind::kBadContent, section + ": auxiliary_channels cannot be");
}

void check_detector(const DetectorConfig& head, const fs::path& file) {
  check_dense_head(head, std::vector<double>(head.names.size()), file.string() + ": detector");
}

void check_task(const TaskDescription& task, const fs::path& file) {
  if (task.format != kTaskFormat)
    throw Error(ErrorKind::kBadContent, file.string() + ": format " + std::to_string(task.format) +
                                            " is not known to this version");
  if (task.task == "segmentation") {
    check_segmenter(task.segmenter, file);
  } else if (task.task == "detection") {
    check_detector(task.detector, file);
  } else {
    check_classifier(task.classifier, file);
  }
}

// What the model card says of the head.
std::string task_card(const TaskDescription& task, const ModelDescription& description) {
  const auto [names, views] =
      task.task == "segmentation" ? std::tie(task.segmenter.names, task.segmenter.views)
      : task.task == "detection"  ? std::tie(task.detector.names, task.detector.views)
                                  : std::tie(task.classifier.labels.names, task.classifier.views);
  const TaskStart& start = task.start;
  return fmt::format(
      "\n## Head\n\n`task.json` and the tensors `{}*`: a head that `biplane finetune` trained.\n\n"
      "- task: {}{}\n- classes: {}\n- views: {}\n- part of the labels: {:g} %\n- seed: {} (the "
      "steps "
      "and studies above are those of the pre-training, whose seed was {})\n- began with: {}{}\n",
      kTaskHead, task.task, start.protocol.empty() ? "" : ", configuration " + start.protocol,
      fmt::join(names, ", "), views, 100 * start.fraction, description.provenance.seed, start.seed,
      start.init == "random" ? "random weights in the shape of " : "", start.model);
}

}  // namespace

std::optional<TaskDescription> read_task(const fs::path& folder) {
  const fs::path file = folder / kTaskFile;
  if (!fs::exists(file)) return std::nullopt;
  auto task = read_json_struct<TaskDescription>(file);
  check_task(task, file);
  return task;
}

void save_task_package(const fs::path& folder, const ModelDescription& description,
                       const TaskDescription& task, TensorMap weights, const TensorMap& head) {
  for (const auto& [name, tensor] : head) weights.insert_or_assign(kTaskHead + name, tensor);
  const auto ours = [](const fs::path& there) { return fs::exists(there / kTaskFile); };
  write_folder(folder, ours, [&](const fs::path& unfinished) {
    write_model_description(unfinished, description);
    write_json_struct(unfinished / kTaskFile, task);
    write_file_atomically(unfinished / kModelCardFile,
                          model_card(description) + task_card(task, description));
    save_safetensors(unfinished / kWeightsFile, weights);
    write_checksums(unfinished);
  });
}

std::int64_t feature_width(const ClassifierConfig& config, const ModelConfig& model) {
  if (config.features == "projected") return model.width;
  if (config.views == "frontal") return tower_width(model.frontal);
  if (config.views == "lateral") return tower_width(model.lateral);
  return tower_width(model.frontal) + tower_width(model.lateral);
}

ClassifierHead::ClassifierHead(const ClassifierConfig& config, std::int64_t features) {
  if (config.norm == "layer")
    norm = register_module("norm", std::make_shared<LayerNorm>(features, kEps));
  if (config.norm == "standard") {
    mean = register_buffer("mean", torch::zeros({features}));
    deviation = register_buffer("deviation", torch::ones({features}));
  }
  linear = register_module(
      "linear",
      std::make_shared<Linear>(features, static_cast<std::int64_t>(config.labels.names.size())));
}

torch::Tensor ClassifierHead::forward(const torch::Tensor& features) const {
  torch::Tensor x = features;
  if (norm) x = norm->forward(x);
  if (mean.defined()) x = (x - mean) / deviation;
  return linear->forward(x);
}

void load_head(torch::nn::Module& head, const fs::path& folder) {
  TensorMap weights;
  for (const auto& [name, tensor] : load_safetensors(folder / kWeightsFile)) {
    if (name.starts_with(kTaskHead))
      weights.emplace(name.substr(std::string_view(kTaskHead).size()), tensor);
  }
  try {
    assign_weights(head, weights);
  } catch (const Error& error) {
    throw Error(error.kind(), folder.string() + ": head: " + error.what());
  }
  head.eval();
}

std::shared_ptr<ClassifierHead> read_head(const fs::path& folder, const TaskDescription& task,
                                          const ModelConfig& model) {
  auto head =
      std::make_shared<ClassifierHead>(task.classifier, feature_width(task.classifier, model));
  load_head(*head, folder);
  return head;
}

std::shared_ptr<SegmentationHead> read_segmentation_head(const fs::path& folder,
                                                         const TaskDescription& task,
                                                         const ModelConfig& model) {
  auto head = std::make_shared<SegmentationHead>(task.segmenter,
                                                 tower_of_view(model, task.segmenter.views));
  load_head(*head, folder);
  return head;
}

std::shared_ptr<DetectionHead> read_detection_head(const fs::path& folder,
                                                   const TaskDescription& task,
                                                   const ModelConfig& model) {
  auto head =
      std::make_shared<DetectionHead>(task.detector, tower_of_view(model, task.detector.views));
  load_head(*head, folder);
  return head;
}

const TowerConfig& tower_of_view(const ModelConfig& model, const std::string& views) {
  return views == "lateral" ? model.lateral : model.frontal;
}

}  // namespace biplane

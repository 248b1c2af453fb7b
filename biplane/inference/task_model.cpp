#include "biplane/inference/task_model.h"

#include "biplane/core/checksums.h"
#include "biplane/core/error.h"
#include "biplane/core/folder.h"
#include "biplane/model/image_tower.h"
#include "biplane/model/json_config.h"
#include "biplane/nn/weights.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTaskFile = "task.json";
constexpr std::int64_t kTaskFormat = 1;
constexpr double kEps = 1e-6;

std::int64_t tower_width(const TowerConfig& tower) {
  return tower.kind == "swin" ? tower.swin.last_width() : tower.vit.width;
}

void check_task(const TaskDescription& task, const fs::path& file) {
  const ClassifierConfig& head = task.classifier;
  if (task.format != kTaskFormat)
    throw Error(ErrorKind::kBadContent, file.string() + ": format " + std::to_string(task.format) +
                                            " is not known to this version");
  try {
    check_task_labels(head.labels);
  } catch (const Error& error) {
    throw Error(ErrorKind::kBadContent, file.string() + ": " + error.what());
  }
  const bool thresholds =
      head.labels.kind != "multilabel" || head.thresholds.size() == head.labels.names.size();
  if (head.labels.names.empty() || !thresholds)
    throw Error(ErrorKind::kBadContent,
                file.string() + ": classifier: one threshold for each name of a label is needed");
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

std::shared_ptr<ClassifierHead> read_head(const fs::path& folder, const TaskDescription& task,
                                          const ModelConfig& model) {
  TensorMap weights;
  for (const auto& [name, tensor] : load_safetensors(folder / kWeightsFile)) {
    if (name.starts_with(kTaskHead))
      weights.emplace(name.substr(std::string_view(kTaskHead).size()), tensor);
  }
  auto head =
      std::make_shared<ClassifierHead>(task.classifier, feature_width(task.classifier, model));
  try {
    assign_weights(*head, weights);
  } catch (const Error& error) {
    throw Error(error.kind(), folder.string() + ": head: " + error.what());
  }
  head->eval();
  return head;
}

}  // namespace biplane

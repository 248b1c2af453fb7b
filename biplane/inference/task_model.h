#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "biplane/corpus/task_labels.h"
#include "biplane/inference/detection_heads.h"
#include "biplane/inference/segmentation_heads.h"
#include "biplane/model/multiview_model.h"
#include "biplane/model/package.h"
#include "biplane/nn/libtorch.h"

namespace biplane {

// What a model directory of `biplane finetune` has beside a model of `biplane pretrain`: task.json
// and, among the weights, a head under kTaskHead. Everything else reads it as the model it is.

constexpr const char* kTaskHead = "objective.task.";

// Where a task's training began.
struct TaskStart {
  std::string model;                 // as the user named it, last path part only
  std::string weights_sha256;        // of the file it was read from
  std::string init;                  // pretrained, random
  std::vector<std::string> corpora;  // that the weights had seen, none for random ones
  std::string protocol;              // name of the configuration; may be empty
  std::int64_t seed = 0;             // of the pre-training
  double fraction = 1.0;             // of the labels
  // Over the ids of the studies that were trained on and that chose, a line each, in their order.
  std::string train_sha256, select_sha256;

  template <class V>
  void visit(V& v) {
    v.field("model", model);
    v.field("weights_sha256", weights_sha256);
    v.field("init", init);
    v.field("corpora", corpora);
    v.field("protocol", protocol);
    v.field("seed", seed);
    v.field("fraction", fraction);
    v.field("train_sha256", train_sha256);
    v.field("select_sha256", select_sha256);
  }
};

// A head that tells classes of whole studies.
struct ClassifierConfig {
  TaskLabels labels;               // with its names
  std::string views = "frontal";   // frontal, lateral, both
  std::string features = "tower";  // tower, mean_patch, projected (tasks/finetune_config.h)
  std::string norm = "none";       // none, layer, standard
  // Of views both: some training study lacked that view, so its absence means something.
  bool absent_frontal_trained = false, absent_lateral_trained = false;
  // Probability of each class above which it is decided to be there; of a multilabel head.
  std::vector<double> thresholds;

  template <class V>
  void visit(V& v) {
    v.field("labels", labels);
    v.field("views", views);
    v.field("features", features);
    v.field("norm", norm);
    v.field("absent_frontal_trained", absent_frontal_trained);
    v.field("absent_lateral_trained", absent_lateral_trained);
    v.field("thresholds", thresholds);
  }
};

// task.json; of the sections of heads only that of the task counts.
struct TaskDescription {
  std::int64_t format = 1;
  std::string task;  // linear, finetune, segmentation, detection
  TaskStart start;
  ClassifierConfig classifier;
  SegmenterConfig segmenter;
  DetectorConfig detector;

  template <class V>
  void visit(V& v) {
    v.field("format", format);
    v.field("task", task);
    v.field("start", start);
    v.field("classifier", classifier);
    v.field("segmenter", segmenter);
    v.field("detector", detector);
  }
};

// The task of a model directory; nothing where it is of pre-training alone. Throws Error
// kBadContent naming the file.
std::optional<TaskDescription> read_task(const std::filesystem::path& folder);

// Writes a model directory with its task, as save_model_package does. `head`: the tensors of the
// head by their own names.
void save_task_package(const std::filesystem::path& folder, const ModelDescription& description,
                       const TaskDescription& task, TensorMap weights, const TensorMap& head);

// Width of the features that a head reads.
std::int64_t feature_width(const ClassifierConfig& config, const ModelConfig& model);

// (B,F) features -> (B,C) logits: [normalisation], one linear layer.
class ClassifierHead : public torch::nn::Module {
 public:
  ClassifierHead(const ClassifierConfig& config, std::int64_t features);
  torch::Tensor forward(const torch::Tensor& features) const;

  std::shared_ptr<LayerNorm> norm;  // with norm layer
  torch::Tensor mean, deviation;    // (F) buffers, with norm standard
  std::shared_ptr<Linear> linear;
};

// Fills a head with the weights of a model directory's. Throws Error kBadContent naming the folder.
void load_head(torch::nn::Module& head, const std::filesystem::path& folder);

// The head of a model directory with a task. Throws Error kBadContent naming the folder.
std::shared_ptr<ClassifierHead> read_head(const std::filesystem::path& folder,
                                          const TaskDescription& task, const ModelConfig& model);
std::shared_ptr<SegmentationHead> read_segmentation_head(const std::filesystem::path& folder,
                                                         const TaskDescription& task,
                                                         const ModelConfig& model);
std::shared_ptr<DetectionHead> read_detection_head(const std::filesystem::path& folder,
                                                   const TaskDescription& task,
                                                   const ModelConfig& model);

// The tower that a head of one view reads.
const TowerConfig& tower_of_view(const ModelConfig& model, const std::string& views);

}  // namespace biplane

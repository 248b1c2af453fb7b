#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "biplane/corpus/task_labels.h"

namespace biplane {

// Which studies a downstream task learns from and is measured on; the keys `data.<name>`. It
// always trains on the split train and is measured on the split test.
struct TaskDataConfig {
  std::string views = "frontal";  // frontal, lateral; both: every study with at least one of them
  // What chooses the epoch and the operating points: the split `validate`, or `holdout`, a share of
  // the training patients. Never the split test.
  std::string select = "validate";
  double holdout = 0.1;   // of the training patients, where select is holdout
  double fraction = 1.0;  // of the training studies with labels to use
  // Which of those with the view, in the order of the manifest (corpus/published_splits.h):
  // published, MGCA's of classification; published_detection, its of detection and of RSNA's
  // segmentation; published_siim, its of SIIM's segmentation, which also at 1 takes only as many
  // studies without a mask as with one. study: the first ones by a hash of the study's name, so
  // that a smaller fraction is part of a larger one.
  std::string fraction_rule = "published";
  bool allow_leak = false;  // go on where patients or images of the test train or select
  std::int64_t workers = 2;
  std::int64_t prefetch = 4;
  std::int64_t cache_mib = 1024;

  template <class V>
  void visit(V& v) {
    v.field("views", views);
    v.field("select", select);
    v.field("holdout", holdout);
    v.field("fraction", fraction);
    v.field("fraction_rule", fraction_rule);
    v.field("allow_leak", allow_leak);
    v.field("workers", workers);
    v.field("prefetch", prefetch);
    v.field("cache_mib", cache_mib);
  }
};

// What stands on the encoder; the keys `head.<name>`.
struct TaskHeadConfig {
  // tower: the towers' own global features, before projection or adapter; of both views side by
  // side. mean_patch: in their place the mean of the tower's patches as its last block leaves them,
  // before the final norm. projected: the shared width D; of both views the model's fusion.
  std::string features = "tower";
  // none; layer: a learned layer norm; standard: less the mean and over the standard deviation of
  // the training features (linear only)
  std::string norm = "none";
  std::string init = "zero";  // zero; uniform, LibTorch's own; normal of init_std
  double init_std = 0.02;

  template <class V>
  void visit(V& v) {
    v.field("features", features);
    v.field("norm", norm);
    v.field("init", init);
    v.field("init_std", init_std);
  }
};

// How it is trained; the keys `train.<name>`.
struct FitConfig {
  std::string optimizer = "adamw";  // adamw, sgd
  double lr = 5e-4;
  double momentum = 0.9;  // of sgd
  double weight_decay = 1e-6;
  bool decay_all = false;    // of biases, norms, positions, ... too, not of matrices alone
  double layer_decay = 1.0;  // factor of the learning rate from one layer to the one below it
  double encoder_lr = 1.0;   // factor of the encoder's learning rate
  std::int64_t steps = 0;    // optimizer steps; 0: epochs decides
  std::int64_t epochs = 50;  // passes over the training studies, where steps is 0
  std::int64_t batch = 48;   // studies; a smaller training set is one batch
  bool keep_last = false;    // what is left of an epoch is a smaller batch; false: is left out
  std::string schedule = "constant";  // constant; linear, cosine (to 0); after the warm-up
  std::int64_t schedule_steps = 0;    // its length, with the warm-up; 0: that of the run
  std::int64_t warmup = 0;            // steps
  double warmup_from = 0.1;           // factor of the rate in the first of them
  double clip = 0.0;                  // bound of the global gradient norm; 0: off
  std::string stop_on = "loss";       // loss, metric (macro AUROC; multiclass: accuracy)
  std::int64_t patience = 10;         // selections without a better one that end the run; 0: never
  std::int64_t select_every = 1;      // epochs between selections
  std::int64_t select_from = 1;       // first epoch with one
  std::int64_t select_every_steps = 0;  // steps between selections; 0: the two above decide
  std::int64_t threads = 0;             // that share a step; 0: one per core; one on a CUDA device
  // Where encoder and head are computed while they are trained: "cpu", "cuda" (the first CUDA
  // device), "cuda:N". The finished head is measured on the CPU. Only the CPU's results are
  // bit-identical from run to run.
  std::string device = "cpu";

  // `encoder`: of a task that may train the encoder, which then has rates of its own.
  template <class V>
  void visit(V& v, bool encoder = true) {
    v.field("optimizer", optimizer);
    v.field("lr", lr);
    v.field("momentum", momentum);
    v.field("weight_decay", weight_decay);
    v.field("decay_all", decay_all);
    if (encoder) v.field("layer_decay", layer_decay);
    if (encoder) v.field("encoder_lr", encoder_lr);
    v.field("steps", steps);
    v.field("epochs", epochs);
    v.field("batch", batch);
    v.field("keep_last", keep_last);
    v.field("schedule", schedule);
    v.field("schedule_steps", schedule_steps);
    v.field("warmup", warmup);
    v.field("warmup_from", warmup_from);
    v.field("clip", clip);
    v.field("stop_on", stop_on);
    v.field("patience", patience);
    v.field("select_every", select_every);
    v.field("select_from", select_from);
    v.field("select_every_steps", select_every_steps);
    v.field("threads", threads);
    v.field("device", device);
  }
};

// What training images go through; the keys `augment.<name>`. Of a study every view alike is drawn
// on its own. With any of these a linear head is trained through the frozen encoder instead of on
// features that were computed once.
struct AugmentConfig {
  bool random_crop = false;  // of the model's own preprocessing, instead of the centred one
  // RandomResizedCrop: shares of the image's area, smallest and largest, whose square root is then
  // resized to the input; empty: off
  std::vector<double> crop_scale;
  double crop_ratio = 4.0 / 3.0;  // largest ratio of its sides, also of the other way round
  // Probability of a left-right flip. It exchanges the sides of the body; published protocols have
  // it.
  double flip = 0.0;
  // About the middle of the whole image, before the crop; what comes in from outside is black, and
  // of a box that was turned the upright one around it is left.
  double rotate = 0.0;  // degrees: turned by up to so much, either way
  double scale = 0.0;   // scaled by 1 - scale to 1 + scale
  double affine = 0.5;  // share of the images that are turned and scaled, where either is above 0

  // Whether tensors of images are changed.
  bool changes() const { return !crop_scale.empty() || flip > 0 || rotate > 0 || scale > 0; }
  bool any() const { return random_crop || changes(); }

  template <class V>
  void visit(V& v) {
    v.field("random_crop", random_crop);
    v.field("crop_scale", crop_scale);
    v.field("crop_ratio", crop_ratio);
    v.field("flip", flip);
    v.field("rotate", rotate);
    v.field("scale", scale);
    v.field("affine", affine);
  }
};

// What heads that tell of places in one view have in common; the keys `dense.<name>`.
struct DenseConfig {
  std::string encoder = "frozen";  // frozen; trained: all of the tower learns
  // Side of the whole image that the tower sees, pixels; a vision transformer interpolates its
  // positions. 0: the side of the model's own input.
  std::int64_t image_size = 0;
  // Of the tower, counted from 1: blocks of a vision transformer, stages of a Swin; 0 and below:
  // stages of a stem (ImageTower::maps). Empty: the last one for setr_pup and yolov3, else four at
  // equal distances, or all stages, and those of a stem that a pyramid reads.
  std::vector<std::int64_t> layers;
  std::int64_t channels = 256;  // width of the head
  // Maps of a frozen encoder are computed once where nothing is drawn anew (of the training studies
  // without augment.*) and so much memory holds them, MiB; else at every use.
  std::int64_t cache_mib = 4096;

  template <class V>
  void visit(V& v) {
    v.field("encoder", encoder);
    v.field("image_size", image_size);
    v.field("layers", layers);
    v.field("channels", channels);
    v.field("cache_mib", cache_mib);
  }
};

// Masks of findings; the keys `segmentation.<name>`.
struct SegmentationConfig {
  std::string head = "upernet";  // setr_pup, upernet
  // focal_dice: 10 focal - log Dice. Of background and a single finding: cross_entropy;
  // focal_dice_by_image, 2 focal + (1 - Dice) / 2 (tasks/segmentation_loss.h)
  std::string loss = "focal_dice";
  // Of an auxiliary FCN head, with the losses of background and finding: the weight of its loss (0:
  // none), the one of dense.layers that it stands on (0: the last), its width (0: dense.channels).
  double auxiliary = 0.0;
  std::int64_t auxiliary_layer = 0, auxiliary_channels = 0;
  double dropout = 0.0;  // share of the channels before the last convolution of each head, training
  // Probability from which a pixel is inside. 0: the one of 0.05, 0.10 ... 0.95 with the highest
  // Dice over all pixels of the studies that select.
  double threshold = 0.0;
  std::int64_t batch = 1;  // above 1: also Dice as the mean over batches of so many test images

  template <class V>
  void visit(V& v) {
    v.field("head", head);
    v.field("loss", loss);
    v.field("auxiliary", auxiliary);
    v.field("auxiliary_layer", auxiliary_layer);
    v.field("auxiliary_channels", auxiliary_channels);
    v.field("dropout", dropout);
    v.field("threshold", threshold);
    v.field("batch", batch);
  }
};

// Boxes around findings; the keys `detection.<name>`.
struct DetectionConfig {
  std::string head = "vitdet";  // vitdet: simple feature pyramid with an anchor-free head; yolov3
  double confidence = 0.05;     // score from which a box is kept
  double nms = 0.5;             // IoU of two boxes from which only the better one is kept

  template <class V>
  void visit(V& v) {
    v.field("head", head);
    v.field("confidence", confidence);
    v.field("nms", nms);
  }
};

// The names of the tasks.
const std::vector<std::string>& finetune_tasks();

// Whether a task's head tells of places in one view.
bool is_dense(const std::string& task);

// A downstream task: the file that `biplane finetune --config` reads. Its keys are those that the
// task reads.
struct FinetuneConfig {
  // Of whole studies, linear: the encoder stays as it is; finetune: all of it learns. Of places in
  // one view: segmentation, masks; detection, boxes.
  std::string task = "linear";
  std::string init =
      "pretrained";        // pretrained: the model's weights; random: only its architecture
  std::int64_t seed = 42;  // of order, augmentation and random weights
  TaskDataConfig data;
  TaskLabels labels;
  TaskHeadConfig head;
  FitConfig train;
  AugmentConfig augment;
  DenseConfig dense;
  SegmentationConfig segmentation;
  DetectionConfig detection;

  template <class V>
  void visit(V& v) {
    v.field("task", task);
    v.field("init", init);
    v.field("seed", seed);
    v.field("data", data);
    if (is_dense(task)) {
      Names findings{labels.names};
      v.field("labels", findings);
    } else {
      v.field("labels", labels);
      v.field("head", head);
    }
    Fit fit{train, task != "linear"};
    v.field("train", fit);
    v.field("augment", augment);
    if (is_dense(task)) v.field("dense", dense);
    if (task == "segmentation") v.field("segmentation", segmentation);
    if (task == "detection") v.field("detection", detection);
  }

 private:
  // The keys of a group that a task reads.
  struct Names {
    std::vector<std::string>& names;
    template <class V>
    void visit(V& v) {
      v.field("names", names);
    }
  };
  struct Fit {
    FitConfig& fit;
    bool encoder;
    template <class V>
    void visit(V& v) {
      fit.visit(v, encoder);
    }
  };
};

// Throws Error kUsage naming the first key whose value cannot be used.
void check_finetune_config(const FinetuneConfig& config);

}  // namespace biplane

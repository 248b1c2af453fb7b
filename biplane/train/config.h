#pragma once

#include <cstdint>
#include <string>

namespace biplane {

// Everything about the optimization of a run; keys are `train.<name>`.
struct TrainConfig {
  std::int64_t steps = 0;    // optimizer steps; 0: epochs decides
  std::int64_t epochs = 50;  // passes over the studies, where steps is 0
  std::int64_t batch = 96;   // studies of one optimizer step, over all threads and micro-batches
  // Micro-batches a batch is computed in, to save memory. Contrastive terms see one micro-batch at
  // a time (batch / accumulate studies), so this is not the same as a batch computed at once; loss
  // and gradient are means over micro-batches.
  std::int64_t accumulate = 1;
  double lr = 1e-5;              // base learning rate; groups scale it
  double weight_decay = 0.05;    // of the groups that decay
  double beta1 = 0.9;            // AdamW's decay of the first moment
  double beta2 = 0.999;          // AdamW's decay of the second moment
  double eps = 1e-8;             // AdamW's floor of the denominator
  double warmup_fraction = 0.1;  // of the steps
  double constant_fraction = 0;  // of the steps after the warm-up, at the full rate; then cosine
  double clip = 1.0;             // bound of the global gradient norm; 0: off
  double ema = 0.0;  // decay of the average of the weights that becomes the model; 0: off
  // The last part of the run sees larger images (see late_size.h).
  std::int64_t late_size = 0;  // pixels, side of the crop then; 0: the same size to the end
  double late_fraction = 0.2;  // of the steps, where late_size is set
  std::int64_t checkpoint_every = 500;  // steps; the last step is always kept
  std::int64_t keep = 3;                // newest checkpoints kept
  // Where steps are computed: "cpu", "cuda" (the first CUDA device) or "cuda:N". A run may go on on
  // another one. Only the CPU's results are bit-identical from run to run.
  std::string device = "cpu";
  // Threads that share a step, each with its part of the batch (0: one per core, at most one per
  // study of a micro-batch). Results are bit-identical only for the same number, so a run keeps the
  // number it started with. One on a CUDA device.
  std::int64_t threads = 0;
  std::int64_t log_every =
      1;  // steps between lines of metrics.jsonl; the first and the last step always have one

  template <class V>
  void visit(V& v) {
    v.field("steps", steps);
    v.field("epochs", epochs);
    v.field("batch", batch);
    v.field("accumulate", accumulate);
    v.field("lr", lr);
    v.field("weight_decay", weight_decay);
    v.field("beta1", beta1);
    v.field("beta2", beta2);
    v.field("eps", eps);
    v.field("warmup_fraction", warmup_fraction);
    v.field("constant_fraction", constant_fraction);
    v.field("clip", clip);
    v.field("ema", ema);
    v.field("late_size", late_size);
    v.field("late_fraction", late_fraction);
    v.field("checkpoint_every", checkpoint_every);
    v.field("keep", keep);
    v.field("device", device);
    v.field("threads", threads);
    v.field("log_every", log_every);
  }
};

// Whether train.device names a CUDA device.
bool on_cuda(const TrainConfig& config);

// Throws Error kUsage naming the first key whose value cannot be used, and the values that can.
// Whether there is such a device is training_device()'s to say (device.h).
void check_train_config(const TrainConfig& config);

// Threads that a run starts with: train.threads, or where that is 0 one per core, but no more than
// a micro-batch has studies; one on a CUDA device.
std::int64_t compute_threads(const TrainConfig& config);

// Steps of a run over data of `batches_per_epoch` batches.
std::int64_t total_steps(const TrainConfig& config, std::int64_t batches_per_epoch);

}  // namespace biplane

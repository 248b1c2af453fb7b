#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "biplane/train/pretrain_config.h"

namespace biplane {

// A part of the model, named as its parameters begin.
struct PlanPart {
  std::string name;
  std::int64_t parameters = 0;
  std::int64_t trained = 0;  // of them; the others stay as they are
  std::string start;         // where its first values come from
};

// Parameters that share a learning rate.
struct PlanGroup {
  std::string name;
  double lr = 0;  // the highest of the schedule
  double weight_decay = 0;
  std::int64_t parameters = 0;
};

struct PlanTerm {
  std::string name;   // key under `loss.`
  double weight = 0;  // 0: off
};

// Estimated memory of the training process in bytes, at one image size; see memory_estimate.h.
struct PlanMemory {
  std::int64_t image_size = 0;  // px
  double parameters = 0, moments = 0, average = 0, queues = 0;
  double gradients = 0, activations = 0;  // the most of each ...
  double step = 0;                        // ... and of both at a time
  double data = 0;                        // cache and batches made ahead
  double program = 0;                     // code and libraries
  double total() const { return parameters + moments + average + queues + step + data + program; }
};

// What a run would do.
struct PretrainPlan {
  std::vector<PlanPart> parts;
  std::vector<PlanGroup> groups;
  std::vector<PlanTerm> terms;
  std::vector<PlanMemory> memory;  // at data.image.crop and, where it is set, at train.late_size
  std::string device;              // train.device
  std::int64_t threads = 0;
  std::int64_t vocabulary = 0;                      // tokens
  double tokens = 0;                                // of a report: mean of the data, else the most
  std::optional<std::int64_t> studies;              // unknown without data.manifest
  std::optional<std::int64_t> batches_per_epoch;    // likewise
  std::optional<std::int64_t> steps, warmup, late;  // of the run; unknown without both of
                                                    // data.manifest and train.steps
  std::vector<std::string> not_trained;             // a line each: part and reason
  std::vector<std::string> notes;                   // what had to be assumed
};

// Plans a run: builds the model once and reads the manifest, where data.manifest is set, but no
// image. Weights that init.* names are read and checked where they are there. Throws Error kUsage
// for settings that pretrain() would refuse, but a manifest that is not set, and what reading the
// manifest or those weights throws.
PretrainPlan plan_pretrain(const PretrainConfig& config);

}  // namespace biplane

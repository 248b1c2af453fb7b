#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "biplane/model/multiview_model.h"
#include "biplane/model/package.h"
#include "biplane/tasks/finetune_config.h"

namespace biplane {

// What a downstream task begins with: a two-view model, whatever it was read from.
struct StartModel {
  std::string name;  // as the user named it, last path part only
  ModelDescription description;
  TensorMap weights;               // of MultiviewModel
  std::string weights_sha256;      // of the file
  std::vector<std::string> notes;  // a line each, for the log
};

// Reads a model directory, run or checkpoint, or the folder of an imported tower, which becomes the
// tower of data.views; what the model then lacks is small and random and never used. Throws Error
// kMissingInput, kBadContent, and kUsage where a tower does not fit data.views or head.features, or
// has parameters that stay random although the task does not train them.
StartModel read_start(const std::filesystem::path& path, const FinetuneConfig& config);

// The model with the start's weights, or random ones from the seed for init random. Every parameter
// takes gradients.
std::shared_ptr<MultiviewModel> make_start(const StartModel& start, const FinetuneConfig& config);

}  // namespace biplane

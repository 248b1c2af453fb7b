#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "biplane/eval/results.h"
#include "biplane/inference/engine.h"

namespace biplane {

// RUN for RUN, RUN/model and RUN/checkpoints/step-N.
std::filesystem::path run_of(const std::filesystem::path& model);

// Name of a corpus in the rows where the user gives none: the folder of its manifest.
std::string corpus_of(const std::filesystem::path& manifest);

// What figures of a model on these studies (indices into the manifest) are measured with, but for
// the prompts. `model`: as the user named it.
ResultOrigin model_origin(const Engine& engine, const std::filesystem::path& model,
                          const Manifest& manifest, const std::vector<std::int64_t>& studies);

}  // namespace biplane

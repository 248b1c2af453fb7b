#pragma once

#include <string>

#include "biplane/model/package.h"

namespace biplane {

inline constexpr const char* kModelCardFile = "model_card.md";

// The model card of a model directory, Markdown: what it is, what it was trained on, what it may be
// used for.
std::string model_card(const ModelDescription& description);

// "openi, 3000 studies, 500 steps": what a model was trained on, in a line.
std::string training_summary(const ModelProvenance& provenance);

}  // namespace biplane

#pragma once

#include <string>

#include "biplane/model/package.h"

namespace biplane {

// The model card of a model directory, Markdown: what it is, what it was trained on, what it may be
// used for.
std::string model_card(const ModelDescription& description);

}  // namespace biplane

#pragma once

#include "biplane/data/reports.h"
#include "biplane/model/package.h"

namespace biplane {

// What turns reports into tokens as the model was trained with.
TextPipeline model_text(const ModelDescription& description);

}  // namespace biplane

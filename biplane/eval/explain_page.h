#pragma once

#include <string>

#include "biplane/inference/explain.h"

namespace biplane {

// One self-contained HTML page: the views with their patches, the report with its masked words, and
// what the decoder reads there. `code`: program and version. All text is escaped. Deterministic.
std::string render_explanation(const SelectionExplanation& explanation, const std::string& code);

}  // namespace biplane

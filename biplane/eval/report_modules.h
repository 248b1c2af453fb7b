#pragma once

#include <span>
#include <string>

#include "biplane/eval/results.h"

namespace biplane {

// "Do the modules do what they claim": the rows of tasks modules/... as a section of the report;
// empty where there are none.
std::string modules_section(std::span<const ResultRow> rows);

}  // namespace biplane

#pragma once

#include <string>

#include "biplane/train/plan.h"

namespace biplane {

// A plan as tables for people, several lines.
std::string plan_text(const PretrainPlan& plan);

// The same as one line of JSON; bytes and parameters as whole numbers, what is unknown as null.
std::string plan_json(const PretrainPlan& plan);

}  // namespace biplane

#pragma once

#include <string_view>

#include "biplane/corpus/study.h"
#include "biplane/text/lexicon.h"

namespace biplane {

// A whole report as the manifest has it: findings and impression cleaned, `other` the indication
// and then the comparison, `text` what training_text() makes of it (empty where the report says
// nothing).
Report take_apart(std::string_view report, const Lexicon& lexicon);

}  // namespace biplane

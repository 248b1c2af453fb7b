#pragma once

#include <string>

#include "biplane/core/random.h"
#include "biplane/phantom/grammar.h"
#include "biplane/phantom/narrative.h"

namespace biplane {

// EXAMINATION, INDICATION and COMPARISON in one line: nothing of them depends on the findings or on
// which views exist. `prior`: there is a study to compare with.
std::string write_report_header(const NarrativeInput& input, const SectionPhrases& phrases,
                                bool prior, CounterRandom& random);

}  // namespace biplane

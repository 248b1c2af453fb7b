#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "biplane/eval/suite.h"

namespace biplane {

// Heads that a suite trains as `biplane finetune` does. `given`: CORPUS=CONFIG, where CORPUS is the
// name of a manifest's folder and CONFIG what find_config() takes. `seeds`: as in FinetuneOptions.
// `max_bad`: as there too. Throws Error kUsage where one is not of that form, and as reading its
// configuration does.
std::vector<SuiteHead> suite_heads(const std::vector<std::string>& given,
                                   const std::vector<std::int64_t>& seeds, double max_bad,
                                   bool quiet);

}  // namespace biplane

#pragma once

#include <string>
#include <vector>

#include "biplane/tasks/ablation_config.h"
#include "biplane/tasks/ablation_record.h"
#include "biplane/tasks/ablation_report.h"

namespace biplane {

// Tables of a design whose runs are compared with one of them, `reference`; lines: of the design.
AblationSection comparison_section(const AblationDesign& design,
                                   const std::vector<AblationRecord>& lines,
                                   const std::string& reference);

// The run of a design whose label head was trained; empty where none was.
std::string supervised_run(const std::vector<AblationRecord>& lines);

// How much of what the run `supervised` reaches `reference` does.
AblationSection ceiling_section(const std::vector<AblationRecord>& lines,
                                const std::string& reference, const std::string& supervised);

}  // namespace biplane

#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "biplane/phantom/study_maker.h"

namespace biplane {

// How a second frontal of the study was taken, AP, where the layout has such studies and chance
// (independent of everything else) makes this one of them.
std::optional<Acquisition> draw_second_frontal(const PhantomOptions& options,
                                               const StudyPlace& place);

// The same body and findings from another exposure.
ViewRender render_second_frontal(const RenderedStudy& study, const Acquisition& acquisition,
                                 int size, const CounterRandom& noise);

// Sternal wires and clips in the frontal view, by label (label_maps.h): found like a finding, by
// rendering the body without them.
std::vector<std::pair<std::string, FindingTrace>> trace_hardware(const RenderedStudy& study);

}  // namespace biplane

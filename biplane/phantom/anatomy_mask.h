#pragma once

#include <cstdint>
#include <vector>

#include "biplane/phantom/patient.h"

namespace biplane {

// 1 where a view can show a finding of any kind: lungs and what lies between them, spine, ribs, and
// the places of the devices, with a margin; (size, size), row-major. It is a union over a fixed
// panel of findings in this body, never over those that a study has, so that its shape says nothing
// about them. Pure function of its arguments.
std::vector<std::uint8_t> anatomy_mask(const Patient& patient, const Acquisition& acquisition,
                                       bool lateral, int size);

}  // namespace biplane

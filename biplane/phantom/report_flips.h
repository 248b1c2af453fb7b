#pragma once

#include <string>
#include <vector>

#include "biplane/core/random.h"
#include "biplane/phantom/narrative.h"

namespace biplane {

// A report that is wrong in one thing.
struct ReportFlip {
  std::string kind;     // negation, side, size, site
  std::string finding;  // name
  std::string
      change;        // "stated to denied", "denied to stated", "right to left", "small to large"...
  std::string text;  // findings and impression
};

// Of one report, from the truth that it was written from: at most one flip of each kind, of
// negation one in each direction, each of a finding drawn by chance. Every sentence about the
// finding is changed, so that the flipped report does not contradict itself; no other sentence is.
// Only findings that are stated without doubt, and denials of one finding (or of both effusions,
// both consolidations), are flipped.
std::vector<ReportFlip> flip_report(const NarrativeInput& input, const Narrative& narrative,
                                    const Grammar& grammar, CounterRandom random);

}  // namespace biplane

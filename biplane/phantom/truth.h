#pragma once

#include <cstdint>
#include <vector>

#include "biplane/phantom/detector.h"

namespace biplane {

// What a finding changes in one shown view, noise off.
struct FindingTrace {
  std::vector<std::uint8_t> mask;  // (size, size): |change of the shown value| > kMaskThreshold
  std::int64_t area = 0;           // pixels of the mask
  double detectability = 0;        // d' of the ideal observer
};

inline constexpr float kMaskThreshold = 0.02F;  // of the grey scale [0, 1]
inline constexpr double kVisible = 2.0;         // d' from which a view shows a finding
inline constexpr double kHidden = 0.5;          // and below which it does not

// Standard deviation between normal bodies of the shown value's Haar amplitude (half the difference
// of the means of two halves) in squares of `side_cm` at the detector: what an observer who does
// not know the body must take for noise. Measured on the phantom itself (a test holds it to what is
// measured).
double anatomical_deviation(bool lateral, double side_cm);

// d' of the ideal linear observer for a known signal in quantum noise (`noise`, per pixel) and
// anatomical noise, in the Haar basis, which nearly diagonalises noise with a power-law spectrum.
// `change` is (size, size).
double detectability(const PathImage& change, const PathImage& noise, const Camera& camera,
                     bool lateral);

// A view as it is shown, noise off, and the deviation by quantum noise; 0 outside the opening.
struct ShownView {
  PathImage value, deviation;
};
ShownView show_view(const Radiograph& shot, const Camera& camera);

// `change` of primary attenuation by the finding, as ProjectedScene::difference gives it. Scatter,
// level and window do not depend on findings (see Exposure), so this is the whole change.
FindingTrace trace_finding(const PathImage& change, const ShownView& view, const Radiograph& shot,
                           const Camera& camera, bool lateral);

}  // namespace biplane

#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace biplane {

// Letters that tell the side, as lead markers or the workstation put them on the film.
enum class MarkerKind { kNone, kLetter, kBoxed, kDisc };

// A way of taking and showing radiographs: room, generator, detector and display of one kind of
// department. Studies draw around it. It says nothing about findings (tested).
struct AcquisitionStyle {
  const char* name = "standard";
  double ap = 0;            // share of frontals from the front, with the source nearer
  double near = 110;        // source to detector of those, cm; every other view 180
  double water = 0.20;      // attenuation of water at the beam's mean energy, 1/cm
  double bone = 1;          // contrast of bone and metal against water, 1 at 120 kV
  double exposure = 1;      // photons against kFluence
  double scatter = 0.35;    // scatter behind the grid, of the mean primary around
  double focal_spot = 0.1;  // side, cm
  double sharpness = 0;     // cm; > 0: standard deviation of the detector's own blur
  double levelling = 0.45;  // share of the body's smooth shadow that the display takes out
  double contrast = 1;      // slope of the display curve
  double black = 0.02;      // grey level [0, 1] of the darkest and ...
  double white = 0.82;      // ... of the thickest parts
  double enhancement = 0;   // weight of the edges that the display adds
  double collimated = 0.5;  // share of studies with black borders
  double surround = 0;      // grey level of what the collimator hides
  MarkerKind marker = MarkerKind::kNone;
  double marked = 0;  // share of images with that marker
};

// All styles, in a fixed order; append only.
const std::vector<AcquisitionStyle>& acquisition_styles();
// Throws Error kUsage that lists the names.
std::size_t acquisition_style_number(const std::string& name);

// Black borders of one view, cm at the detector.
struct Collimation {
  double left = 0, right = 0, top = 0, bottom = 0;
};

// How one study was taken; independent of patient and findings.
struct Acquisition {
  AcquisitionStyle style;
  bool ap = false;           // frontal from the front (bedside) instead of from the back
  bool faces_right = false;  // lateral shown with the front of the body to the right of the image
  double rotation_frontal = 0, rotation_lateral = 0;  // of the body about its long axis, radians
  double shift_x = 0, shift_z = 0;                    // of the detector against the body, cm
  double inspiration = 0;                             // lowers both domes, cm
  double field = 42;                                  // side of the frontal's detector, cm
  double field_lateral = 38;                          // and of the lateral's
  double exposure = 1;                                // photons against kFluence
  double brightness = 0, contrast = 1;                // display
  Collimation frontal_edges, lateral_edges;
  bool marker_frontal = false, marker_lateral = false;
  bool marks_right = false;           // the marker names the right side instead of the left
  double marker_x = 0, marker_y = 0;  // where in the free corner, [0, 1]
  double gas = 1;                     // scale of the stomach bubble; 0: none
};

// Pure function of (seed, number of the study). The style is one of `styles`, by chance alone;
// empty: one of all.
Acquisition draw_acquisition(std::uint64_t seed, std::uint64_t study,
                             const std::vector<std::string>& styles = {});

}  // namespace biplane

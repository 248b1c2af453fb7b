#pragma once

#include <cstdint>

#include "biplane/imaging/image.h"
#include "biplane/phantom/attenuation.h"
#include "biplane/phantom/elementary.h"

namespace biplane {

// What the automatic exposure and the display have settled on: all of it follows from the body
// WITHOUT its findings, so that a finding changes no pixel but those its own shadow covers.
struct Exposure {
  PathImage scatter;  // (size, size): added to the primary intensity; open beam = 1
  PathImage level;    // (size, size): smooth shadow that the display takes out, in -log intensity
  float low = 0, high = 1;  // of -log intensity less `level`: ends of the display curve
};

// Scatter, level and window from the primary attenuation and the soft tissue of a body, rendered
// small with `coarse`; the fields come out with `size` pixels a side.
Exposure settle_exposure(const ProjectedScene& body, const Camera& coarse,
                         const Acquisition& acquisition, int size);

// Scatter that a field of primary intensities (side * side) sends to every pixel of itself, open
// beam = 1: `share` of the mean around, through a grid.
PathImage scatter_field(const PathImage& primary, const Camera& camera, double share);

// Display curve of d = -log intensity less level: black + height (1 + b) / 2 with the bend
// b = tanh(scale (d - middle)). Straight in the lungs, with a shoulder that leaves little contrast
// to mediastinum and spine of the frontal and next to none to the abdomen.
struct Curve {
  float middle = 0, scale = 1;
  float black = 0, height = 1;

  float bend(float density) const { return tanh_of(scale * (density - middle)); }
  float grey(float bend) const { return black + height * (0.5F + 0.5F * bend); }
  float slope(float bend) const { return 0.5F * height * scale * (1 - bend * bend); }
};
Curve display_curve(const Exposure& exposure, const Acquisition& acquisition);

// Pixels of a view that the collimator leaves open: rows top .. bottom - 1, columns left .. right
// - 1.
struct Opening {
  int top = 0, bottom = 0, left = 0, right = 0;
};
Opening view_opening(const Collimation& edges, const Camera& camera);

// Burns a side marker into the upper corner of a view: on the named side of a frontal.
void draw_marker(const Acquisition& acquisition, bool lateral, const Opening& opening,
                 const Camera& camera, GreyImage& image);

}  // namespace biplane

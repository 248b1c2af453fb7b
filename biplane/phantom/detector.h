#pragma once

#include <cstdint>

#include "biplane/core/random.h"
#include "biplane/imaging/image.h"
#include "biplane/phantom/attenuation.h"

namespace biplane {

// Cameras of the two views: source 1.8 m from the detector, the detector just behind the body. PA
// (or AP) frontal: the patient's left is on the right of the image. Left lateral: the left side
// lies at the detector.
Camera frontal_camera(const Acquisition& acquisition, int size);
Camera lateral_camera(const Acquisition& acquisition, int size);

// Window of a display, in -log of the detector's signal: black and white end.
struct Window {
  float low = 0, high = 1;
};

// What the detector registers and how it is shown. All vectors are row-major (size, size).
struct Radiograph {
  GreyImage image;        // 8 bit, bone white
  PathImage attenuation;  // of the primary beam
  PathImage scatter;      // added to the primary intensity; open beam = 1
  Window window;
  float photons = 0;  // per pixel of open beam
  int border = 0;     // pixels of black collimation on each side
};

// Shown value [0, 1] of a signal, without noise, and its change by quantum noise of the given
// number of photons.
struct ShownValue {
  float value = 0, deviation = 0;
};
ShownValue show(float primary_attenuation, float scatter, const Radiograph& shot);

// Photons per cm^2 of detector without a body.
inline constexpr double kFluence = 3e6;

// Scatter that a field of primary intensities sends to every pixel: (size, size), open beam = 1.
PathImage scatter_field(const PathImage& primary, const Camera& camera);

// Photon counts with Poisson statistics (by the normal law, counts are large), in place; `expected`
// in photons.
void add_quantum_noise(PathImage& expected, CounterRandom& random);

// From attenuation to the image shown: scatter, quantum noise, detector blur, logarithm, window
// from the grey levels inside the body
// (`body` > 0), collimation. Pure function of its arguments.
Radiograph expose(const PathImage& attenuation, const PathImage& body,
                  const Acquisition& acquisition, const Camera& camera, CounterRandom random);

}  // namespace biplane

#pragma once

#include <cstdint>

#include "biplane/core/random.h"
#include "biplane/imaging/image.h"
#include "biplane/phantom/attenuation.h"

namespace biplane {

// Cameras of the two views: source 1.8 m from the detector, the detector just behind the body. PA (or AP) frontal: the
// patient's left is on the right of the image. Left lateral: the left side lies at the detector.
Camera frontal_camera(const Acquisition& acquisition, int size);
Camera lateral_camera(const Acquisition& acquisition, int size);

// What the detector registers and how it is shown. All vectors are row-major (size, size).
struct Radiograph {
  GreyImage image;      // 8 bit, bone white
  PathImage gain;       // change of the shown value [0, 1] per unit of primary attenuation: contrast left after scatter and window
  PathImage noise;      // standard deviation of the shown value by quantum noise
};

// Photons per cm^2 of detector without a body.
inline constexpr double kFluence = 3e6;

// Primary intensity exp(-attenuation) plus scatter of the whole field: (size, size), open beam = 1.
PathImage add_scatter(const PathImage& primary, const Camera& camera);

// Photon counts with Poisson statistics (by the normal law, counts are large), in place; `expected` in photons.
void add_quantum_noise(PathImage& expected, CounterRandom& random);

// From attenuation to the image shown: scatter, quantum noise, detector blur, logarithm, window from the grey levels inside the body
// (`body` > 0), collimation. Pure function of its arguments.
Radiograph expose(const PathImage& attenuation, const PathImage& body, const Acquisition& acquisition,
                  const Camera& camera, CounterRandom random);

}  // namespace biplane

#pragma once

#include <cmath>
#include <cstdint>

#include "biplane/core/random.h"
#include "biplane/imaging/image.h"
#include "biplane/phantom/attenuation.h"
#include "biplane/phantom/display.h"

namespace biplane {

// Cameras of the two views: point source 1.8 m from the detector (nearer for an AP frontal, which
// magnifies more), the detector just behind the body. PA (or AP) frontal: the patient's left is on
// the right of the image. Left lateral: the left side lies at the detector.
Camera frontal_camera(const Acquisition& acquisition, int size);
Camera lateral_camera(const Acquisition& acquisition, int size);

// What the detector registers and how it is shown. All vectors are row-major (size, size).
struct Radiograph {
  GreyImage image;        // 8 bit, bone white
  PathImage attenuation;  // of the primary beam
  PathImage density;      // -log of the signal detected, with noise, blur and edges
  Exposure exposure;
  Curve curve;
  Opening opening;
  float photons = 0;  // per pixel of open beam
};

// Shown value [0, 1] of a pixel with another primary attenuation, without noise and blur, and its
// standard deviation by quantum noise.
struct ShownValue {
  float value = 0, deviation = 0;
};
class ShownLine {
 public:
  // Counts pixels from `first` on.
  ShownLine(const Radiograph& shot, std::size_t first)
      : scatter_(shot.exposure.scatter.data() + first),
        level_(shot.exposure.level.data() + first),
        curve_(shot.curve),
        photons_(shot.photons) {}

  ShownValue show(float primary_attenuation, std::size_t pixel) const {
    const float signal = exp_of(-primary_attenuation) + scatter_[pixel];
    const float bend = curve_.bend(-log_of(signal) - level_[pixel]);
    return {curve_.grey(bend), curve_.slope(bend) / std::sqrt(signal * photons_)};
  }

 private:
  const float* scatter_;
  const float* level_;
  Curve curve_;
  float photons_;
};

// The image before it is rounded to 8 bit, [0, 1].
FloatImage shown_values(const Radiograph& shot);

// Photons per cm^2 of detector without a body.
inline constexpr double kFluence = 3e6;

// Standard deviation of the focal spot's shadow and of the pixel's aperture, cm at the detector:
// a square spot of side f shows a detail in the middle of the body (m: its magnification) as
// f (m - 1) wide.
double geometric_blur(const Camera& camera, double focal_spot);

// Photon counts with Poisson statistics in place of the expected ones: by the exact law below
// kFewPhotons, by the normal law above.
inline constexpr float kFewPhotons = 32;
void add_quantum_noise(PathImage& expected, CounterRandom& random);

// Blur by `sigma` pixels (standard deviation), by passes of [w, 1 - 2w, w] both ways.
void blur_image(PathImage& image, int size, double sigma);

// From attenuation to the image shown: scatter, focal blur, quantum noise, detector blur,
// logarithm, levelling, display curve, marker, collimation. Pure function of its arguments.
Radiograph expose(PathImage attenuation, Exposure exposure, const Acquisition& acquisition,
                  const Camera& camera, CounterRandom random);

}  // namespace biplane

#pragma once

#include <array>
#include <vector>

#include "biplane/phantom/finding.h"
#include "biplane/phantom/patient.h"
#include "biplane/phantom/solid.h"

namespace biplane {

// Matter added along a solid's path. Densities are in units of water's attenuation; negative where
// air takes the place of tissue.
struct Deposit {
  Solid solid;
  double density = 0;
  bool operator==(const Deposit&) const = default;
};

// One lung. Its cavity is the intersection of `cavity` minus the organs (each the hull of its
// solids along a ray); inside the cavity, tissue of `density` fills the intersection with `tissue`,
// and `lifts` add density to that tissue up to water.
struct Lung {
  std::vector<Solid> cavity;
  std::vector<Solid> tissue;  // empty: the whole cavity
  std::vector<std::vector<Solid>>
      organs;  // dome, heart, mediastinum, spine; left: and aorta, artery
  std::vector<Deposit> lifts;
  double density = 0.25;
  bool operator==(const Lung&) const = default;
};

inline constexpr std::size_t kHeartOrgan = 1;

// Parts that are rendered and compared on their own.
enum class Layer { kSkeleton, kSpine, kVessels, kAirways, kDevices };
inline constexpr std::size_t kLayers = 5;

// A body with its findings, in centimetres: soft tissue of density 1 fills the hull of `body`.
struct Scene {
  std::vector<Solid> body;
  std::array<std::vector<Deposit>, kLayers> layers;
  std::array<Lung, 2> lungs;  // right, left
  std::uint64_t texture = 0;  // key of what is too small to be drawn; 0: nothing

  std::vector<Deposit>& layer(Layer name) { return layers[static_cast<std::size_t>(name)]; }
};

// Arms hang beside the body in the frontal view and are raised for the lateral.
enum class Pose { kFrontal, kLateral };

// Pure function of its arguments; a finding that is left out changes nothing but its own traces.
Scene build_scene(const Patient& patient, const Acquisition& acquisition,
                  const std::vector<Finding>& findings, Pose pose);

}  // namespace biplane

#pragma once

#include <vector>

#include "biplane/phantom/scene.h"

namespace biplane {

// Measures that several parts of the body share, in standard centimetres (the scene is scaled by
// stature at the end). Index 0 is the right side, 1 the left; side_sign gives the direction of x.
struct Chest {
  double width = 1, depth = 1, length = 1;
  std::array<Vec3, 2> lung_centre, lung_radii;
  Frame lung_frame[2];
  std::array<Vec3, 2> dome_centre, dome_radii;
  Vec3 cage_centre, cage_radii;  // ellipsoid through the middle of the ribs
  double heart = 1;              // scale of the heart
  double heart_tilt = 0;
  double kyphosis = 0;
  double lung_density = 0.25;

  double spine_y(double z) const;  // centre of the vertebral bodies
  Vec3 lung_point(int side, double depth, double lateral,
                  double height) const;  // fractions, see Finding
  Vec3 hilum(int side) const;
  std::array<double, 2> lung_base{};  // tops of the domes before volume is lost on a side
  double dome_top(int side) const {
    return dome_centre[static_cast<std::size_t>(side)].z +
           dome_radii[static_cast<std::size_t>(side)].z;
  }
};

inline double side_sign(int side) { return side == 0 ? -1.0 : 1.0; }
// Linear size of a lung that has a pneumothorax, against its cavity.
double pneumothorax_scale(const Finding& finding);
bool on_side(Side finding_side, int side);
const Finding* find_finding(const std::vector<Finding>& findings, FindingKind kind);

// Measures of a patient, with what cardiomegaly, emphysema and atelectasis change in them.
Chest measure_chest(const Patient& patient, const Acquisition& acquisition,
                    const std::vector<Finding>& findings);

// Index of the vertebra of a fracture: T8 .. T11, which neither the shoulders nor the abdomen cover
// in the lateral view.
int fractured_vertebra(const Finding& fracture);

// Vertebra T1 (0) .. L2 (13).
struct Vertebra {
  Vec3 centre;
  double height = 2, radius_x = 1.6, radius_y = 1.5;
  Vec3 up;  // axis of the spine there
};
inline constexpr int kVertebrae = 14;
Vertebra vertebra(const Chest& chest, int index);

// What each part of the body adds to a scene.
void add_body(const Patient& patient, const Chest& chest, Pose pose, Scene& scene);
void add_airways(const Acquisition& acquisition, const Chest& chest, Scene& scene);
// `fracture`: of a rib, or null.
void add_skeleton(const Patient& patient, const Chest& chest, Pose pose, const Finding* fracture,
                  Scene& scene);
void add_spine(const Patient& patient, const Chest& chest, const Finding* fracture, Scene& scene);
void add_lungs(const Patient& patient, const Chest& chest, Scene& scene);
void add_vessels(const Patient& patient, const Chest& chest, const std::vector<Finding>& findings,
                 Scene& scene);
// What operations have left behind.
void add_surgery(const Patient& patient, const Chest& chest, Scene& scene);
// Findings inside the lungs and pleura and of the mediastinum; devices.
void add_findings(const Chest& chest, const std::vector<Finding>& findings, Scene& scene);
void add_devices(const Chest& chest, const std::vector<Finding>& findings, Scene& scene);

}  // namespace biplane

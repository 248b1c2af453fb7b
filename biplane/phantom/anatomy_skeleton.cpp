// Ribs, clavicles, shoulder blades, sternum, arms and spine. Densities are what bone adds to soft
// tissue.
#include <algorithm>
#include <cmath>

#include "biplane/phantom/chest.h"

namespace biplane {
namespace {

constexpr double kCortex = 1.75;
constexpr double kMarrow = 0.30;

// Bone as a dense shell around marrow.
void add_bone(const std::vector<Vec3>& path, const CylinderShape& shape, double mineral,
              std::vector<Deposit>& out) {
  for (const Solid& part : tube(path, shape)) out.push_back({part, mineral * kCortex});
  CylinderShape inner = shape;
  inner.radius *= 0.62;
  inner.aspect *= 1.12;
  for (const Solid& part : tube(path, inner)) out.push_back({part, -mineral * (kCortex - kMarrow)});
}

struct RibShape {
  double drop = 5;        // how far the front end lies below the back end, cm
  double end_angle = -1;  // radians; where the bony part ends in front
};

std::vector<Vec3> rib_path(const Chest& chest, int index, int side) {
  static constexpr double kDrop[10] = {3.2, 4.6, 5.8, 6.8, 7.6, 8.2, 8.6, 8.6, 8.0, 7.0};
  static constexpr double kEnd[10] = {-0.95, -1.0,  -1.02, -1.0,  -0.95,
                                      -0.88, -0.78, -0.62, -0.40, -0.05};
  const Vertebra v = vertebra(chest, index);
  constexpr int kPoints = 11;
  std::vector<Vec3> path = {v.centre + Vec3{side_sign(side) * 1.6, 1.0, 0.3}};
  for (int i = 0; i < kPoints; ++i) {
    const double t = static_cast<double>(i) / (kPoints - 1);
    const double angle = 1.22 + t * (kEnd[index] - 1.22);
    const double sink = kDrop[index] * chest.length * (0.15 * t + 0.85 * t * t * (1.6 - 0.6 * t));
    const double z = v.centre.z + 0.2 - sink;
    const double rise = (z - chest.cage_centre.z) / chest.cage_radii.z;
    const double round = std::sqrt(std::max(0.06, 1 - rise * rise));
    path.push_back({side_sign(side) * chest.cage_radii.x * round * std::cos(angle),
                    chest.cage_centre.y + chest.cage_radii.y * round * std::sin(angle), z});
  }
  return path;
}

void add_shoulders(const Patient& patient, const Chest& chest, Pose pose,
                   std::vector<Deposit>& out) {
  const double w = chest.width, d = chest.depth, l = chest.length;
  for (int side = 0; side < 2; ++side) {
    const double s = side_sign(side);
    const double lift = pose == Pose::kLateral ? 1.5 : 0.0;
    add_bone({{s * 1.6, -5.0 * d, 11.0 * l},
              {s * 4.6, -5.8 * d, 11.9 * l},
              {s * 8.2, -4.2 * d, 12.7 * l + lift},
              {s * 12.0 * w, -0.8 * d, 13.2 * l + lift},
              {s * 15.0 * w, 1.2 * d, 13.0 * l + lift}},
             {0.52, 1.25, {0, 0, 1}}, patient.bone, out);
    const Frame blade = rotated_frame(0, 0, -s * 0.55);
    const Vec3 middle{s * (pose == Pose::kLateral ? 10.8 : 13.3) * w, 9.2 * d, 5.8 * l};
    Solid plate = ellipsoid(middle, {4.4, 0.45, 8.6}, blade);
    out.push_back(
        {cut(plate, plane_at(middle + Vec3{0, 0, 5.6}, {-0.25 * s, 0, 1})), patient.bone * 0.42});
    add_bone({middle + Vec3{s * 0.6, 0, -7.4}, middle + Vec3{s * 3.0, -0.7, 0},
              middle + Vec3{s * 3.4, -1.6, 6.0}},
             {0.42, 1.4, {0, 1, 0}}, 0.7 * patient.bone, out);
    if (pose == Pose::kFrontal) {
      const Vec3 head{s * 18.0 * w, 1.0, 11.0 * l};
      out.push_back({sphere(head, 2.4), 0.40 * patient.bone});
      add_bone({head + Vec3{s * 0.3, 0, -1.5}, head + Vec3{s * 2.5, 1.0, -30}},
               {1.25, 1, {1, 0, 0}}, patient.bone, out);
    } else {
      const Vec3 head{s * 15.0 * w, -1.5, 14.5 * l};
      out.push_back({sphere(head, 2.4), 0.40 * patient.bone});
      add_bone({head + Vec3{0, -1.0, 1.0}, head + Vec3{0, -14, 18}}, {1.25, 1, {1, 0, 0}},
               patient.bone, out);
    }
  }
}

}  // namespace

void add_skeleton(const Patient& patient, const Chest& chest, Pose pose, Scene& scene) {
  std::vector<Deposit>& out = scene.layer(Layer::kSkeleton);
  for (int side = 0; side < 2; ++side)
    for (int index = 0; index < 10; ++index)
      add_bone(rib_path(chest, index, side), {0.34, 1.9, {0, 0, 1}}, 1.0 * patient.bone, out);
  add_shoulders(patient, chest, pose, out);
  const double d = chest.depth, l = chest.length;
  add_bone({{0, -5.6 * d, 11.0 * l}, {0, -7.6 * d, 6.8 * l}}, {0.6, 4.2, {1, 0, 0}},
           0.55 * patient.bone, out);
  add_bone({{0, -7.65 * d, 6.5 * l}, {0, -9.3 * d, 1.5 * l}, {0, -10.1 * d, -4.0 * l}},
           {0.55, 3.0, {1, 0, 0}}, 0.55 * patient.bone, out);
}

namespace {

// Body of a vertebra: dense end plates and rim around spongy bone. `cutting`: a plane that takes
// off a part, or null.
void add_vertebra(const Vertebra& v, const Plane* cutting, double mineral,
                  std::vector<Deposit>& out) {
  const Vec3 half = 0.5 * v.height * v.up;
  const CylinderShape shape{v.radius_y, v.radius_x / v.radius_y, {1, 0, 0}};
  CylinderShape inner = shape;
  inner.radius *= 0.84;
  Solid whole = cylinder(v.centre - half, v.centre + half, shape);
  Solid core = cylinder(v.centre - 0.84 * half, v.centre + 0.84 * half, inner);
  if (cutting != nullptr) {
    whole = cut(whole, *cutting);
    core = cut(core, *cutting);
  }
  out.push_back({whole, 0.62 * mineral});
  out.push_back({core, -0.30 * mineral});
}

// Wedge fracture: the upper front of the body breaks off and is pushed back over the spinal canal.
// The lateral shows the wedge, the fragment, the bend of the spine and the impacted, denser bone;
// along the rays of the frontal view mostly depth changes, in the part of the film that is burnt
// out.
constexpr double kImpaction = 3.5;  // of the mineral, against normal bone

void add_fractured_vertebra(const Vertebra& v, double loss, double mineral,
                            std::vector<Deposit>& out) {
  const Vec3 back_edge = v.centre + Vec3{0, v.radius_y, 0} + 0.5 * v.height * v.up;
  const Vec3 front_edge = v.centre - Vec3{0, v.radius_y, 0} + (0.5 - loss) * v.height * v.up;
  const Vec3 normal = unit(cross({1, 0, 0}, back_edge - front_edge));
  const Plane above = plane_at(front_edge, normal);
  add_vertebra(v, &above, mineral, out);
  const Plane below{-1.0 * above.normal, -above.offset};
  std::vector<Deposit> fragment;
  add_vertebra(v, &below, mineral, fragment);
  const Vec3 push{0, 1.7 * v.radius_y, 0};
  for (Deposit& part : fragment) {
    part.solid.centre = part.solid.centre + push;
    for (Plane& plane : part.solid.planes) plane.offset += dot(plane.normal, push);
    out.push_back(part);
  }
}

void add_arch(const Vertebra& v, double mineral, std::vector<Deposit>& out) {
  for (double s : {-1.0, 1.0}) {
    out.push_back({ellipsoid(v.centre + Vec3{s * 1.05, v.radius_y + 0.4, 0.35}, {0.42, 0.9, 0.55}),
                   0.7 * mineral});
    out.push_back({ellipsoid(v.centre + Vec3{s * 2.3, v.radius_y + 1.4, 0.3}, {1.3, 0.45, 0.45}),
                   0.5 * mineral});
  }
  out.push_back({ellipsoid(v.centre + Vec3{0, v.radius_y + 2.8, -0.9}, {0.3, 1.5, 0.55},
                           rotated_frame(-0.6, 0, 0)),
                 0.7 * mineral});
}

}  // namespace

int fractured_vertebra(const Finding& fracture) {
  return 7 + std::clamp(static_cast<int>(fracture.height * 4), 0, 3);
}

void add_spine(const Patient& patient, const Chest& chest, const Finding* fracture, Scene& scene) {
  std::vector<Deposit>& out = scene.layer(Layer::kSpine);
  const int broken = fracture == nullptr ? -1 : fractured_vertebra(*fracture);
  for (int index = 0; index < kVertebrae; ++index) {
    Vertebra v = vertebra(chest, index);
    if (fracture != nullptr) {
      // The spine bends: backwards at the fracture, forwards above and below it.
      const double away = (v.centre.z - vertebra(chest, broken).centre.z) / 4.0;
      v.centre.y += (3.3 + 0.35 * fracture->grade) *
                    (std::exp(-away * away) - 0.5 * std::exp(-0.25 * away * away));
    }
    if (fracture != nullptr &&
        (index == broken || index == broken + 1)) {  // the lower neighbour gives way a little too
      add_fractured_vertebra(v, (index == broken ? 0.60 : 0.40) + 0.12 * fracture->grade,
                             kImpaction * patient.bone, out);
    } else {
      add_vertebra(v, nullptr, patient.bone, out);
    }
    add_arch(v, patient.bone, out);
  }
}

}  // namespace biplane

// Ribs, clavicles, shoulder blades, sternum, arms and spine. Densities are what bone adds to soft
// tissue.
#include <algorithm>
#include <cmath>

#include "biplane/core/random.h"
#include "biplane/phantom/chest.h"

namespace biplane {
namespace {

constexpr double kCortex = 1.75;
constexpr double kMarrow = 0.30;
constexpr double kCallus = 1.3;

// Bone as a dense shell around marrow.
void add_bone(const std::vector<Vec3>& path, const CylinderShape& shape, double mineral,
              std::vector<Deposit>& out) {
  for (const Solid& part : tube(path, shape)) out.push_back({part, mineral * kCortex});
  CylinderShape inner = shape;
  inner.radius *= 0.62;
  inner.aspect *= 1.12;
  for (const Solid& part : tube(path, inner)) out.push_back({part, -mineral * (kCortex - kMarrow)});
}

// No two ribs are alike.
struct RibForm {
  double lift = 0;   // cm
  double drop = 1;   // scale of how far the front end lies below the back end
  double width = 1;  // scale
};

RibForm draw_rib(const Patient& patient, int index, int side) {
  CounterRandom random(patient.vessels, "phantom/ribs",
                       {static_cast<std::uint64_t>(index), static_cast<std::uint64_t>(side)});
  RibForm form;
  form.lift = 0.25 * (random.uniform() - 0.5);
  form.drop = 1 + 0.16 * (random.uniform() - 0.5);
  form.width = 1 + 0.24 * (random.uniform() - 0.5);
  return form;
}

std::vector<Vec3> rib_path(const Chest& chest, const RibForm& form, int index, int side) {
  static constexpr double kDrop[10] = {3.2, 4.6, 5.8, 6.8, 7.6, 8.2, 8.6, 8.6, 8.0, 7.0};
  static constexpr double kEnd[10] = {-0.95, -1.0,  -1.02, -1.0,  -0.95,
                                      -0.88, -0.78, -0.62, -0.40, -0.05};
  const Vertebra v = vertebra(chest, index);
  constexpr int kPoints = 10;
  std::vector<Vec3> path = {v.centre + Vec3{side_sign(side) * 1.6, 1.0, 0.3}};
  const double drop = form.drop * kDrop[index] * chest.length;
  for (int i = 0; i < kPoints; ++i) {
    const double t = static_cast<double>(i) / (kPoints - 1);
    const double angle = 1.22 + t * (kEnd[index] - 1.22);
    const double sink = drop * (0.22 * t + 0.78 * t * t * (1.6 - 0.6 * t)) - form.lift * t;
    const double z = v.centre.z + 0.2 - sink;
    const double rise = (z - chest.cage_centre.z) / chest.cage_radii.z;
    const double round = std::sqrt(std::max(0.06, 1 - rise * rise));
    path.push_back({side_sign(side) * chest.cage_radii.x * round * std::cos(angle),
                    chest.cage_centre.y + chest.cage_radii.y * round * std::sin(angle), z});
  }
  return path;
}

// A rib or a piece of one whose points are number `first` and following of `total`: mineral falls
// off towards the cartilage in front.
struct RibPiece {
  std::vector<Vec3> points;
  std::size_t first = 0, total = 1;
};

void add_rib(const RibPiece& piece, double width, double mineral, std::vector<Deposit>& out) {
  constexpr double kFade = 0.55;
  const CylinderShape outer{0.34 * width, 1.85, {0, 0, 1}};
  const CylinderShape inner{0.62 * outer.radius, 1.12 * outer.aspect, outer.wide};
  const std::vector<Solid> cortex = tube(piece.points, outer), core = tube(piece.points, inner);
  for (std::size_t i = 0; i < cortex.size(); ++i) {
    const double left = mineral * (1 - kFade * static_cast<double>(piece.first + i) /
                                           static_cast<double>(piece.total));
    out.push_back({cortex[i], left * kCortex});
    out.push_back({core[i], left * (kMarrow - kCortex)});
  }
}

// The fourth to the ninth rib: what neither the shoulders nor the abdomen cover.
int broken_rib(const Finding& fracture) {
  return 3 + std::clamp(static_cast<int>(fracture.height * 6), 0, 5);
}

// Broken at its side; the front part has slipped below the back part, and callus joins the two.
void add_broken_rib(const std::vector<Vec3>& path, const Finding& fracture, double width,
                    double mineral, std::vector<Deposit>& out) {
  const std::size_t at =
      3 + static_cast<std::size_t>(std::clamp(static_cast<int>(fracture.depth * 3), 0, 2));
  const double slip = 0.9 + 0.25 * (fracture.grade + fracture.extent);
  const auto middle = path.begin() + static_cast<std::ptrdiff_t>(at);
  add_rib({{path.begin(), middle + 1}, 0, path.size()}, width, mineral, out);
  std::vector<Vec3> front(middle, path.end());
  for (Vec3& point : front) point = point + Vec3{0, 0, -slip};
  add_rib({front, at, path.size()}, width, mineral, out);
  constexpr double kAround = 1.0;  // cm of callus around and beyond the broken ends
  out.push_back(
      {ellipsoid(lerp(*middle, front.front(), 0.5), {kAround, kAround, kAround + 0.5 * slip}),
       mineral * kCallus});
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

void add_skeleton(const Patient& patient, const Chest& chest, Pose pose, const Finding* fracture,
                  Scene& scene) {
  std::vector<Deposit>& out = scene.layer(Layer::kSkeleton);
  for (int side = 0; side < 2; ++side)
    for (int index = 0; index < 10; ++index) {
      const RibForm form = draw_rib(patient, index, side);
      const std::vector<Vec3> path = rib_path(chest, form, index, side);
      if (fracture != nullptr && on_side(fracture->side, side) && index == broken_rib(*fracture))
        add_broken_rib(path, *fracture, form.width, patient.bone, out);
      else
        add_rib({path, 0, path.size()}, form.width, patient.bone, out);
    }
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

// Wedge fracture: the body is pressed together from front to back, its upper front breaks off and
// is pushed back over the spinal canal. The lateral shows a small dense wedge, the fragment and the
// bend of the spine; along the rays of the frontal view mineral only changes its depth.
constexpr double kPressed = 0.42;  // depth of the body that is left

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
      v.radius_y *= kPressed;
      add_fractured_vertebra(v, (index == broken ? 0.60 : 0.40) + 0.12 * fracture->grade,
                             patient.bone / kPressed, out);
    } else {
      add_vertebra(v, nullptr, patient.bone, out);
    }
    add_arch(v, patient.bone, out);
  }
}

}  // namespace biplane

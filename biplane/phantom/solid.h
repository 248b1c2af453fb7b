#pragma once

#include <array>
#include <vector>

#include "biplane/phantom/vector.h"

namespace biplane {

// Half-space dot(normal, x) <= offset.
struct Plane {
  Vec3 normal;
  double offset = 0;
  bool operator==(const Plane&) const = default;
};

// The one primitive of the phantom: a convex quadric (x - centre)^T M (x - centre) <= 1, cut by at
// most four half-spaces. A ray meets it in one interval, which has a closed form.
struct Solid {
  static constexpr int kMaxPlanes = 4;
  Vec3 centre;
  std::array<double, 6> form{};     // M: xx, yy, zz, xy, xz, yz in 1/cm^2
  std::array<Vec3, 3> half_axes{};  // of a box around centre that holds the solid
  std::array<Plane, kMaxPlanes> planes{};
  int plane_count = 0;
  double thin_radius =
      0;  // cm; > 0: may be widened to the pixel at equal mass (catheters, wires, vessels)
  bool operator==(const Solid&) const = default;
};

// Semi-axes `radii` in cm along the frame's u, v, w.
Solid ellipsoid(Vec3 centre, Vec3 radii, const Frame& frame = {});
Solid sphere(Vec3 centre, double radius);

// Cylinder from a to b with flat ends; its section is an ellipse with `radius` along the part of
// `wide` that is perpendicular to the axis times `aspect`, and `radius` across it.
struct CylinderShape {
  double radius = 1;  // cm
  double aspect = 1;
  Vec3 wide{0, 0, 1};
};
Solid cylinder(Vec3 a, Vec3 b, const CylinderShape& shape);

// Throws Error kUsage beyond Solid::kMaxPlanes.
Solid cut(Solid solid, const Plane& plane);
// Plane through a point that keeps the side against `outward`.
Plane plane_at(Vec3 point, Vec3 outward);

// A polyline as cylinders that meet in mitred joints, so that neither gap nor overlap shows.
std::vector<Solid> tube(const std::vector<Vec3>& points, const CylinderShape& shape);

}  // namespace biplane

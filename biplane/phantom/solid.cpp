#include "biplane/phantom/solid.h"

#include <algorithm>

#include "biplane/core/error.h"

namespace biplane {
namespace {

void add_axis(std::array<double, 6>& form, Vec3 axis, double radius) {
  const double s = 1.0 / (radius * radius);
  form[0] += s * axis.x * axis.x;
  form[1] += s * axis.y * axis.y;
  form[2] += s * axis.z * axis.z;
  form[3] += s * axis.x * axis.y;
  form[4] += s * axis.x * axis.z;
  form[5] += s * axis.y * axis.z;
}

// Frame with w along the axis and u along the part of `wide` across it.
Frame axis_frame(Vec3 axis, Vec3 wide) {
  const Vec3 w = unit(axis);
  Vec3 across = wide - dot(wide, w) * w;
  if (norm(across) < 1e-6) across = cross(w, std::abs(w.x) < 0.9 ? Vec3{1, 0, 0} : Vec3{0, 1, 0});
  const Vec3 u = unit(across);
  return {u, cross(w, u), w};
}

// Cylinder without ends; `slack` lengthens the enclosing box for slanted cuts.
Solid open_cylinder(Vec3 a, Vec3 b, const CylinderShape& shape) {
  const Frame frame = axis_frame(b - a, shape.wide);
  const double wide = shape.radius * shape.aspect;
  const double slack = std::max(wide, shape.radius);
  Solid solid;
  solid.centre = 0.5 * (a + b);
  add_axis(solid.form, frame.u, wide);
  add_axis(solid.form, frame.v, shape.radius);
  solid.half_axes = {wide * frame.u, shape.radius * frame.v, (0.5 * norm(b - a) + slack) * frame.w};
  solid.thin_radius = std::min(wide, shape.radius);
  return solid;
}

}  // namespace

Solid ellipsoid(Vec3 centre, Vec3 radii, const Frame& frame) {
  Solid solid;
  solid.centre = centre;
  add_axis(solid.form, frame.u, radii.x);
  add_axis(solid.form, frame.v, radii.y);
  add_axis(solid.form, frame.w, radii.z);
  solid.half_axes = {radii.x * frame.u, radii.y * frame.v, radii.z * frame.w};
  return solid;
}

Solid sphere(Vec3 centre, double radius) { return ellipsoid(centre, {radius, radius, radius}); }

Plane plane_at(Vec3 point, Vec3 outward) { return {outward, dot(outward, point)}; }

Solid cut(Solid solid, const Plane& plane) {
  if (solid.plane_count == Solid::kMaxPlanes)
    throw Error(ErrorKind::kUsage, "a solid of the phantom has too many cutting planes");
  solid.planes[static_cast<std::size_t>(solid.plane_count++)] = plane;
  return solid;
}

Solid cylinder(Vec3 a, Vec3 b, const CylinderShape& shape) {
  Solid solid = open_cylinder(a, b, shape);
  solid.half_axes[2] = 0.5 * (b - a);
  return cut(cut(solid, plane_at(a, a - b)), plane_at(b, b - a));
}

std::vector<Solid> tube(const std::vector<Vec3>& points, const CylinderShape& shape) {
  std::vector<Solid> solids;
  for (std::size_t i = 0; i + 1 < points.size(); ++i) {
    const Vec3 a = points[i], b = points[i + 1], along = unit(b - a);
    const Vec3 before = i > 0 ? unit(along + unit(a - points[i - 1])) : along;
    const Vec3 after = i + 2 < points.size() ? unit(along + unit(points[i + 2] - b)) : along;
    const Solid open = open_cylinder(a, b, shape);
    solids.push_back(cut(cut(open, plane_at(a, -1.0 * before)), plane_at(b, after)));
  }
  return solids;
}

}  // namespace biplane

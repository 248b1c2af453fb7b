#include "biplane/phantom/projection.h"

#include <algorithm>
#include <cmath>

namespace biplane {
namespace {

constexpr float kFar = 1e6F;

Vec3 apply(const std::array<double, 6>& m, Vec3 p) {
  return {m[0] * p.x + m[3] * p.y + m[4] * p.z, m[3] * p.x + m[1] * p.y + m[5] * p.z,
          m[4] * p.x + m[5] * p.y + m[2] * p.z};
}

// Narrowest pixel that a thin solid is widened to, in pixels (radius).
constexpr double kThinnest = 0.6;

}  // namespace

void Camera::project(Vec3 point, double& row, double& col) const {
  const Vec3 rel = point - source;
  const double t = dot(rel, forward);
  col = dot(rel, right) / t / pitch() - 0.5 + 0.5 * size;
  row = (centre_up / distance - dot(rel, up) / t) / pitch() - 0.5 + 0.5 * size;
}

// The quadric along one row as polynomials of the local column coordinate u: a t^2 + 2 b t + c <= 0
// with t counted from the plane through the solid's centre, so that single precision suffices.
struct ProjectedSolid::RowTerms {
  std::array<float, 3> a, b, c;
  std::array<std::array<float, 2>, Solid::kMaxPlanes> offset, slope;  // offset(u) + t slope(u) <= 0
};

ProjectedSolid::ProjectedSolid(const Solid& solid, const Camera& camera)
    : camera_(camera), form_(solid.form), planes_(solid.planes), plane_count_(solid.plane_count) {
  depth_ = dot(solid.centre - camera.source, camera.forward);
  to_centre_ = camera.source + depth_ * camera.forward - solid.centre;
  double widen = 1;
  if (solid.thin_radius > 0) {
    const double pixel = camera.pitch() * depth_;
    widen = std::max(1.0, kThinnest * pixel / solid.thin_radius);
    for (double& m : form_) m /= widen * widen;
    weight_ = static_cast<float>(1 / (widen * widen));
  }
  double row_low = 1e9, row_high = -1e9, col_low = 1e9, col_high = -1e9;
  for (int corner = 0; corner < 8; ++corner) {
    Vec3 p = solid.centre;
    for (int axis = 0; axis < 3; ++axis) {
      const double scale = axis < 2 ? widen : 1.0;  // a thin solid is widened across, not along
      p = p + ((corner >> axis & 1) != 0 ? scale : -scale) *
                  solid.half_axes[static_cast<std::size_t>(axis)];
    }
    double row = 0, col = 0;
    camera.project(p, row, col);
    row_low = std::min(row_low, row);
    row_high = std::max(row_high, row);
    col_low = std::min(col_low, col);
    col_high = std::max(col_high, col);
  }
  const auto clip = [&](double x) {
    return static_cast<int>(std::clamp(x, 0.0, double(camera.size)));
  };
  row_begin_ = clip(std::floor(row_low));
  row_end_ = clip(std::ceil(row_high) + 1);
  col_begin_ = clip(std::floor(col_low));
  col_end_ = clip(std::ceil(col_high) + 1);
  middle_across_ = camera.across(0.5 * (col_begin_ + col_end_));
}

ProjectedSolid::RowTerms ProjectedSolid::row_terms(int row) const {
  const Vec3 d1 = camera_.right;
  const Vec3 d0 = camera_.forward + camera_.along(row) * camera_.up + middle_across_ * d1;
  const Vec3 r0 = to_centre_ + depth_ * (d0 - camera_.forward);
  const Vec3 r1 = depth_ * d1;
  const Vec3 md0 = apply(form_, d0), md1 = apply(form_, d1), mr0 = apply(form_, r0),
             mr1 = apply(form_, r1);
  const auto f = [](double x) { return static_cast<float>(x); };
  RowTerms terms;
  terms.a = {f(dot(d0, md0)), f(2 * dot(d0, md1)), f(dot(d1, md1))};
  terms.b = {f(dot(d0, mr0)), f(dot(d0, mr1) + dot(d1, mr0)), f(dot(d1, mr1))};
  terms.c = {f(dot(r0, mr0) - 1), f(2 * dot(r0, mr1)), f(dot(r1, mr1))};
  const Vec3 centre = camera_.source + depth_ * camera_.forward - to_centre_;
  for (int i = 0; i < plane_count_; ++i) {
    const Plane& plane = planes_[static_cast<std::size_t>(i)];
    const double reach = plane.offset - dot(plane.normal, centre);
    terms.offset[static_cast<std::size_t>(i)] = {f(dot(plane.normal, r0) - reach),
                                                 f(dot(plane.normal, r1))};
    terms.slope[static_cast<std::size_t>(i)] = {f(dot(plane.normal, d0)), f(dot(plane.normal, d1))};
  }
  return terms;
}

void ProjectedSolid::chords(int row, int begin, int end, float* enter, float* leave) const {
  const RowTerms terms = row_terms(row);
  const int count = end - begin;
  const float step = static_cast<float>(camera_.pitch());
  const float first = static_cast<float>(camera_.across(begin) - middle_across_);
  const auto [a0, a1, a2] = terms.a;
  const auto [b0, b1, b2] = terms.b;
  const auto [c0, c1, c2] = terms.c;
  for (int i = 0; i < count; ++i) {
    const float u = first + step * static_cast<float>(i);
    const float a = std::max(a0 + u * (a1 + u * a2), 1e-9F);
    const float b = b0 + u * (b1 + u * b2);
    const float c = c0 + u * (c1 + u * c2);
    const float root = std::sqrt(std::max(b * b - a * c, 0.0F));
    const float inverse = 1 / a;
    enter[i] = (-b - root) * inverse;
    leave[i] = (root - b) * inverse;
  }
  for (int p = 0; p < plane_count_; ++p) {
    const auto [g0, g1] = terms.offset[static_cast<std::size_t>(p)];
    const auto [h0, h1] = terms.slope[static_cast<std::size_t>(p)];
    for (int i = 0; i < count; ++i) {
      const float u = first + step * static_cast<float>(i);
      const float slope = h0 + u * h1;
      const float safe = std::abs(slope) < 1e-12F ? 1e-12F : slope;
      const float t = -(g0 + u * g1) / safe;
      leave[i] = std::min(leave[i], safe > 0 ? t : kFar);
      enter[i] = std::max(enter[i], safe > 0 ? -kFar : t);
    }
  }
  const float depth = static_cast<float>(depth_);
  for (int i = 0; i < count; ++i) {
    enter[i] += depth;
    leave[i] += depth;
  }
}

}  // namespace biplane

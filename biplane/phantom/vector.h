#pragma once

#include <cmath>

namespace biplane {

// Body coordinates in centimetres: x to the patient's left, y to the back, z to the head; the
// origin lies in the midline at the height of the seventh thoracic vertebra.
struct Vec3 {
  double x = 0, y = 0, z = 0;
  bool operator==(const Vec3&) const = default;
};

inline Vec3 operator+(Vec3 a, Vec3 b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
inline Vec3 operator-(Vec3 a, Vec3 b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
inline Vec3 operator*(double s, Vec3 a) { return {s * a.x, s * a.y, s * a.z}; }
inline double dot(Vec3 a, Vec3 b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
inline Vec3 cross(Vec3 a, Vec3 b) {
  return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}
inline double norm(Vec3 a) { return std::sqrt(dot(a, a)); }
inline Vec3 unit(Vec3 a) { return (1.0 / norm(a)) * a; }
inline Vec3 lerp(Vec3 a, Vec3 b, double t) { return a + t * (b - a); }

// Right-handed frame of unit vectors: the axes of a solid.
struct Frame {
  Vec3 u{1, 0, 0}, v{0, 1, 0}, w{0, 0, 1};
};

// Frame turned by angles (radians) about x, then y, then z.
inline Frame rotated_frame(double about_x, double about_y, double about_z) {
  const double cx = std::cos(about_x), sx = std::sin(about_x);
  const double cy = std::cos(about_y), sy = std::sin(about_y);
  const double cz = std::cos(about_z), sz = std::sin(about_z);
  const auto turn = [&](Vec3 p) {
    p = {p.x, cx * p.y - sx * p.z, sx * p.y + cx * p.z};
    p = {cy * p.x + sy * p.z, p.y, -sy * p.x + cy * p.z};
    return Vec3{cz * p.x - sz * p.y, sz * p.x + cz * p.y, p.z};
  };
  return {turn({1, 0, 0}), turn({0, 1, 0}), turn({0, 0, 1})};
}

}  // namespace biplane

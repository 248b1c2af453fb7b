#include "biplane/phantom/chest.h"

#include <algorithm>
#include <cmath>

namespace biplane {

bool on_side(Side finding_side, int side) {
  return finding_side == Side::kBoth || finding_side == (side == 0 ? Side::kRight : Side::kLeft);
}

const Finding* find_finding(const std::vector<Finding>& findings, FindingKind kind) {
  const auto found = std::find_if(findings.begin(), findings.end(),
                                  [&](const Finding& f) { return f.kind == kind; });
  return found == findings.end() ? nullptr : &*found;
}

double Chest::spine_y(double z) const {
  const double u = (z + 1) / 15;
  return (6.3 - 2.9 * u * u) * depth + kyphosis * (1 - u * u);
}

Vec3 Chest::hilum(int side) const {
  return {side_sign(side) * 3.5 * width, 0.8 * depth, (side == 0 ? 1.4 : 2.4) * length};
}

Vec3 Chest::lung_point(int side, double depth_fraction, double lateral, double height) const {
  const std::size_t s = static_cast<std::size_t>(side);
  const Vec3 c = lung_centre[s], r = lung_radii[s];
  const double low = lung_base[s] - 2.5, high = c.z + 0.93 * r.z;
  const double z = low + height * (high - low);
  const double rise = (z - c.z) / r.z, round = std::sqrt(std::max(0.05, 1 - rise * rise));
  const double middle =
      side_sign(side) * c.x - 0.10 * (z - c.z);  // the long axis leans towards the midline
  const double inner = std::max(3.2 * width, middle - r.x * round), outer = middle + r.x * round;
  const double x = inner + lateral * (outer - inner);
  const double off = std::clamp((x - middle) / (r.x * round), -0.98, 0.98);
  const double reach = r.y * round * std::sqrt(1 - off * off);
  return {side_sign(side) * x, c.y + (2 * depth_fraction - 1) * 0.85 * reach, z};
}

Vertebra vertebra(const Chest& chest, int index) {
  Vertebra v;
  double z = 15.4;
  double height = 1.75;
  for (int i = 0; i < index; ++i) {
    z -= height + 0.32;
    height += 0.065;
  }
  v.height = height;
  v.centre = {0, chest.spine_y(z * chest.length), z * chest.length};
  v.radius_x = 1.5 + 0.045 * index;
  v.radius_y = 1.2 + 0.04 * index;
  const double slope = (chest.spine_y(v.centre.z + 0.5) - chest.spine_y(v.centre.z - 0.5));
  v.up = unit({0, slope, 1});
  return v;
}

namespace {

// 0 for healthy lungs.
double overinflation(const Finding& emphysema) {
  return 0.7 + 0.25 * emphysema.grade + 0.1 * emphysema.extent;
}

}  // namespace

Chest measure_chest(const Patient& patient, const Acquisition& acquisition,
                    const std::vector<Finding>& findings) {
  Chest c;
  const Finding* emphysema = find_finding(findings, FindingKind::kEmphysema);
  const double over = emphysema == nullptr ? 0.0 : overinflation(*emphysema);
  c.width = patient.width;
  c.depth = patient.depth;
  c.length = patient.length;
  c.heart = patient.heart * (1 - 0.06 * over);
  c.heart_tilt = patient.heart_tilt + 0.12 * over;
  c.kyphosis = patient.kyphosis;
  c.lung_density = patient.lung_density * (1 - 0.30 * over);
  if (const Finding* big = find_finding(findings, FindingKind::kCardiomegaly))
    c.heart *= 1.24 + 0.10 * big->grade + 0.08 * big->extent;
  const Finding* collapse = find_finding(findings, FindingKind::kAtelectasis);
  const double w = c.width, d = c.depth, l = c.length;
  c.cage_centre = {0, 0.2 * d, -6 * l};
  c.cage_radii = {13.9 * w, 10.0 * d, 22.2 * l};
  for (int side = 0; side < 2; ++side) {
    const std::size_t s = static_cast<std::size_t>(side);
    const double sign = side_sign(side);
    c.lung_centre[s] = {sign * 6.3 * w, 0.3 * d, -6 * l};
    c.lung_radii[s] = {7.2 * w, (9.4 + 0.35 * over) * d, 20.9 * l};
    c.lung_frame[s] = rotated_frame(-0.05, -sign * 0.10, 0);
    const double own = side == 0 ? patient.dome_right : patient.dome_left;
    const double sulcus = side == 0 ? patient.sulcus_right : patient.sulcus_left;
    double top = (side == 0 ? -8.0 : -9.4) * l + own - acquisition.inspiration - 2.0 * over;
    double radius = 12.0 * (1 - 0.30 * over);
    c.lung_base[s] = top;
    if (collapse != nullptr && on_side(collapse->side, side)) top += 0.8 + 0.6 * collapse->grade;
    c.dome_centre[s] = {sign * 5.6 * w, -3.2 * d - 0.35 * sulcus, top - radius};
    c.dome_radii[s] = {10.2 * w, 11.3 * d, radius};
  }
  return c;
}

}  // namespace biplane

// Findings of lungs, pleura and mediastinum.
#include <algorithm>
#include <cmath>

#include "biplane/phantom/chest.h"

namespace biplane {
namespace {

// Size that grows with grade and, inside it, with extent.
double sized(const Finding& f, double small, double step) {
  return small + step * (f.grade + f.extent);
}

// Lesion with a soft edge: nested shells whose densities sum to `density`.
void add_soft_lesion(const Solid& solid, double density, std::vector<Deposit>& lifts) {
  constexpr double kScale[3] = {1.0, 0.85, 0.68};
  for (double scale : kScale) {
    Solid shell = solid;
    for (double& m : shell.form) m /= scale * scale;
    for (Vec3& axis : shell.half_axes) axis = scale * axis;
    lifts.push_back({shell, density / 3});
  }
}

// A point moved back by `depth` along the ray of a standard PA frontal: its shadow stays in place.
Vec3 along_ray(Vec3 p, double depth) {
  constexpr double kSource = 164.5;  // y of the focus, cm
  const double scale = (kSource - p.y - depth) / (kSource - p.y);
  return {scale * p.x, p.y + depth, scale * p.z};
}

// The fluid's surface is the underside of a wide ellipsoid that holds the air above it: a meniscus.
void add_pleural_effusion(const Chest& chest, const Finding& f, Scene& scene) {
  for (int side = 0; side < 2; ++side) {
    if (!on_side(f.side, side)) continue;
    const double level = chest.dome_top(side) + sized(f, -1.0, 2.6);
    constexpr double kHeight = 18;
    const Vec3 centre{side_sign(side) * 4.6 * chest.width, -1.5 * chest.depth, level + kHeight};
    scene.lungs[static_cast<std::size_t>(side)].cavity.push_back(
        ellipsoid(centre, {17.0 * chest.width, 17.0 * chest.depth, kHeight}));
  }
}

// Fluid in the posterior sulcus only: in the frontal view it lies below the top of the dome.
void add_posterior_effusion(const Chest& chest, const Finding& f, Scene& scene) {
  for (int side = 0; side < 2; ++side) {
    if (!on_side(f.side, side)) continue;
    const double top = chest.dome_top(side);
    // The surface runs from the chest wall at (back, upper) down to the dome at (front, lower).
    const double back = 9.4 * chest.depth + 10, upper = 12 - (top - 3.3 + sized(f, 0, 0.45));
    const double front = 3.6 * chest.depth + 10, lower = 12 - (top - 7.7 + sized(f, 0, 0.45));
    const double det = back * back * lower * lower - front * front * upper * upper;
    const double p = (lower * lower - upper * upper) / det, q = (back * back - front * front) / det;
    scene.lungs[static_cast<std::size_t>(side)].cavity.push_back(
        ellipsoid({side_sign(side) * 9.5, -10, 12}, {24, 1 / std::sqrt(p), 1 / std::sqrt(q)}));
  }
}

void add_pneumothorax(const Chest& chest, const Finding& f, Scene& scene) {
  const std::size_t s = f.side == Side::kRight ? 0 : 1;
  const double shrink = pneumothorax_scale(f);
  Lung& lung = scene.lungs[s];
  const Vec3 hilum = chest.hilum(static_cast<int>(s));
  const Vec3 centre =
      lerp(hilum, chest.lung_centre[s], shrink) + Vec3{0, 0, -1.5 * (1 - shrink) * 6};
  const auto shell = [&](double scale) {
    return ellipsoid(centre, (scale * shrink) * chest.lung_radii[s], chest.lung_frame[s]);
  };
  lung.tissue = {shell(1)};
  lung.density = std::min(0.6, lung.density / (shrink * shrink));
  const double line = 0.75 - lung.density;
  lung.lifts.push_back({shell(1), line});
  lung.lifts.push_back({shell(1 - 0.16 / (shrink * chest.lung_radii[s].x)), -line});
}

// Plane between the lobes: the oblique fissure runs from the upper back to the lower front. Its
// normal points forward and up.
Plane oblique_fissure(const Chest& chest) {
  return {unit({0, -0.72, 0.70}),
          dot(unit({0, -0.72, 0.70}), {0, -1.5 * chest.depth, -3.2 * chest.length})};
}
Plane opposite(const Plane& plane) { return {-1.0 * plane.normal, -plane.offset}; }

void add_consolidation(const Chest& chest, const Finding& f, Scene& scene) {
  const int side = f.side == Side::kRight ? 0 : 1;
  const double r = sized(f, 3.3, 0.6);
  const double aside = 0.5 + 0.25 * f.lateral;
  const Plane fissure = oblique_fissure(chest);
  Solid lesion;
  if (f.zone == Zone::kUpper) {
    lesion = ellipsoid(chest.lung_point(side, 0.3 + 0.4 * f.depth, aside, 0.66 + 0.12 * f.height),
                       {1.1 * r, 1.2 * r, r});
    lesion = cut(cut(lesion, fissure.normal.z > 0 ? opposite(fissure) : fissure),
                 plane_at({0, 0, 2.2 * chest.length}, {0, 0, -1}));
  } else if (f.zone == Zone::kMiddle) {
    lesion =
        ellipsoid(chest.lung_point(side, 0.2 + 0.15 * f.depth, aside - 0.1, 0.25 + 0.12 * f.height),
                  {1.15 * r, 1.1 * r, 0.9 * r});
    lesion = cut(cut(lesion, opposite(fissure)), plane_at({0, 0, 2.2 * chest.length}, {0, 0, 1}));
  } else {
    lesion = ellipsoid(
        chest.lung_point(side, 0.72 + 0.18 * f.depth, aside + 0.1, 0.14 + 0.14 * f.height),
        {1.1 * r, r, r});
    lesion = cut(lesion, fissure);
  }
  add_soft_lesion(lesion, 0.75, scene.lungs[static_cast<std::size_t>(side)].lifts);
}

// Behind the heart, before the spine, on both sides of the gullet: wide from side to side and thin
// from front to back. The lung in front of it is overinflated, as it is beside a lobe that fills
// up, so that the frontal rays meet nearly what they meet in a healthy chest, while the lateral
// ones run through the one or the other.
void add_retrocardiac(const Chest& chest, const Finding& f, Scene& scene) {
  const double base = chest.dome_top(1);
  const Vec3 centre{(0.6 + 0.4 * f.lateral) * chest.width, (3.9 + 0.6 * f.depth) * chest.depth,
                    base + 0.9 + 1.0 * f.height};
  const double r = sized(f, 1.18, 0.08), thin = 0.7 * r, wide = 1.6 * r;
  constexpr double kFilled = 0.60, kSolid = 0.84;  // kSolid: mean chord of the shells
  const Solid lesion = ellipsoid(centre, {4.6 * r, thin, 3.3 * r});
  const Solid empty = ellipsoid(along_ray(centre, -thin - wide), {4.65 * r, wide, 3.35 * r});
  for (Lung& lung : scene.lungs) {
    add_soft_lesion(lesion, kFilled, lung.lifts);
    add_soft_lesion(empty, -std::min(kFilled * thin / wide, kSolid * chest.lung_density),
                    lung.lifts);
  }
}

void add_atelectasis(const Chest& chest, const Finding& f, Scene& scene) {
  const int side = f.side == Side::kRight ? 0 : 1;
  std::vector<Deposit>& lifts = scene.lungs[static_cast<std::size_t>(side)].lifts;
  const double low = f.zone == Zone::kMiddle ? 0.36 : 0.17;
  const double slope = side_sign(side) * (0.15 + 0.25 * f.extent);
  for (int band = 0; band < 2; ++band) {
    const Vec3 centre =
        chest.lung_point(side, 0.42 + 0.2 * f.depth, 0.45 + 0.15 * f.lateral, low + 0.085 * band);
    const double length = (band == 0 ? 4.2 : 2.9) + 0.35 * f.grade;
    lifts.push_back(
        {ellipsoid(centre, {length, 4.2, 0.42 + 0.06 * f.grade}, rotated_frame(0.10, slope, 0)),
         0.62});
  }
}

void add_edema(const Chest& chest, const Finding& f, Scene& scene) {
  const double strength = sized(f, 0.15, 0.035);
  for (int side = 0; side < 2; ++side) {
    std::vector<Deposit>& lifts = scene.lungs[static_cast<std::size_t>(side)].lifts;
    const Vec3 middle = chest.hilum(side) + Vec3{side_sign(side) * 1.8, 0, -1.5};
    add_soft_lesion(ellipsoid(middle, {6.0, 8.0, 8.5}), 1.7 * strength, lifts);
    // Kerley B lines: short and horizontal, at the chest wall above the costophrenic angle.
    for (int line = 0; line < 6; ++line) {
      const Vec3 at = chest.lung_point(side, 0.3 + 0.08 * line, 0.97, 0.10 + 0.035 * line);
      scene.layer(Layer::kVessels)
          .push_back(
              {cylinder(at, at + Vec3{-side_sign(side) * 1.8, 0, 0}, {0.09, 4, {0, 1, 0}}), 0.7});
    }
  }
}

void add_round_lesion(const Chest& chest, const Finding& f, double radius, Scene& scene) {
  const int side = f.side == Side::kRight ? 0 : 1;
  static constexpr double kLow[3] = {0.68, 0.42, 0.20};
  const double height = kLow[std::min(2, static_cast<int>(f.zone))] + 0.12 * f.height;
  const Vec3 centre = chest.lung_point(side, 0.2 + 0.55 * f.depth, 0.35 + 0.40 * f.lateral, height);
  const double a = 1 + 0.15 * (f.extent - 0.5);
  const Frame turned = rotated_frame(3 * f.extent, 3 * f.depth, 3 * f.height);
  const Solid lesion = ellipsoid(centre, {radius * a, radius, radius / a}, turned);
  scene.lungs[static_cast<std::size_t>(side)].lifts.push_back({lesion, 1 - chest.lung_density});
  if (f.kind == FindingKind::kNodule)
    scene.layer(Layer::kVessels).push_back({lesion, 1.4});  // calcified
}

void add_emphysema(const Chest& chest, const Finding& f, Scene& scene) {
  for (int side = 0; side < 2; ++side) {
    for (int bulla = 0; bulla < 3; ++bulla) {
      const Vec3 at = chest.lung_point(side, 0.3 + 0.2 * bulla, 0.45 + 0.2 * bulla * f.lateral,
                                       0.62 + 0.12 * bulla);
      scene.lungs[static_cast<std::size_t>(side)].lifts.push_back(
          {sphere(at, sized(f, 1.6, 0.25)), -0.75 * chest.lung_density});
    }
  }
}

// A sac behind the heart: fluid in its back part, gas in the front part. Both are alike from the
// front, where the rays run through one after the other and see neither; from the side they lie
// next to each other.
void add_hiatal_hernia(const Chest& chest, const Finding& f, Scene& scene) {
  const double r = sized(f, 2.3, 0.35);
  const Vec3 middle{(0.6 + 0.6 * f.lateral) * chest.width, 2.4 * chest.depth,
                    chest.dome_top(1) + 0.6 * r};
  const Vec3 radii{1.25 * r, 0.55 * r, r};
  constexpr double kContrast = 0.34;
  std::vector<Deposit>& out = scene.layer(Layer::kAirways);
  out.push_back({ellipsoid(along_ray(middle, radii.y), radii), kContrast});
  out.push_back({ellipsoid(along_ray(middle, -radii.y), radii), -kContrast});
}

}  // namespace

double pneumothorax_scale(const Finding& finding) {
  return 0.88 - 0.10 * (finding.grade + finding.extent);
}

void add_findings(const Chest& chest, const std::vector<Finding>& findings, Scene& scene) {
  for (const Finding& f : findings) {
    switch (f.kind) {
      case FindingKind::kPleuralEffusion:
        add_pleural_effusion(chest, f, scene);
        break;
      case FindingKind::kPosteriorEffusion:
        add_posterior_effusion(chest, f, scene);
        break;
      case FindingKind::kPneumothorax:
        add_pneumothorax(chest, f, scene);
        break;
      case FindingKind::kConsolidation:
        add_consolidation(chest, f, scene);
        break;
      case FindingKind::kRetrocardiacConsolidation:
        add_retrocardiac(chest, f, scene);
        break;
      case FindingKind::kAtelectasis:
        add_atelectasis(chest, f, scene);
        break;
      case FindingKind::kEdema:
        add_edema(chest, f, scene);
        break;
      case FindingKind::kNodule:
        add_round_lesion(chest, f, sized(f, 1.25, 0.10), scene);
        break;
      case FindingKind::kMass:
        add_round_lesion(chest, f, sized(f, 2.5, 0.5), scene);
        break;
      case FindingKind::kEmphysema:
        add_emphysema(chest, f, scene);
        break;
      case FindingKind::kHiatalHernia:
        add_hiatal_hernia(chest, f, scene);
        break;
      case FindingKind::kCardiomegaly:       // in measure_chest
      case FindingKind::kVertebralFracture:  // in add_spine
      case FindingKind::kPacemaker:          // in add_devices
      case FindingKind::kCentralLine:
      case FindingKind::kTube:
      case FindingKind::kRibFracture:  // in add_skeleton
        break;
    }
  }
}

}  // namespace biplane

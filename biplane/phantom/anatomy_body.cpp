// Soft tissue, airways, lungs with their neighbours, and vessels.
#include <algorithm>
#include <cmath>

#include "biplane/core/random.h"
#include "biplane/phantom/chest.h"

namespace biplane {

void add_body(const Patient& patient, const Chest& chest, Pose pose, Scene& scene) {
  const double w = chest.width, d = chest.depth, fat = patient.fat;
  const double rx = chest.cage_radii.x + 1.3 + fat, ry = chest.cage_radii.y + 0.9 + fat;
  // Trunk: flat in front and behind (the hull of a right and a left half), straight below the arms,
  // narrowing to the neck above.
  constexpr double kHalf = 5.5;
  for (int side = 0; side < 2; ++side)
    scene.body.push_back(
        ellipsoid({side_sign(side) * kHalf, 0.4 * d, -12}, {rx + 0.6 - kHalf, ry + 0.2, 33}));
  const bool raised = pose == Pose::kLateral;
  scene.body.push_back(
      ellipsoid({0, 0.9 * d, 8.5 * chest.length},
                {((raised ? 15.5 : 17.0) + 0.6 * fat) * w, (raised ? 6.8 : 7.6) * d + fat, 8.0}));
  scene.body.push_back(ellipsoid({0, 1.8 * d, 13.5 * chest.length}, {12.0 * w, 5.2 * d, 7.0}));
  scene.body.push_back(cylinder({0, 1.0, 10}, {0, 0.2, 30}, {5.6 + 0.5 * fat, 1.0, {1, 0, 0}}));
  std::vector<Deposit>& soft = scene.layer(Layer::kAirways);
  for (int side = 0; side < 2; ++side) {
    const double s = side_sign(side), r = patient.breast;
    // A cap on the chest wall whose rim thins out; its fat attenuates less than muscle.
    if (r > 0)
      soft.push_back({cut(ellipsoid({s * 7.6 * w, -ry + 0.55 * r, -6.0},
                                    {1.35 * r, 1.15 * r, 1.3 * r}, rotated_frame(-0.2, 0, 0)),
                          plane_at({s * 7.6 * w, -0.90 * ry, 0}, {-0.40 * s, 1, 0.1})),
                      0.72});
    if (!raised) {
      scene.body.push_back(ellipsoid({s * (rx + 0.2), 1, 8.0}, {5.2, 6.8 + fat, 10.5},
                                     rotated_frame(0, -s * 0.55, 0)));
      scene.body.push_back(
          ellipsoid({s * (rx + 4.8), 1, -4}, {4.0, 4.4, 18}, rotated_frame(0, -s * 0.10, 0)));
    } else {
      soft.push_back(
          {ellipsoid({s * 14.0, -6.5, 25}, {5.0, 6.2, 15.5}, rotated_frame(0.45, 0, 0)), 1.0});
    }
  }
}

void add_airways(const Acquisition& acquisition, const Chest& chest, Scene& scene) {
  std::vector<Deposit>& air = scene.layer(Layer::kAirways);
  const double d = chest.depth, l = chest.length;
  const Vec3 carina{0.3, 1.9 * d, 4.4 * l};
  for (const Solid& part :
       tube({{0, -1.2 * d, 26}, {0.1, 0.4 * d, 13.5 * l}, carina}, {0.85, 1.05, {1, 0, 0}}))
    air.push_back({part, -1.0});
  for (int side = 0; side < 2; ++side) {
    const Vec3 end = chest.hilum(side) + Vec3{-0.4 * side_sign(side), 0.4, side == 0 ? 0.6 : 0.4};
    for (const Solid& part : tube({carina, lerp(carina, end, 0.6), end}, {0.55, 1, {1, 0, 0}}))
      air.push_back({part, -0.9});
  }
  if (acquisition.gas > 0) {
    const double top = chest.dome_top(1) - 1.1;
    const double r = 2.6 * acquisition.gas;
    air.push_back({cut(ellipsoid({5.2 * chest.width, -1.5 * d, top - 0.75 * r},
                                 {1.25 * r, 1.2 * r, 0.75 * r}),
                       plane_at({0, 0, top - 1.0 * r}, {0, 0, -1})),
                   -0.95});
    // Loops of the colon beside and below it.
    CounterRandom random(static_cast<std::uint64_t>(1e6 * acquisition.gas), "phantom/bowel");
    constexpr int kLoops = 4;
    for (int loop = 0; loop < kLoops; ++loop) {
      const Vec3 at{random.uniform(-3.0, 10.0) * chest.width, random.uniform(-6.5, -2.0) * d,
                    top - random.uniform(3.5, 7.0)};
      const double size = random.uniform(0.7, 1.5);
      air.push_back({ellipsoid(at, {1.4 * size, 1.1 * size, 0.9 * size},
                               rotated_frame(0, random.uniform(-0.6, 0.6), 0)),
                     -0.8});
    }
  }
}

namespace {

std::vector<Solid> heart_solids(const Chest& chest) {
  const double k = chest.heart, w = chest.width, d = chest.depth;
  const double base = chest.lung_base[1] + 1.6;  // the heart rests on the diaphragm
  const Frame axis = rotated_frame(0.25, 0.55 - chest.heart_tilt, 0.45);
  return {
      ellipsoid({2.9 * w * k - 0.2, -3.9 * d, base + 2.3 * k}, {6.6 * k, 4.5 * k, 4.4 * k}, axis),
      ellipsoid({-1.5 * w * k, -2.0 * d, base + 3.4 * k}, {3.3 * k, 3.9 * k, 5.0 * k}),
      ellipsoid({1.5 * w * k, -2.6 * d, base + 5.8 * k}, {3.3 * k, 3.2 * k, 5.6 * k},
                rotated_frame(0.2, -0.32, 0)),
  };
}

}  // namespace

void add_lungs(const Patient& patient, const Chest& chest, Scene& scene) {
  const double w = chest.width, d = chest.depth, l = chest.length, a = patient.aorta;
  const std::vector<Solid> heart = heart_solids(chest);
  const std::vector<Solid> mediastinum = {
      ellipsoid({0.1, -0.2 * d, 9.5 * l}, {2.5 * w, 4.2 * d, 10.5 * l}),
      ellipsoid({0.4, 2.8 * d, -3 * l}, {2.0 * w, 3.6 * d, 17 * l}),
      ellipsoid({-1.6 * w, -1.2 * d, 3.5 * l}, {1.6, 1.9, 6.5 * l})};
  std::vector<Vec3> column, descending;
  for (int i = 0; i < kVertebrae; i += 2)
    column.push_back(vertebra(chest, i).centre + Vec3{0, 0.5, 0});
  for (int i = 4; i < kVertebrae; i += 2)
    descending.push_back(vertebra(chest, i).centre + Vec3{(2.2 - 0.07 * (i - 4)) * a, -1.9, 0});
  const std::vector<Solid> spine = tube(column, {2.3, 1.05, {1, 0, 0}});
  std::vector<Solid> aorta = tube(descending, {1.25 * a, 1, {1, 0, 0}});
  aorta.push_back(ellipsoid({1.75 * a, 1.6 * d, 7.0 * l}, {1.6 * a, 3.8 * d, 1.5 * a},
                            rotated_frame(0, 0, 0.25)));
  const std::vector<Solid> artery = {ellipsoid({2.7 * w, -0.8 * d, 3.6 * l}, {1.5, 2.2, 1.5})};
  for (int side = 0; side < 2; ++side) {
    const std::size_t s = static_cast<std::size_t>(side);
    Lung& lung = scene.lungs[s];
    lung.density = chest.lung_density;
    Solid outer = ellipsoid(chest.lung_centre[s], chest.lung_radii[s], chest.lung_frame[s]);
    outer = cut(outer, plane_at(chest.dome_centre[s] + Vec3{0, 0, -1}, {0, 0, -1}));
    lung.cavity.push_back(
        cut(outer, plane_at({side_sign(side) * 0.3, 0, 0}, {-side_sign(side), 0, 0})));
    lung.organs = {
        {ellipsoid(chest.dome_centre[s], chest.dome_radii[s])}, heart, mediastinum, spine};
    if (side == 1) {
      lung.organs.push_back(aorta);
      lung.organs.push_back(artery);
    }
    const Vec3 hilum = chest.hilum(side);
    lung.lifts.push_back({ellipsoid(hilum, {1.5, 1.6, 2.6}), 0.25});
    lung.lifts.push_back({ellipsoid(hilum, {1.0, 1.1, 1.8}), 0.30});
  }
}

namespace {

constexpr double kPi = 3.14159265358979323846;

struct Branch {
  Vec3 from, to;
  double radius = 0.3;
};

// A vessel as a bent tube that narrows in steps.
void add_branch(const Branch& branch, CounterRandom& random, std::vector<Deposit>& out) {
  const Vec3 along = branch.to - branch.from;
  const Vec3 bend = 0.10 * norm(along) * Vec3{random.normal(), random.normal(), random.normal()};
  Vec3 last = branch.from;
  constexpr int kPieces = 3;
  for (int i = 1; i <= kPieces; ++i) {
    const double t = static_cast<double>(i) / kPieces;
    const Vec3 next = lerp(branch.from, branch.to, t) + 4 * t * (1 - t) * bend;
    const double radius = branch.radius * (1 - 0.72 * (t - 0.5 / kPieces));
    Solid part = cylinder(last, next, {radius, 1, {1, 0, 0}});
    out.push_back({part, 0.75});
    last = next;
  }
}

}  // namespace

void add_vessels(const Patient& patient, const Chest& chest, const std::vector<Finding>& findings,
                 Scene& scene) {
  const Finding* edema = find_finding(findings, FindingKind::kEdema);
  const Finding* emphysema = find_finding(findings, FindingKind::kEmphysema);
  const double swell = edema != nullptr       ? 1.25 + 0.12 * edema->grade
                       : emphysema != nullptr ? 0.75
                                              : 1.0;
  const Finding* collapse = find_finding(findings, FindingKind::kPneumothorax);
  std::vector<Deposit>& out = scene.layer(Layer::kVessels);
  for (int side = 0; side < 2; ++side) {
    CounterRandom random(patient.vessels, "phantom/vessels", {static_cast<std::uint64_t>(side)});
    const Vec3 hilum = chest.hilum(side);
    const double shrink = collapse != nullptr && on_side(collapse->side, side)
                              ? pneumothorax_scale(*collapse) - 0.04
                              : 1.0;
    constexpr int kTrunks = 11;
    for (int i = 0; i < kTrunks; ++i) {
      const double height = (i + random.uniform()) / kTrunks;
      const Vec3 reach = chest.lung_point(side, random.uniform(0.15, 0.95),
                                          random.uniform(0.35, 0.8), height * 0.9 + 0.02);
      const Vec3 end = lerp(hilum, reach, shrink);
      const Vec3 start =
          hilum + Vec3{0, random.uniform(-0.8, 0.8), 0.28 * (end.z - hilum.z) * random.uniform()};
      const double radius = swell * (0.30 + 0.12 * random.uniform()) * (height < 0.5 ? 1.15 : 0.85);
      add_branch({start, end, radius}, random, out);
      for (int twig = 0; twig < 2; ++twig) {
        const double at = random.uniform(0.35, 0.8);
        const Vec3 from = lerp(start, end, at);
        const Vec3 to = end + Vec3{random.uniform(-2.4, 2.4), random.uniform(-3.0, 3.0),
                                   random.uniform(-3.0, 2.4)};
        add_branch({from, to, radius * (0.75 - 0.4 * at)}, random, out);
      }
    }
  }
}

}  // namespace biplane

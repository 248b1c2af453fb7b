// Devices and what operations leave behind.
#include "biplane/phantom/chest.h"

namespace biplane {
namespace {

constexpr double kMetal = 7;  // generator
constexpr double kWire = 40;  // leads, catheters with a radiopaque stripe, sternal wires, clips

void add_wire(const std::vector<Vec3>& path, double radius, std::vector<Deposit>& out) {
  for (const Solid& part : tube(path, {radius, 1, {0, 0, 1}})) out.push_back({part, kWire});
}

}  // namespace

void add_devices(const Chest& chest, const std::vector<Finding>& findings, Scene& scene) {
  std::vector<Deposit>& out = scene.layer(Layer::kDevices);
  const double w = chest.width, d = chest.depth, l = chest.length;
  const Vec3 upper_cava{-2.5 * w, -1.0 * d, 7.5 * l}, lower_cava{-3.0 * w, -1.3 * d, 1.0 * l};
  if (const Finding* pacer = find_finding(findings, FindingKind::kPacemaker)) {
    const double s = pacer->side == Side::kRight ? -1 : 1;
    const Vec3 can{s * (8.2 + 1.4 * pacer->lateral) * w, -7.9 * d, (8.0 + 1.5 * pacer->height) * l};
    const Vec3 thin = unit({s * 0.35, -1, 0.25});
    out.push_back({cylinder(can - 0.35 * thin, can + 0.35 * thin, {2.1, 1.15, {1, 0, 0}}), kMetal});
    const double base = chest.dome_top(1);
    add_wire({can + Vec3{0, 0, 1.6},
              {s * 5.5, -5.0 * d, 11.6 * l},
              {s * 1.5, -3.0 * d, 10.6 * l},
              upper_cava,
              lower_cava,
              {-1.0, -3.0 * d, base + 2.4},
              {2.6, -5.0 * d, base + 1.4},
              {5.0 * w, -5.6 * d, base + 1.2}},
             0.11, out);
  }
  if (const Finding* line = find_finding(findings, FindingKind::kCentralLine)) {
    const double s = line->side == Side::kRight ? -1 : 1;
    std::vector<Vec3> path = {{s * 13.0 * w, -8.2 * d, 10.2 * l},
                              {s * 8.0 * w, -6.0 * d, 11.8 * l},
                              {s * 3.6, -3.6 * d, 11.0 * l}};
    if (s > 0) path.push_back({0.2, -2.6 * d, 9.4 * l});
    path.push_back(upper_cava);
    path.push_back(lerp(upper_cava, lower_cava, 0.6 + 0.7 * line->height));
    add_wire(path, 0.17, out);
  }
  if (const Finding* tube = find_finding(findings, FindingKind::kTube)) {
    // Inside the trachea, its tip above the carina.
    const double tip = 5.6 + 1.6 * tube->height;
    add_wire({{0, -1.2 * d, 26}, {0.1, 0.4 * d, 13.5 * l}, {0.2, 1.2 * d, tip * l}}, 0.2, out);
  }
}

// What an operation has left behind.
void add_surgery(const Patient& patient, const Chest& chest, Scene& scene) {
  std::vector<Deposit>& out = scene.layer(Layer::kDevices);
  const double w = chest.width, d = chest.depth, l = chest.length;
  if (patient.sternotomy) {
    constexpr int kLoops = 6;
    for (int i = 0; i < kLoops; ++i) {
      const double t = static_cast<double>(i) / (kLoops - 1);
      const Vec3 at = lerp({0, -7.2 * d, 8.0 * l}, {0, -10.6 * d, -2.8 * l}, t);
      add_wire({at + Vec3{-1.0, 0.4, 0.2}, at + Vec3{0, -0.3, 0}, at + Vec3{1.0, 0.4, -0.2},
                at + Vec3{0, 0.9, 0.1}, at + Vec3{-1.0, 0.4, 0.2}},
               0.16, out);
    }
  }
  if (patient.clips) {
    constexpr int kClips = 5;
    for (int i = 0; i < kClips; ++i) {
      const Vec3 at{-(12.6 + 0.5 * (i % 2)) * w, -3.5 * d + 0.7 * i, (5.4 - 1.1 * i) * l};
      add_wire({at, at + Vec3{0.5, 0.2, 0.7}}, 0.13, out);
    }
  }
}

}  // namespace biplane

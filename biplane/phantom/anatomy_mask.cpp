#include "biplane/phantom/anatomy_mask.h"

#include <algorithm>
#include <iterator>

#include "biplane/phantom/attenuation.h"
#include "biplane/phantom/chest.h"
#include "biplane/phantom/detector.h"

namespace biplane {
namespace {

using Pixels = std::vector<std::uint8_t>;

constexpr int kSide = 64;   // the mask has no detail, so it is made at this size
constexpr int kMargin = 3;  // pixels of it, 1.7 to 1.9 cm

// Looks at one patient through one camera.
class Panel {
 public:
  Panel(const Patient& patient, const Acquisition& acquisition, bool lateral)
      : patient_(patient),
        acquisition_(acquisition),
        pose_(lateral ? Pose::kLateral : Pose::kFrontal),
        camera_(lateral ? lateral_camera(acquisition, kSide) : frontal_camera(acquisition, kSide)) {
  }

  void add_lungs(const std::vector<Finding>& findings) {
    for (const Lung& lung : scene(findings).lungs) add(render_lung(lung, camera_));
  }
  void add_layer(const std::vector<Finding>& findings, Layer name) {
    PathImage image(pixels_.size(), 0.0F);
    add_deposits(scene(findings).layer(name), camera_, image);
    add(image);
  }
  // The chest wall with the ribs that may break: the fourth at the back to the ninth in front.
  void add_cage() {
    const Chest chest = measure_chest(patient_, acquisition_, {});
    const double s = patient_.stature, lowest = vertebra(chest, 8).centre.z - 10.5 * chest.length;
    const Solid cage = ellipsoid(s * chest.cage_centre, (1.03 * s) * chest.cage_radii);
    add(render_hull({cut(cut(cage, plane_at(s * vertebra(chest, 3).centre, {0, 0, 1})),
                         plane_at({0, 0, s * lowest}, {0, 0, -1}))},
                    camera_));
  }
  const Pixels& pixels() const { return pixels_; }

 private:
  Scene scene(const std::vector<Finding>& findings) const {
    return build_scene(patient_, acquisition_, findings, pose_);
  }
  void add(const PathImage& image) {
    for (std::size_t i = 0; i < pixels_.size(); ++i)
      if (image[i] != 0) pixels_[i] = 1;
  }

  Patient patient_;
  Acquisition acquisition_;
  Pose pose_;
  Camera camera_;
  Pixels pixels_ = Pixels(std::size_t{kSide} * kSide, 0);
};

Finding largest(FindingKind kind, Side side, double place) {
  Finding finding;
  finding.kind = kind;
  finding.side = side;
  finding.grade = kGrades - 1;
  finding.extent = 1;
  finding.depth = finding.lateral = finding.height = place;
  return finding;
}

// Every row from its first to its last pixel: what lies between the lungs belongs to it.
void fill_rows(Pixels& pixels) {
  for (auto row = pixels.begin(); row != pixels.end(); row += kSide) {
    const auto first = std::find(row, row + kSide, 1);
    const auto last =
        std::find(std::make_reverse_iterator(row + kSide), std::make_reverse_iterator(first), 1)
            .base();
    std::fill(first, last, 1);
  }
}

Pixels widened(const Pixels& pixels) {
  Pixels wide(pixels.size(), 0);
  for (int y = 0; y < kSide; ++y)
    for (int x = 0; x < kSide; ++x) {
      if (pixels[static_cast<std::size_t>(y * kSide + x)] == 0) continue;
      for (int v = std::max(0, y - kMargin); v <= std::min(kSide - 1, y + kMargin); ++v)
        for (int u = std::max(0, x - kMargin); u <= std::min(kSide - 1, x + kMargin); ++u)
          wide[static_cast<std::size_t>(v * kSide + u)] = 1;
    }
  return wide;
}

}  // namespace

std::vector<std::uint8_t> anatomy_mask(const Patient& patient, const Acquisition& acquisition,
                                       bool lateral, int size) {
  using enum FindingKind;
  Panel panel(patient, acquisition, lateral);
  panel.add_lungs({});
  panel.add_lungs({largest(kEmphysema, Side::kBoth, 0.5)});
  panel.add_layer({}, Layer::kSpine);
  for (const double place : {0.0, 1.0})
    panel.add_layer({largest(kVertebralFracture, Side::kMidline, place)}, Layer::kSpine);
  for (const Side side : {Side::kRight, Side::kLeft})
    for (const double place : {0.0, 1.0})
      panel.add_layer({largest(kPacemaker, side, place), largest(kCentralLine, side, place),
                       largest(kTube, Side::kMidline, place)},
                      Layer::kDevices);
  panel.add_cage();
  Pixels coarse = panel.pixels();
  fill_rows(coarse);
  coarse = widened(coarse);
  Pixels mask;
  mask.reserve(static_cast<std::size_t>(size) * static_cast<std::size_t>(size));
  for (int y = 0; y < size; ++y)
    for (int x = 0; x < size; ++x)
      mask.push_back(coarse[static_cast<std::size_t>(y * kSide / size * kSide + x * kSide / size)]);
  return mask;
}

}  // namespace biplane

#include "biplane/phantom/attenuation.h"

#include <algorithm>
#include <cmath>

namespace biplane {
namespace {

constexpr float kFar = 1e6F;
constexpr int kMaxOrgans = 12;

std::size_t at(const Camera& camera, int row, int col) {
  return static_cast<std::size_t>(row) * static_cast<std::size_t>(camera.size) + static_cast<std::size_t>(col);
}

PathImage blank(const Camera& camera) {
  return PathImage(static_cast<std::size_t>(camera.size) * static_cast<std::size_t>(camera.size), 0.0F);
}

// Intervals of one row between two columns; a ray without one has leave <= enter.
struct Intervals {
  std::vector<float> enter, leave;
  explicit Intervals(int size) : enter(static_cast<std::size_t>(size)), leave(static_cast<std::size_t>(size)) {}
};

struct Columns {
  int begin = 0, end = 0;
  int count() const { return end - begin; }
  Columns with(int other_begin, int other_end) const {
    const int low = std::max(begin, other_begin);
    return {low, std::max(low, std::min(end, other_end))};
  }
};

bool meets_row(const ProjectedSolid& solid, int row) { return row >= solid.row_begin() && row < solid.row_end(); }

std::vector<ProjectedSolid> project_all(const std::vector<Solid>& solids, const Camera& camera) {
  std::vector<ProjectedSolid> projected;
  projected.reserve(solids.size());
  for (const Solid& solid : solids) projected.emplace_back(solid, camera);
  return projected;
}

// Hull of several solids' intervals along the rays of a row. False if none is met.
bool hull_row(const std::vector<ProjectedSolid>& solids, int row, Columns columns, Intervals& hull, Intervals& scratch) {
  bool any = false;
  for (const ProjectedSolid& solid : solids) {
    const Columns own = columns.with(solid.col_begin(), solid.col_end());
    if (!meets_row(solid, row) || own.count() == 0) continue;
    if (!any) {
      std::fill_n(hull.enter.begin(), columns.count(), kFar);
      std::fill_n(hull.leave.begin(), columns.count(), -kFar);
      any = true;
    }
    solid.chords(row, own.begin, own.end, scratch.enter.data(), scratch.leave.data());
    float* enter = hull.enter.data() + (own.begin - columns.begin);
    float* leave = hull.leave.data() + (own.begin - columns.begin);
    for (int i = 0; i < own.count(); ++i) {
      const float a = scratch.enter[static_cast<std::size_t>(i)], b = scratch.leave[static_cast<std::size_t>(i)];
      enter[i] = std::min(enter[i], b > a ? a : kFar);
      leave[i] = std::max(leave[i], b > a ? b : -kFar);
    }
  }
  return any;
}

// Intersection of several solids' intervals; rays that miss one have leave <= enter.
void intersect_row(const std::vector<ProjectedSolid>& solids, int row, Columns columns, Intervals& out, Intervals& scratch) {
  for (const ProjectedSolid& solid : solids) {
    const Columns own = meets_row(solid, row) ? columns.with(solid.col_begin(), solid.col_end()) : Columns{columns.begin, columns.begin};
    const int before = own.begin - columns.begin, after = own.end - columns.begin;
    for (int i = 0; i < columns.count(); ++i)
      if (i < before || i >= after) out.leave[static_cast<std::size_t>(i)] = -kFar;
    if (own.count() == 0) continue;
    solid.chords(row, own.begin, own.end, scratch.enter.data(), scratch.leave.data());
    float* enter = out.enter.data() + before;
    float* leave = out.leave.data() + before;
    for (int i = 0; i < own.count(); ++i) {
      enter[i] = std::max(enter[i], scratch.enter[static_cast<std::size_t>(i)]);
      leave[i] = std::min(leave[i], scratch.leave[static_cast<std::size_t>(i)]);
    }
  }
}

// One lung seen by a camera, worked off row by row.
class LungRows {
 public:
  LungRows(const Lung& lung, const Camera& camera)
      : lung_(lung), camera_(camera), cavity_(project_all(lung.cavity, camera)), tissue_(project_all(lung.tissue, camera)),
        full_(camera.size), inner_(camera.size), scratch_(camera.size), lift_(static_cast<std::size_t>(camera.size)),
        inside_(static_cast<std::size_t>(camera.size)), starts_(kMaxOrgans + 1, Intervals(camera.size)) {
    for (const auto& organ : lung.organs) organs_.push_back(project_all(organ, camera));
    std::vector<Solid> lifts;
    for (const Deposit& lift : lung.lifts) lifts.push_back(lift.solid);
    lifts_ = project_all(lifts, camera);
  }

  void render(PathImage& image) {
    const ProjectedSolid& outer = cavity_.front();
    columns_ = {outer.col_begin(), outer.col_end()};
    for (int row = outer.row_begin(); row < outer.row_end() && columns_.count() > 0; ++row) render_row(row, image);
  }

 private:
  void render_row(int row, PathImage& image) {
    const int count = columns_.count();
    std::fill_n(full_.enter.begin(), count, -kFar);
    std::fill_n(full_.leave.begin(), count, kFar);
    intersect_row(cavity_, row, columns_, full_, scratch_);
    find_gaps(row);
    float* out = image.data() + at(camera_, row, columns_.begin);
    air_within(full_, 0, count, inside_.data());
    for (int i = 0; i < count; ++i) out[i] = inside_[static_cast<std::size_t>(i)];
    if (!tissue_.empty()) {
      inner_ = full_;
      intersect_row(tissue_, row, columns_, inner_, scratch_);
      air_within(inner_, 0, count, inside_.data());
    }
    const Intervals& tissue = tissue_.empty() ? full_ : inner_;
    std::fill_n(lift_.begin(), count, 0.0F);
    for (std::size_t k = 0; k < lifts_.size(); ++k) add_lift(lifts_[k], static_cast<float>(lung_.lifts[k].density), row, tissue);
    const float density = static_cast<float>(lung_.density);
    for (int i = 0; i < count; ++i) {
      const float path = inside_[static_cast<std::size_t>(i)], lift = lift_[static_cast<std::size_t>(i)];
      out[i] -= density * path + std::min(lift, (1 - density) * path);
    }
  }

  // Parts of the rays in front of, between and behind the organs: gap k is [starts_[k].enter, starts_[k].leave].
  void find_gaps(int row) {
    const int count = columns_.count();
    int organs = 0;
    for (const auto& organ : organs_)
      if (organs < kMaxOrgans && hull_row(organ, row, columns_, starts_[static_cast<std::size_t>(organs)], scratch_)) ++organs;
    for (int pass = 0; pass + 1 < organs; ++pass)
      for (int k = 0; k + 1 + pass < organs; ++k) order(starts_[static_cast<std::size_t>(k)], starts_[static_cast<std::size_t>(k) + 1], count);
    // From sorted intervals to the gaps between them.
    gaps_ = organs + 1;
    scratch_.enter.assign(scratch_.enter.size(), -kFar);
    for (int k = 0; k < organs; ++k) {
      Intervals& slot = starts_[static_cast<std::size_t>(k)];
      for (int i = 0; i < count; ++i) {
        const std::size_t c = static_cast<std::size_t>(i);
        const float begin = scratch_.enter[c];
        const bool met = slot.leave[c] > slot.enter[c];
        scratch_.enter[c] = std::max(begin, slot.leave[c]);
        slot.leave[c] = met ? slot.enter[c] : begin;
        slot.enter[c] = begin;
      }
    }
    Intervals& last = starts_[static_cast<std::size_t>(organs)];
    std::copy_n(scratch_.enter.begin(), count, last.enter.begin());
    std::fill_n(last.leave.begin(), count, kFar);
  }

  static void order(Intervals& a, Intervals& b, int count) {
    for (int i = 0; i < count; ++i) {
      const std::size_t c = static_cast<std::size_t>(i);
      const float ae = a.enter[c], al = a.leave[c], be = b.enter[c], bl = b.leave[c];
      const bool swap = be < ae;
      a.enter[c] = swap ? be : ae;
      a.leave[c] = swap ? bl : al;
      b.enter[c] = swap ? ae : be;
      b.leave[c] = swap ? al : bl;
    }
  }

  // Length of the gaps inside an interval, for columns first .. first + count - 1 (counted from columns_.begin).
  void air_within(const Intervals& interval, int first, int count, float* out) const {
    std::fill_n(out, count, 0.0F);
    for (int k = 0; k < gaps_; ++k) {
      const Intervals& gap = starts_[static_cast<std::size_t>(k)];
      const float* from = gap.enter.data() + first;
      const float* to = gap.leave.data() + first;
      const float* enter = interval.enter.data() + first;
      const float* leave = interval.leave.data() + first;
      for (int i = 0; i < count; ++i)
        out[i] += std::max(0.0F, std::min(leave[i], to[i]) - std::max(enter[i], from[i]));
    }
  }

  void add_lift(const ProjectedSolid& solid, float density, int row, const Intervals& tissue) {
    const Columns own = columns_.with(solid.col_begin(), solid.col_end());
    if (!meets_row(solid, row) || own.count() == 0) return;
    const int first = own.begin - columns_.begin;
    float* enter = scratch_.enter.data() + first;
    float* leave = scratch_.leave.data() + first;
    solid.chords(row, own.begin, own.end, enter, leave);
    for (int i = 0; i < own.count(); ++i) {
      enter[i] = std::max(enter[i], tissue.enter[static_cast<std::size_t>(first + i)]);
      leave[i] = std::min(leave[i], tissue.leave[static_cast<std::size_t>(first + i)]);
    }
    path_.resize(static_cast<std::size_t>(camera_.size));
    air_within(scratch_, first, own.count(), path_.data());
    for (int i = 0; i < own.count(); ++i) lift_[static_cast<std::size_t>(first + i)] += density * path_[static_cast<std::size_t>(i)];
  }

  const Lung& lung_;
  Camera camera_;
  std::vector<ProjectedSolid> cavity_, tissue_, lifts_;
  std::vector<std::vector<ProjectedSolid>> organs_;
  Columns columns_;
  Intervals full_, inner_, scratch_;
  std::vector<float> lift_, inside_, path_;
  std::vector<Intervals> starts_;
  int gaps_ = 0;
};

}  // namespace

void add_deposits(const std::vector<Deposit>& deposits, const Camera& camera, PathImage& image) {
  Intervals row_interval(camera.size);
  for (const Deposit& deposit : deposits) {
    const ProjectedSolid solid(deposit.solid, camera);
    const float density = static_cast<float>(deposit.density) * solid.weight();
    const int count = solid.col_end() - solid.col_begin();
    for (int row = solid.row_begin(); row < solid.row_end() && count > 0; ++row) {
      solid.chords(row, solid.col_begin(), solid.col_end(), row_interval.enter.data(), row_interval.leave.data());
      float* out = image.data() + at(camera, row, solid.col_begin());
      const float* enter = row_interval.enter.data();
      const float* leave = row_interval.leave.data();
      for (int i = 0; i < count; ++i) out[i] += density * std::max(0.0F, leave[i] - enter[i]);
    }
  }
}

PathImage render_hull(const std::vector<Solid>& solids, const Camera& camera) {
  PathImage image = blank(camera);
  const std::vector<ProjectedSolid> projected = project_all(solids, camera);
  Intervals hull(camera.size), scratch(camera.size);
  for (int row = 0; row < camera.size; ++row) {
    if (!hull_row(projected, row, {0, camera.size}, hull, scratch)) continue;
    float* out = image.data() + at(camera, row, 0);
    for (int i = 0; i < camera.size; ++i)
      out[i] = std::max(0.0F, hull.leave[static_cast<std::size_t>(i)] - hull.enter[static_cast<std::size_t>(i)]);
  }
  return image;
}

PathImage render_lung(const Lung& lung, const Camera& camera) {
  PathImage image = blank(camera);
  LungRows(lung, camera).render(image);
  return image;
}

ProjectedScene::ProjectedScene(Scene scene, const Camera& camera)
    : camera_(camera), scene_(std::move(scene)), body_(render_hull(scene_.body, camera)) {
  for (std::size_t i = 0; i < kLayers; ++i) {
    layers_[i] = blank(camera);
    add_deposits(scene_.layers[i], camera, layers_[i]);
  }
  for (std::size_t s = 0; s < 2; ++s) lungs_[s] = render_lung(scene_.lungs[s], camera);
}

float ProjectedScene::ray_scale(int row, int col) const {
  const double u = camera_.across(col), v = camera_.along(row);
  return static_cast<float>(kWaterAttenuation * std::sqrt(1 + u * u + v * v));
}

PathImage ProjectedScene::attenuation() const {
  PathImage total = body_;
  for (const PathImage& layer : layers_)
    for (std::size_t i = 0; i < total.size(); ++i) total[i] += layer[i];
  for (const PathImage& lung : lungs_)
    for (std::size_t i = 0; i < total.size(); ++i) total[i] -= lung[i];
  for (int row = 0; row < camera_.size; ++row)
    for (int col = 0; col < camera_.size; ++col) {
      float& value = total[at(camera_, row, col)];
      value = std::max(0.0F, value) * ray_scale(row, col);
    }
  return total;
}

PathImage ProjectedScene::difference(const Scene& other) const {
  PathImage change = blank(camera_);
  const auto add = [&](const PathImage& image, float sign) {
    for (std::size_t i = 0; i < change.size(); ++i) change[i] += sign * image[i];
  };
  if (other.body != scene_.body) {
    add(body_, 1);
    add(render_hull(other.body, camera_), -1);
  }
  for (std::size_t k = 0; k < kLayers; ++k) {
    if (other.layers[k] == scene_.layers[k]) continue;
    PathImage image = blank(camera_);
    add_deposits(other.layers[k], camera_, image);
    add(layers_[k], 1);
    add(image, -1);
  }
  for (std::size_t s = 0; s < 2; ++s) {
    if (other.lungs[s] == scene_.lungs[s]) continue;
    add(lungs_[s], -1);
    add(render_lung(other.lungs[s], camera_), 1);
  }
  for (int row = 0; row < camera_.size; ++row)
    for (int col = 0; col < camera_.size; ++col) change[at(camera_, row, col)] *= ray_scale(row, col);
  return change;
}

}  // namespace biplane

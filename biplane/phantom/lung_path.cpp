#include <algorithm>
#include <cmath>

#include "biplane/phantom/attenuation.h"
#include "biplane/phantom/intervals.h"

namespace biplane {
namespace {

constexpr int kMaxOrgans = 12;

// One lung seen by a camera, worked off row by row.
class LungRows {
 public:
  LungRows(const Lung& lung, const Camera& camera)
      : lung_(lung),
        camera_(camera),
        cavity_(project_all(lung.cavity, camera)),
        tissue_(project_all(lung.tissue, camera)),
        full_(camera.size),
        inner_(camera.size),
        scratch_(camera.size),
        lift_(static_cast<std::size_t>(camera.size)),
        inside_(static_cast<std::size_t>(camera.size)),
        starts_(kMaxOrgans + 1, Intervals(camera.size)) {
    for (const auto& organ : lung.organs) organs_.push_back(project_all(organ, camera));
    std::vector<Solid> lifts;
    for (const Deposit& lift : lung.lifts) lifts.push_back(lift.solid);
    lifts_ = project_all(lifts, camera);
  }

  void render(PathImage& image) {
    const ProjectedSolid& outer = cavity_.front();
    columns_ = {outer.col_begin(), outer.col_end()};
    for (int row = outer.row_begin(); row < outer.row_end() && columns_.count() > 0; ++row)
      render_row(row, image);
  }

 private:
  void render_row(int row, PathImage& image) {
    const int count = columns_.count();
    std::fill_n(full_.enter.begin(), count, -kFar);
    std::fill_n(full_.leave.begin(), count, kFar);
    intersect_row(cavity_, {row, columns_, scratch_}, full_);
    find_gaps(row);
    float* out = image.data() +
                 static_cast<std::size_t>(row) * static_cast<std::size_t>(camera_.size) +
                 static_cast<std::size_t>(columns_.begin);
    air_within(full_, 0, count, inside_.data());
    for (int i = 0; i < count; ++i) out[i] = inside_[static_cast<std::size_t>(i)];
    if (!tissue_.empty()) {
      inner_ = full_;
      intersect_row(tissue_, {row, columns_, scratch_}, inner_);
      air_within(inner_, 0, count, inside_.data());
    }
    const Intervals& tissue = tissue_.empty() ? full_ : inner_;
    std::fill_n(lift_.begin(), count, 0.0F);
    for (std::size_t k = 0; k < lifts_.size(); ++k)
      add_lift(lifts_[k], static_cast<float>(lung_.lifts[k].density), row, tissue);
    const float density = static_cast<float>(lung_.density);
    for (int i = 0; i < count; ++i) {
      const float path = inside_[static_cast<std::size_t>(i)],
                  lift = lift_[static_cast<std::size_t>(i)];
      out[i] -= density * path + std::min(lift, (1 - density) * path);
    }
  }

  // Parts of the rays in front of, between and behind the organs: gap k is [starts_[k].enter,
  // starts_[k].leave].
  void find_gaps(int row) {
    const int count = columns_.count();
    int organs = 0;
    for (const auto& organ : organs_)
      if (organs < kMaxOrgans &&
          hull_row(organ, {row, columns_, scratch_}, starts_[static_cast<std::size_t>(organs)]))
        ++organs;
    for (int pass = 0; pass + 1 < organs; ++pass)
      for (int k = 0; k + 1 + pass < organs; ++k)
        order(starts_[static_cast<std::size_t>(k)], starts_[static_cast<std::size_t>(k) + 1],
              count);
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

  // Length of the gaps inside an interval, for columns first .. first + count - 1 (counted from
  // columns_.begin).
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
    for (int i = 0; i < own.count(); ++i)
      lift_[static_cast<std::size_t>(first + i)] += density * path_[static_cast<std::size_t>(i)];
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

PathImage render_lung(const Lung& lung, const Camera& camera) {
  PathImage image(static_cast<std::size_t>(camera.size) * static_cast<std::size_t>(camera.size),
                  0.0F);
  LungRows(lung, camera).render(image);
  return image;
}

}  // namespace biplane

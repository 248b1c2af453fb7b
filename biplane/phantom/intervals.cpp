#include "biplane/phantom/intervals.h"

namespace biplane {

bool meets_row(const ProjectedSolid& solid, int row) {
  return row >= solid.row_begin() && row < solid.row_end();
}

std::vector<ProjectedSolid> project_all(const std::vector<Solid>& solids, const Camera& camera) {
  std::vector<ProjectedSolid> projected;
  projected.reserve(solids.size());
  for (const Solid& solid : solids) projected.emplace_back(solid, camera);
  return projected;
}

bool hull_row(const std::vector<ProjectedSolid>& solids, const RowRequest& request,
              Intervals& hull) {
  const auto& [row, columns, scratch] = request;
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
      const float a = scratch.enter[static_cast<std::size_t>(i)],
                  b = scratch.leave[static_cast<std::size_t>(i)];
      enter[i] = std::min(enter[i], b > a ? a : kFar);
      leave[i] = std::max(leave[i], b > a ? b : -kFar);
    }
  }
  return any;
}

void intersect_row(const std::vector<ProjectedSolid>& solids, const RowRequest& request,
                   Intervals& out) {
  const auto& [row, columns, scratch] = request;
  for (const ProjectedSolid& solid : solids) {
    const Columns own = meets_row(solid, row) ? columns.with(solid.col_begin(), solid.col_end())
                                              : Columns{columns.begin, columns.begin};
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

}  // namespace biplane

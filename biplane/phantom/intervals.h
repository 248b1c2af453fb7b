#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "biplane/phantom/projection.h"

namespace biplane {

// Farther along a ray than anything.
inline constexpr float kFar = 1e6F;

// Intervals of one row of rays; a ray without one has leave <= enter.
struct Intervals {
  std::vector<float> enter, leave;
  explicit Intervals(int size)
      : enter(static_cast<std::size_t>(size)), leave(static_cast<std::size_t>(size)) {}
};

// Columns begin .. end - 1 of a row.
struct Columns {
  int begin = 0, end = 0;
  int count() const { return end - begin; }
  Columns with(int other_begin, int other_end) const {
    const int low = std::max(begin, other_begin);
    return {low, std::max(low, std::min(end, other_end))};
  }
};

bool meets_row(const ProjectedSolid& solid, int row);
std::vector<ProjectedSolid> project_all(const std::vector<Solid>& solids, const Camera& camera);

// One row of rays: `scratch` is working memory, results are written from index 0 on.
struct RowRequest {
  int row = 0;
  Columns columns;
  Intervals& scratch;
};

// Hull of several solids' intervals along each ray. False (and nothing written) if no solid meets
// the row.
bool hull_row(const std::vector<ProjectedSolid>& solids, const RowRequest& request,
              Intervals& hull);

// Narrows `out` to its intersection with several solids' intervals.
void intersect_row(const std::vector<ProjectedSolid>& solids, const RowRequest& request,
                   Intervals& out);

}  // namespace biplane

#include "biplane/nn/token_windows.h"

namespace biplane {
namespace {

constexpr double kOtherRegion = -100.0;  // added to a score: the published value

// One direction of the grid.
struct Axis {
  std::int64_t size, side, shift;
  torch::TensorOptions integers;

  std::int64_t windows() const { return (size + side - 1) / side; }
  torch::Tensor places(std::int64_t count) const { return at::arange(count, integers); }
  // Where each token stands once the axis is turned by the shift: (size).
  torch::Tensor turned() const { return places(size).sub(shift).remainder(windows() * side); }
  // (windows, side): 0 for places of whole windows; in the last window 1 for the tokens of the end,
  // 2 for those that came round from the beginning.
  torch::Tensor regions() const {
    const std::int64_t all = windows() * side;
    const torch::Tensor place = places(all);
    return place.ge(all - side).to(torch::kInt64).add(place.ge(all - shift)).view({-1, side});
  }
};

// (batch * rows * columns) i64: the place of each token among windows of side^2.
torch::Tensor token_places(std::int64_t batch, const Axis& rows, const Axis& columns) {
  const std::int64_t side = rows.side, area = side * side;
  const auto window = [&](const Axis& axis) { return axis.turned().floor_divide(side); };
  const auto inside = [&](const Axis& axis) { return axis.turned().remainder(side); };
  const torch::Tensor down = window(rows) * (columns.windows() * area) + inside(rows) * side;
  const torch::Tensor across = window(columns) * area + inside(columns);
  const torch::Tensor image = rows.places(batch) * (rows.windows() * columns.windows() * area);
  return (image.view({-1, 1, 1}) + down.view({1, -1, 1}) + across).reshape({-1});
}

torch::Tensor region_scores(const Axis& rows, const Axis& columns, const torch::Tensor& like) {
  const torch::Tensor down = rows.regions(), across = columns.regions();
  // (window rows, window columns, rows, columns) -> (G, K)
  const torch::Tensor region =
      (down.view({down.size(0), 1, down.size(1), 1}) * 3 + across.view({1, across.size(0), 1, -1}))
          .reshape({down.size(0) * across.size(0), -1});
  return region.unsqueeze(2)
      .ne(region.unsqueeze(1))
      .to(like.scalar_type())
      .mul(kOtherRegion)
      .unsqueeze(1);
}

// (K*K) i64, row of a table of (2 side - 1)^2 relative positions, the row offset counting first.
torch::Tensor relative_places(const Axis& axis) {
  const torch::Tensor place = axis.places(axis.side);
  const torch::Tensor offset = place.unsqueeze(1) - place + (axis.side - 1);  // query - key
  const std::int64_t side = axis.side;
  return (offset.view({side, 1, side, 1}) * (2 * side - 1) + offset.view({1, side, 1, side}))
      .reshape({-1});
}

}  // namespace

TokenWindows TokenWindows::of(const TokenGrid& grid, std::int64_t side, std::int64_t shift,
                              const torch::Tensor& like) {
  TORCH_CHECK(side > 0 && shift >= 0 && shift < side, "windows of side ", side,
              " cannot be shifted by ", shift);
  const auto integers = torch::TensorOptions(torch::kInt64).device(like.device());
  const Axis rows{grid.rows, side, shift, integers}, columns{grid.columns, side, shift, integers};
  TokenWindows windows;
  windows.layout = TokenLayout::arranged(grid.batch * rows.windows() * columns.windows(),
                                         side * side, token_places(grid.batch, rows, columns));
  windows.pairs.relative = relative_places(rows);
  if (shift > 0) windows.pairs.regions = region_scores(rows, columns, like);
  return windows;
}

}  // namespace biplane

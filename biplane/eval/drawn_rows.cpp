#include "biplane/eval/drawn_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "biplane/core/random.h"
#include "biplane/eval/columns.h"

namespace biplane {

std::vector<std::int64_t> drawn_places(const EvaluationInput& input,
                                       const std::vector<std::int64_t>& rows, std::int64_t most) {
  std::vector<std::pair<std::uint64_t, std::int64_t>> order;
  for (const std::int64_t row : rows)
    order.emplace_back(stable_hash(study_of(input, row).study_id),
                       static_cast<std::int64_t>(order.size()));
  std::sort(order.begin(), order.end());
  order.resize(std::min(order.size(), static_cast<std::size_t>(most)));
  std::vector<std::int64_t> places;
  for (const auto& [hash, place] : order) places.push_back(place);
  std::sort(places.begin(), places.end());
  return places;
}

std::string drawn_note(std::size_t drawn, std::size_t all) {
  if (drawn == all) return {};
  return fmt::format("{} of {} studies search, drawn by a hash of their names", drawn, all);
}

}  // namespace biplane

#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "biplane/eval/columns.h"
#include "biplane/eval/ranked_matches.h"

namespace biplane {

inline constexpr std::array<std::int64_t, 4> kPrecisionDepths{1, 5, 10, 100};

// What is searched with or for: normalised features (N,D) f64, what each shows, whose it is (empty:
// nobody's).
struct Items {
  torch::Tensor features;
  std::vector<std::int64_t> group;
  std::vector<std::string> patient;
  std::size_t size() const { return group.size(); }
};

// features (N,D), normalised.
Items make_items(const torch::Tensor& features, std::vector<std::int64_t> group,
                 std::vector<std::string> patient);

// The candidates of one query in their order, matches those of its group; those of its own patient
// are left out where `others_only`.
RankedMatches ranked_candidates(const Items& queries, std::size_t query, const Items& candidates,
                                bool others_only);

// One way to search from the items of a column.
struct ItemSearch {
  ResultRow model;  // of the rows, without their metric, k, pool and n
  const Items& from;
  const Items& among;
  bool others_only = false;
};

// Adds precision_at_k (of the depths that the candidates allow) and map: means over the items that
// have a match. Of very many items of the column input.most_queries search among all, and a note
// says so.
void add_search(const EvaluationInput& input, const ViewColumn& column, const ItemSearch& search,
                std::vector<ResultRow>& rows);

}  // namespace biplane

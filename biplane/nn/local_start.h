#pragma once

#include <cstdint>

#include "biplane/nn/libtorch.h"

namespace biplane {

// First weights with which the self-attention of a BERT begins by reading the neighbouring words,
// where weights at random begin by reading everything alike and find the neighbours only after
// hundreds of steps (Cordonnier et al. 2020 and d'Ascoli et al. 2021 for images). The positions'
// first columns hold pairs of cosine and sine; a query turns them by its head's offset, so its
// product with the keys is largest at that place. Everything stays free to be learnt.
class LocalStart {
 public:
  // Widths of the encoder and standard deviation of its embeddings. The width of a head,
  // width / heads, has to be even.
  LocalStart(std::int64_t width, std::int64_t heads, double embedding_std);

  // Writes the pairs into the first columns of positions (P,W), float32.
  void fill_positions(torch::Tensor positions) const;
  // Writes the query and key rows of in_proj_weight (3W,W).
  void fill_queries_and_keys(torch::Tensor in_proj_weight) const;
  // Place that a head reads, counted from the word itself: -1, 1, -2, 2, ...
  static std::int64_t offset(std::int64_t head);

 private:
  torch::Tensor turned(double places) const;

  std::int64_t width_, heads_;
  double amplitude_;           // of cosine and sine in the table
  double gain_;                // of queries and keys
  torch::Tensor frequencies_;  // (width / heads / 2) float64, radians a place
};

}  // namespace biplane

#pragma once

#include <cstdint>
#include <memory>

#include "biplane/model/config.h"
#include "biplane/nn/layers.h"
#include "biplane/nn/libtorch.h"

namespace biplane {

// Section 3 steps 1 to 6 of the method: which patches the decoder may see. B studies, N = N_f + N_l
// candidates (frontal first), D width.

struct KeyCandidates {
  torch::Tensor frontal,
      lateral;  // (B,N_f,D), (B,N_l,D) patches; either may be undefined if no study has the view
  torch::Tensor has_frontal, has_lateral;            // (B) bool
  torch::Tensor frontal_global{}, lateral_global{};  // (B,D), only read for selection.self: global
  torch::Tensor frontal_attention{},
      lateral_attention{};  // (B,N_f), (B,N_l) ViewFeatures::global_attention, for self: attention
  torch::Tensor
      tokens;  // (B,T,D) encoded report that scores (the masked copy for selection.text: visible)
  torch::Tensor score_words{};  // (B,T) bool, the words to average: visible, without punctuation;
                                // may be all false
};

// Rows (B,N) of mean 0 and (population) standard deviation 1; a row of equal numbers is 0.
torch::Tensor standardised(const torch::Tensor& x);

struct Scores {
  torch::Tensor raw;       // (B,N) sum of the terms, 0 at invalid places
  torch::Tensor standard;  // (B,N) standardised per view and study, 0 at invalid places
  torch::Tensor valid;     // (B,N) bool
};

// Scores of all candidates (step 2), without gradient, in float32 or wider. Fails where both terms
// are switched off.
Scores score_candidates(const KeyCandidates& candidates, const SelectionConfig& selection);

// Mask (B,N) of the k = ceil(rho n - 1e-9) best of each study's n valid candidates; ties go to the
// lower index.
torch::Tensor select_best(const Scores& scores, double rho);

// Number of aggregated tokens for n candidates: floor(rho alpha n + 1e-9).
std::int64_t slot_count(double rho, double alpha, std::int64_t candidates);

struct KeySet {
  torch::Tensor keys;         // (B,M+1,D): aggregated tokens, then the fused rest
  torch::Tensor key_mask;     // (B,M+1) bool
  torch::Tensor kept;         // (B,N) bool
  torch::Tensor aggregation;  // (B,M,N): each used slot's row sums to 1, 0 at discarded places;
                              // unused slots are 0
  torch::Tensor slot_used;    // (B,M) bool
  Scores scores;
};

// The two numbers logged about key sets: means over all used slots of the batch, no gradient.
struct SlotDiagnostics {
  double slot_cosine = 0.0;  // mean cosine of two different slots of a study ("ksm/slot_cosine")
  double slot_support =
      0.0;  // mean exp(entropy) of a slot's weights, in patches ("ksm/slot_support")
};
// What they are made of, (4) float64; the sums of ranks may be added.
torch::Tensor slot_sums(const KeySet& set);
SlotDiagnostics slot_diagnostics(const torch::Tensor& sums);

// Selection, aggregation and fusion of the rest. Values carry a learned view vector; scores do not.
// Where the configuration switches it off, every valid patch is kept and is a slot of its own:
// M = N, the aggregation is the identity, and there is no rest.
class KeySemantics : public torch::nn::Module {
 public:
  // `candidates` = N_f + N_l at the configured image size: sets M. Smaller inputs use fewer slots,
  // larger ones at most M.
  KeySemantics(const KeySemanticsConfig& config, std::int64_t width, std::int64_t candidates);
  // `scores`, if set, rank the patches instead of those that the selection gives.
  KeySet forward(const KeyCandidates& candidates, const Scores* scores = nullptr) const;
  void initialise(const Initializer& init);
  std::int64_t slots() const { return slots_; }  // M

  // Null or undefined where it is switched off.
  std::shared_ptr<LayerNorm> norm;
  std::shared_ptr<Linear> fc1, fc2;          // D -> floor(0.2 D) -> M
  torch::Tensor scale;                       // (1)
  torch::Tensor view_frontal, view_lateral;  // (D)

 private:
  torch::Tensor aggregation_weights(const torch::Tensor& values, const torch::Tensor& kept,
                                    const torch::Tensor& used) const;

  KeySemanticsConfig config_;
  std::int64_t slots_;
};

}  // namespace biplane

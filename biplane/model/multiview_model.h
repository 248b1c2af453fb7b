#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "biplane/model/config.h"
#include "biplane/model/cross_decoder.h"
#include "biplane/model/heads.h"
#include "biplane/model/image_tower.h"
#include "biplane/model/key_semantics.h"
#include "biplane/nn/bert.h"
#include "biplane/nn/libtorch.h"

namespace biplane {

// Features of one view. Rows of studies without the view are zeros and carry no gradient.
struct ViewFeatures {
  torch::Tensor global;   // (B,D), not normalised
  torch::Tensor patches;  // (B,N,D), row by row of the patch grid
  torch::Tensor pooled;   // (B,W) the encoder's own global feature, before projection or adapter
  std::int64_t grid_rows = 0, grid_columns = 0;
  // (B,N) how much the global feature reads of each patch, if asked for (for selection.self
  // "attention" always): frontal, the last layer's
  // attention of the class token (undefined where the tower's global feature is a mean); lateral,
  // the adapter's pooling weights.
  torch::Tensor global_attention{};
};

struct TextFeatures {
  torch::Tensor global;             // (B,D), [CLS] or the mean of the valid tokens, not normalised
  torch::Tensor tokens;             // (B,T,D), 0 at padding
  torch::Tensor class_attention{};  // (B,T) of [CLS] in the last layer, no gradient; if asked for
};

struct MlmInput {
  ViewFeatures frontal, lateral;
  torch::Tensor has_frontal, has_lateral;  // (B) bool
  torch::Tensor masked_ids;                // (B,T) i64
  torch::Tensor attention_mask;            // (B,T) bool
  torch::Tensor mlm_labels;                // (B,T) i64, -100 where there is nothing to predict
  // (B,T) bool, the words whose mean scores the patches, without punctuation: for selection.text
  // "visible" the words left in the masked copy, for "full" all words of the report.
  torch::Tensor score_words{};
  torch::Tensor report_tokens{};  // (B,T,D) TextFeatures::tokens of the whole report; only for
                                  // selection.text "full"
  const KeyedDropout* dropout = nullptr;
  torch::Tensor masked_tokens{};   // (B,T,D) of the masked copy, where encoded already; else it is
  const Scores* scores = nullptr;  // rank the patches instead of those that the selection gives
};

struct MlmOutput {
  torch::Tensor logits;  // (P,V) at the P masked places of the batch, row by row
  torch::Tensor labels;  // (P) i64
  torch::Tensor places;  // (P) i64, index into the flattened (B*T) batch
  KeySet keys;
};

struct AlignInput {
  torch::Tensor tokens;        // (B,T,D) of the whole report
  torch::Tensor token_mask{};  // (B,T) bool, attention mask of the report
  torch::Tensor patches;       // (B,N,D) of one view
  torch::Tensor patch_mask{};  // (B,N) bool; undefined = all valid
  torch::Tensor wanted{};      // (B,T) bool, the tokens asked for, at least one; undefined = all
};

// The two-view network (method sections 2 to 5). It computes features, never a loss, and keeps no
// state between calls, so replicas that share parameters can run in several threads. Parameter
// names: frontal.*, frontal_projection.*, lateral.*, lateral_adapter.*, text.*, text_projection.*,
// fusion.*, key_semantics.*, decoder.*, mlm_head.*, alignment.*, prototypes.
class MultiviewModel : public torch::nn::Module {
 public:
  // Throws Error kUsage for a configuration that cannot be. Parameters are initialised from `seed`.
  // Those of a frozen tower need no gradient, and its passes keep no graph and drop nothing.
  MultiviewModel(const ModelConfig& config, std::uint64_t seed);

  // pixels (B,3,H,W) in [0,1]; has (B) bool: rows that are false are skipped, whatever their pixels
  // are. Undefined = all. `global_attention`: fill that field too.
  ViewFeatures encode_frontal(const torch::Tensor& pixels, const torch::Tensor& has = {},
                              bool global_attention = false) const;
  ViewFeatures encode_lateral(const torch::Tensor& pixels, const torch::Tensor& has = {},
                              bool global_attention = false) const;
  // (B,W) of one tower the mean of its patches as its last block leaves them, before the final
  // norm; pixels and has as above.
  torch::Tensor mean_patch(const torch::Tensor& pixels, const torch::Tensor& has,
                           bool lateral) const;
  // Maps of one tower's layers, for heads that tell of places in the image (ImageTower::maps).
  std::vector<torch::Tensor> feature_maps(const torch::Tensor& pixels, bool lateral,
                                          const std::vector<std::int64_t>& layers) const;
  // ids (B,T) i64, attention_mask (B,T) bool. `class_attention`: fill that field too.
  TextFeatures encode_text(const torch::Tensor& ids, const torch::Tensor& attention_mask,
                           const KeyedDropout* dropout = nullptr,
                           bool class_attention = false) const;
  // (B,D), not normalised; has_* (B) bool say which views count (view dropout is the caller's: hide
  // a view by its flag).
  torch::Tensor fuse(const ViewFeatures& frontal, const ViewFeatures& lateral,
                     const torch::Tensor& has_frontal, const torch::Tensor& has_lateral) const;
  // Masked report -> key semantics -> decoder -> vocabulary scores at the masked places (section
  // 3).
  MlmOutput mlm(const MlmInput& input) const;
  // Words read from one view by the alignment decoder, (B,T,D), NOT normalised, 0 at padding
  // (section 4). With `wanted` (B,E,D): the wanted tokens of each study in their order, then zeros;
  // the same values, but the last layer computes no others. `attention`, if set, receives its first
  // cross-attention, mean over heads: (B,T,N).
  torch::Tensor align(const AlignInput& input, torch::Tensor* attention = nullptr) const;

  const ModelConfig& config() const { return config_; }

  torch::Tensor prototypes;  // (K,D), unit rows

 private:
  ViewFeatures run_frontal(const torch::Tensor& pixels, bool global_attention) const;
  ViewFeatures run_lateral(const torch::Tensor& pixels, bool global_attention) const;
  torch::Tensor encode_rows(const torch::Tensor& ids, const TokenLayout& layout,
                            const KeyedDropout* dropout,
                            torch::Tensor* class_attention = nullptr) const;
  KeySet select_keys(const MlmInput& input, const torch::Tensor& masked) const;
  // Decoder output (P,D) at the masked places.
  torch::Tensor decode_places(const MlmInput& input, const TokenLayout& layout,
                              const torch::Tensor& masked, const MlmOutput& output) const;
  void initialise(std::uint64_t seed);
  void freeze(torch::nn::Module& tower) const;

  ModelConfig config_;
  ImageTower frontal_, lateral_;
  std::shared_ptr<Linear> frontal_projection_, text_projection_;  // no bias
  std::shared_ptr<LateralAdapter> lateral_adapter_;
  std::shared_ptr<Bert> text_;
  std::shared_ptr<Fusion> fusion_;
  std::shared_ptr<KeySemantics> key_semantics_;
  std::shared_ptr<CrossDecoder> decoder_, alignment_;
  std::shared_ptr<MlmHead> mlm_head_;
};

// Whether weight decay applies to a parameter of MultiviewModel (section 6): matrices of linear
// layers and patch kernels only; not biases, norms, positions, word embeddings, class token,
// registers, LayerScale, relative position biases, aggregation scale, absent and view vectors,
// prototypes.
bool takes_weight_decay(const std::string& name, const torch::Tensor& parameter);

// "frontal", "lateral" or "text" for the parameters of an encoder (imported weights may exist), ""
// for all others, which always start at random.
std::string tower_of(const std::string& name);

}  // namespace biplane

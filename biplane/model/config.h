#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "biplane/nn/bert.h"
#include "biplane/nn/swin_transformer.h"
#include "biplane/nn/vision_transformer.h"

namespace biplane {

// One image tower. `kind` names the family; each family has a section of its own.
struct TowerConfig {
  std::string kind = "vit";  // vit | swin
  VisionTransformerConfig vit;
  SwinTransformerConfig swin;
  bool frozen = false;               // evaluation mode, no gradient, not in the optimizer
  bool allow_random_frozen = false;  // accept `frozen` without imported weights

  template <class V>
  void visit(V& v) {
    v.field("kind", kind);
    v.field("vit", vit);
    v.field("swin", swin);
    v.field("frozen", frozen);
    v.field("allow_random_frozen", allow_random_frozen);
  }
};

// The vision transformer of a tower for images of that side.
VisionTransformerConfig sized_vit(const TowerConfig& tower, std::int64_t image_size);

struct TextTowerConfig {
  std::string kind = "bert";
  BertConfig bert;
  bool frozen = false;
  bool allow_random_frozen = false;
  std::string pooling = "class";  // of the report's global. class: [CLS]; mean: of all valid tokens
  // Learning rate of the transformer blocks against that of the rest of the tower. From random
  // weights and with few steps, blocks that learn as fast as the word embeddings settle on the
  // words that are easiest to see.
  double block_lr = 1.0;
  double dropout = 0.0;  // on hidden states, in training only

  template <class V>
  void visit(V& v) {
    v.field("kind", kind);
    v.field("bert", bert);
    v.field("frozen", frozen);
    v.field("allow_random_frozen", allow_random_frozen);
    v.field("pooling", pooling);
    v.field("block_lr", block_lr);
    v.field("dropout", dropout);
  }
};

// What ranks the patches (docs/method.md, section 3). The keys are selection.text and
// selection.self.
struct SelectionConfig {
  std::string text =
      "visible";  // visible: words left in the masked copy; full: the whole report; none
  std::string self = "mean";  // cosine with the mean patch of the view (mean) or its global feature
                              // (global); how much that feature reads of the patch (attention; both
                              // terms are standardised before they are added); none

  template <class V>
  void visit(V& v) {
    v.field("text", text);
    v.field("self", self);
  }
};

struct KeySemanticsConfig {
  bool enabled = true;       // false: the decoder sees every patch as it is
  double rho = 0.8;          // part of the valid patches that is kept, (0, 1]
  double alpha = 0.7;        // aggregated tokens per kept patch, (0, 1)
  double scale_init = 20.0;  // start of the learned scale of the aggregation logits
  SelectionConfig selection;

  template <class V>
  void visit(V& v) {
    v.field("enabled", enabled);
    v.field("rho", rho);
    v.field("alpha", alpha);
    v.field("scale_init", scale_init);
    v.field("selection", selection);
  }
};

struct DecoderConfig {
  std::string style = "figure";  // figure | reference (docs/method.md, section 3)
  std::int64_t layers = 4;
  std::int64_t heads = 8;

  template <class V>
  void visit(V& v) {
    v.field("style", style);
    v.field("layers", layers);
    v.field("heads", heads);
  }
};

struct AlignmentConfig {
  std::int64_t layers = 2;
  std::int64_t heads = 8;

  template <class V>
  void visit(V& v) {
    v.field("layers", layers);
    v.field("heads", heads);
  }
};

struct PrototypeConfig {
  std::int64_t count = 500;  // K

  template <class V>
  void visit(V& v) {
    v.field("count", count);
  }
};

// Probability of hiding a view that a study has from the fused term (method section 2); the
// objective draws the flags.
struct ViewDropoutConfig {
  double frontal = 0.05;
  double lateral = 0.25;

  template <class V>
  void visit(V& v) {
    v.field("frontal", frontal);
    v.field("lateral", lateral);
  }
};

// Everything that determines the network's parameters; the section `model` of a configuration, and
// config.json of a model.
struct ModelConfig {
  std::int64_t image_size = 224;  // pixels, side of the square inputs
  std::int64_t width = 512;       // D, the shared width
  std::int64_t max_tokens =
      128;  // T, tokens of a report with [CLS] and [SEP]; at most text.bert.max_positions
  TowerConfig frontal, lateral;
  TextTowerConfig text;
  std::string fusion = "linear";  // of both views' globals. linear: learned, of both concatenated;
                                  // mean: of the normalised ones that exist, nothing learned
  KeySemanticsConfig key_semantics;
  DecoderConfig decoder;
  AlignmentConfig alignment;
  PrototypeConfig prototypes;
  ViewDropoutConfig view_dropout;

  template <class V>
  void visit(V& v) {
    v.field("image_size", image_size);
    v.field("width", width);
    v.field("max_tokens", max_tokens);
    v.field("frontal", frontal);
    v.field("lateral", lateral);
    v.field("text", text);
    v.field("fusion", fusion);
    v.field("key_semantics", key_semantics);
    v.field("decoder", decoder);
    v.field("alignment", alignment);
    v.field("prototypes", prototypes);
    v.field("view_dropout", view_dropout);
  }
};

// Throws Error kUsage naming the key and value of the first setting that cannot be. `prefix` is put
// before key names.
void check_config(const ModelConfig& config, const std::string& prefix = "model.");

// What of a model starts from elsewhere, by the names of its parameters and buffers.
struct ImportedWeights {
  std::set<std::string> names;
  std::set<std::string> missing;  // of imported towers, but without a tensor there: random
};

// Throws Error kUsage if a tower, or a parameter of it, is frozen at random values without
// allow_random_frozen.
void check_frozen_towers(const ModelConfig& config, const ImportedWeights& imported);

}  // namespace biplane

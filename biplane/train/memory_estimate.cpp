#include "biplane/train/memory_estimate.h"

#include <algorithm>
#include <cmath>

#include "biplane/model/key_semantics.h"
#include "biplane/nn/transformer.h"

namespace biplane {
namespace {

constexpr double kFloat = 4;  // bytes

// Numbers that layers save for the backward pass. A linear layer saves its input, a norm its input,
// an activation its input, fused attention q, k, v, what it reads and a number a head.
struct BlockShape {
  double width = 0, hidden = 0, heads = 0;
  bool quick = false;   // QuickGELU: may keep scaled copies of the two matrices of the MLP
  bool packed = false;  // rows without padding: what attention reads is gathered once more
  bool dropout = false;
  bool scaled = false;  // LayerScale
};

// Of one row of a block without cross-attention: norm, projection, q k v, attention, norm, MLP.
double block_row(const BlockShape& shape) {
  return (8 + (shape.packed ? 1 : 0) + (shape.dropout ? 2 : 0) + (shape.scaled ? 2 : 0)) *
             shape.width +
         2 * shape.hidden + shape.heads;
}

// Of a block that computes `rows` rows in one thread.
double block_weights(const BlockShape& shape, double rows) {
  const bool folds = rows >= static_cast<double>(kQuickGeluFoldRows) * shape.width;
  return shape.quick && folds ? 2 * shape.width * shape.hidden : 0;
}

class Parts {
 public:
  Parts(const ModelConfig& model, const LossConfig& loss, const ActivationInput& input)
      : model_(model),
        loss_(loss),
        input_(input),
        studies_(static_cast<double>(input.studies)),
        threads_(static_cast<double>(input.threads)),
        width_(static_cast<double>(model.width)) {}

  std::vector<ActivationPart> list() {
    if (loss_.itc.weight + loss_.proto.weight + loss_.fla.weight + loss_.local.weight > 0)
      add("report", {"text", "text_projection"}, text());
    add("frontal", {"frontal", "frontal_projection"}, frontal());
    add("lateral", {"lateral", "lateral_adapter"}, lateral());
    add("globals", {"fusion"}, studies_ * 12 * width_);
    if (loss_.mlm.weight > 0) add_mlm();
    if (loss_.fla.weight > 0) add("alignment", {"alignment"}, alignment());
    if (loss_.proto.weight > 0)
      add("prototypes", {"prototypes"}, 3 * studies_ * prototypes(), threads_ * codes());
    if (loss_.local.weight > 0)  // the patches at unit length
      add("sentences", {}, studies_ * (patches(model_.frontal) + patches(model_.lateral)) * width_);
    return std::move(parts_);
  }

 private:
  void add(const std::string& name, std::vector<std::string> modules, double kept,
           double working = 0) {
    parts_.push_back({name, std::move(modules), kFloat * kept, kFloat * working});
  }

  // Tokens of an image of side `size`, without class token.
  static double patches(const TowerConfig& tower, std::int64_t size) {
    const std::int64_t stride = tower.kind == "swin" ? tower.swin.stride() : tower.vit.patch;
    const double side = static_cast<double>((size + stride - 1) / stride);
    return side * side;
  }
  double patches(const TowerConfig& tower) const { return patches(tower, input_.image_size); }
  static double tower_width(const TowerConfig& tower) {
    return static_cast<double>(tower.kind == "swin" ? tower.swin.last_width() : tower.vit.width);
  }
  double prototypes() const { return static_cast<double>(model_.prototypes.count); }
  // Scores, exponents and sums of queue and batch of one tower at a time.
  double codes() const {
    return 4 * (static_cast<double>(loss_.proto.queue) + studies_) * prototypes();
  }

  // An image tower up to its tokens.
  double tower(const TowerConfig& config) const {
    if (config.frozen) return 0;
    return config.kind == "swin" ? swin(config.swin) : vit(config.vit);
  }

  double vit(const VisionTransformerConfig& vit) const {
    const double width = static_cast<double>(vit.width);
    const double side = static_cast<double>(input_.image_size);
    const double places = side * side / static_cast<double>(vit.patch * vit.patch);
    BlockShape shape;
    shape.width = width;
    shape.hidden = vit.mlp_ratio * width;
    shape.heads = static_cast<double>(vit.heads);
    shape.quick = vit.style == "clip";
    shape.scaled = vit.style == "dinov2";
    const double rows = studies_ * (places + 1 + static_cast<double>(vit.registers));
    double kept = static_cast<double>(vit.layers) *
                  (rows * block_row(shape) + threads_ * block_weights(shape, rows / threads_));
    kept +=
        rows * (shape.quick ? 2 : 1) * width;  // inputs of the norms before and after the blocks
    if (vit.stem.empty()) return kept + studies_ * side * side;  // the image cut into patches
    double stage = side * side;
    for (const std::int64_t channels : vit.stem)
      kept += studies_ * static_cast<double>(channels) * (stage /= 4);
    return kept + rows * static_cast<double>(vit.stem.back());
  }

  // The bias of the scores is learned, so that attention within windows is not fused: it keeps its
  // weights and scaled q and k. Merging keeps 4 w twice for a quarter of the rows.
  double swin(const SwinTransformerConfig& swin) const {
    double kept = studies_ * static_cast<double>(input_.image_size * input_.image_size);
    const double window = static_cast<double>(swin.window * swin.window);
    for (std::size_t stage = 0; stage < swin.depths.size(); ++stage) {
      const std::int64_t stride = swin.patch << stage;
      const double side = static_cast<double>((input_.image_size + stride - 1) / stride);
      const double rows = studies_ * side * side;
      const double width = static_cast<double>(swin.width << stage);
      BlockShape shape;
      shape.width = width;
      shape.hidden = swin.mlp_ratio * width;
      shape.heads = static_cast<double>(swin.heads[stage]) * window;
      shape.packed = true;
      kept += rows * (static_cast<double>(swin.depths[stage]) * (block_row(shape) + 2 * width) +
                      2 * width);
    }
    return kept;
  }

  double frontal() const {
    if (loss_.views == "lateral") return 0;
    const double rows = studies_ * (patches(model_.frontal) + 1);
    return tower(model_.frontal) + rows * (tower_width(model_.frontal) + width_);
  }

  // With the adapter: the tower's tokens, the projection, the norm, the pooling's hidden units.
  double lateral() const {
    if (loss_.views == "frontal") return 0;
    const double rows = studies_ * patches(model_.lateral);
    return tower(model_.lateral) + rows * (tower_width(model_.lateral) + 3 * width_);
  }

  double text() const {
    const BertConfig& bert = model_.text.bert;
    const double rows = studies_ * input_.tokens, width = static_cast<double>(bert.width);
    BlockShape shape;
    shape.width = width;
    shape.hidden = bert.mlp_ratio * width;
    shape.heads = static_cast<double>(bert.heads);
    shape.packed = true;
    shape.dropout = model_.text.dropout > 0;
    const double tower =
        model_.text.frozen ? 0 : static_cast<double>(bert.layers) * block_row(shape) + width;
    return rows * (tower + width + 2 * width_);
  }

  BlockShape decoder_shape(std::int64_t heads) const {
    BlockShape shape;
    shape.width = width_;
    shape.hidden = 4 * width_;
    shape.heads = static_cast<double>(heads);
    shape.quick = shape.packed = true;
    return shape;
  }

  // Queries that read keys, in each of `layers` layers or in the first one only; the last layer
  // computes `wanted` of the rows.
  double decoder(std::int64_t layers, std::int64_t heads, bool reads_once, double rows, double keys,
                 double wanted) const {
    const BlockShape shape = decoder_shape(heads);
    const double all = static_cast<double>(layers), reads = reads_once ? 1 : all;
    const double cross_row = 5 * width_ + static_cast<double>(heads);
    const double last = rows * 4 * width_ + wanted * (block_row(shape) - 2 * width_);
    return keys * width_ + reads * (rows * cross_row + 3 * keys * width_) +
           (all - 1) * rows * block_row(shape) + last + wanted * 2 * width_ +
           all * threads_ * block_weights(shape, rows / threads_);
  }

  void add_mlm() {
    const double seen = studies_ * loss_.mlm.share;
    add("masked report", {"text", "text_projection"}, loss_.mlm.share * text());
    const double candidates = patches(model_.frontal) + patches(model_.lateral);
    const KeySemanticsConfig& keys = model_.key_semantics;
    const double slots =
        keys.enabled ? static_cast<double>(slot_count(
                           keys.rho, keys.alpha,
                           static_cast<std::int64_t>(patches(model_.frontal, model_.image_size) +
                                                     patches(model_.lateral, model_.image_size))))
                     : candidates;
    const double selected = 2.4 * width_ * candidates + 4.5 * slots * candidates;
    add("key semantics", {"key_semantics"},
        seen * ((keys.enabled ? selected : slots * candidates) + (slots + 1) * width_));
    const double rows = seen * input_.tokens, places = rows * input_.masked;
    add("decoder", {"decoder"},
        decoder(model_.decoder.layers, model_.decoder.heads, model_.decoder.style == "reference",
                rows, seen * (slots + 1), places));
    const double scores = places * static_cast<double>(model_.text.bert.vocabulary);
    add("word scores", {"mlm_head"}, places * 4 * width_ + 2 * scores, 2 * scores);
  }

  // Both views: all words read from the own view, then the words of findings, about a quarter, from
  // the others'.
  double alignment() const {
    const std::int64_t layers = model_.alignment.layers, heads = model_.alignment.heads;
    const double seen = studies_ * loss_.fla.share, rows = seen * input_.tokens;
    const double others = std::clamp(seen - 1, 0.0, static_cast<double>(loss_.fla.image_negatives));
    double kept = 0;
    for (const TowerConfig* tower : {&model_.frontal, &model_.lateral}) {
      const double keys = seen * patches(*tower);
      kept += decoder(layers, heads, false, rows, keys, rows) + rows * 4 * width_;
      if (others > 0)
        kept += decoder(layers, heads, false, others * rows, others * keys, others * rows / 4) +
                others * rows * 2 * width_;
    }
    return kept;
  }

  const ModelConfig& model_;
  const LossConfig& loss_;
  const ActivationInput& input_;
  double studies_, threads_, width_;
  std::vector<ActivationPart> parts_;
};

}  // namespace

std::vector<ActivationPart> activation_parts(const ModelConfig& model, const LossConfig& loss,
                                             const ActivationInput& input) {
  return Parts(model, loss, input).list();
}

double step_peak(const std::vector<ActivationPart>& parts, const std::vector<double>& gradients,
                 bool from_before) {
  double kept = 0, made = 0, all = 0;
  for (const double gradient : gradients) all += gradient;
  for (const ActivationPart& part : parts) kept += part.kept;
  double peak = all;
  for (std::size_t i = parts.size(); i-- > 0;) {
    made += gradients[i];
    peak = std::max(peak, kept + parts[i].working + (from_before ? all : made));
    kept -= parts[i].kept;
  }
  return peak;
}

}  // namespace biplane

#include "biplane/model/multiview_model.h"

#include <cmath>
#include <functional>

namespace biplane {
namespace {

const ModelConfig& checked(const ModelConfig& config) {
  check_config(config);
  return config;
}

std::shared_ptr<CrossDecoder> make_decoder(const ModelConfig& config) {
  return std::make_shared<CrossDecoder>(CrossDecoderConfig{
      config.decoder.style, config.width, config.decoder.heads, config.decoder.layers, true});
}

std::shared_ptr<CrossDecoder> make_alignment(const ModelConfig& config) {
  return std::make_shared<CrossDecoder>(CrossDecoderConfig{
      "figure", config.width, config.alignment.heads, config.alignment.layers, false});
}

// Rows of the studies that have the view; a grey image stays one plane.
torch::Tensor present_pixels(const torch::Tensor& pixels, const torch::Tensor& rows) {
  if (pixels.stride(1) != 0) return pixels.index_select(0, rows);
  const torch::Tensor plane = pixels.narrow(1, 0, 1).index_select(0, rows);
  return plane.expand({-1, pixels.size(1), -1, -1});
}

torch::Tensor scatter_rows(const torch::Tensor& rows, const torch::Tensor& index,
                           std::int64_t batch) {
  std::vector<std::int64_t> shape = rows.sizes().vec();
  shape[0] = batch;
  return rows.new_zeros(shape).index_copy(0, index, rows);
}

bool selects_by_attention(const ModelConfig& config) {
  return config.key_semantics.enabled && config.key_semantics.selection.self == "attention";
}

using Encoder = std::function<ViewFeatures(const torch::Tensor&)>;

// Runs the encoder on the studies that have the view only, so what stands in the others' pixels
// cannot matter.
ViewFeatures encode_present(const torch::Tensor& pixels, const torch::Tensor& has,
                            const Encoder& encode) {
  if (!has.defined()) return encode(pixels);
  TORCH_CHECK(has.dim() == 1 && has.size(0) == pixels.size(0), "one flag a study is needed, not ",
              has.sizes(), " for ", pixels.sizes());
  const torch::Tensor rows = has.nonzero().squeeze(1);
  if (rows.size(0) == pixels.size(0)) return encode(pixels);
  // A batch without the view still needs the shapes.
  const bool none = rows.size(0) == 0;
  const torch::AutoGradMode gradients(at::GradMode::is_enabled() && !none);
  ViewFeatures features =
      encode(none ? at::zeros_like(pixels.narrow(0, 0, 1)) : present_pixels(pixels, rows));
  for (torch::Tensor* part :
       {&features.global, &features.patches, &features.pooled, &features.global_attention}) {
    if (!part->defined()) continue;
    *part = none ? part->new_zeros([&] {
      std::vector<std::int64_t> shape = part->sizes().vec();
      shape[0] = pixels.size(0);
      return shape;
    }())
                 : scatter_rows(*part, rows, pixels.size(0));
  }
  return features;
}

}  // namespace

MultiviewModel::MultiviewModel(const ModelConfig& config, std::uint64_t seed)
    : config_(checked(config)),
      frontal_(config.frontal, config.image_size),
      lateral_(config.lateral, config.image_size) {
  register_module("frontal", frontal_.module());
  frontal_projection_ = register_module(
      "frontal_projection", std::make_shared<Linear>(frontal_.width(), config.width, false));
  register_module("lateral", lateral_.module());
  lateral_adapter_ = register_module(
      "lateral_adapter", std::make_shared<LateralAdapter>(lateral_.width(), config.width));
  text_ = register_module("text", std::make_shared<Bert>(config.text.bert));
  text_projection_ = register_module(
      "text_projection", std::make_shared<Linear>(config.text.bert.width, config.width, false));
  fusion_ =
      register_module("fusion", std::make_shared<Fusion>(config.width, config.fusion == "linear"));
  key_semantics_ = register_module(
      "key_semantics", std::make_shared<KeySemantics>(config.key_semantics, config.width,
                                                      frontal_.patches() + lateral_.patches()));
  decoder_ = register_module("decoder", make_decoder(config));
  mlm_head_ = register_module("mlm_head",
                              std::make_shared<MlmHead>(config.width, config.text.bert.vocabulary));
  alignment_ = register_module("alignment", make_alignment(config));
  prototypes =
      register_parameter("prototypes", torch::zeros({config.prototypes.count, config.width}));
  initialise(seed);
  if (config.frontal.frozen) freeze(*frontal_.module());
  if (config.lateral.frozen) freeze(*lateral_.module());
  if (config.text.frozen) freeze(*text_);
}

void MultiviewModel::initialise(std::uint64_t seed) {
  const torch::NoGradGuard no_grad;
  const Initializer init(seed);
  const auto inverse_root = [](std::int64_t width) {
    return 1.0 / std::sqrt(static_cast<double>(width));
  };
  frontal_.initialise(init.child("frontal"));
  frontal_projection_->initialise_normal(init.child("frontal_projection"),
                                         inverse_root(frontal_.width()));
  lateral_.initialise(init.child("lateral"));
  lateral_adapter_->initialise(init.child("lateral_adapter"));
  text_->initialise(init.child("text"));
  text_projection_->initialise_normal(init.child("text_projection"),
                                      inverse_root(text_->config().width));
  fusion_->initialise(init.child("fusion"));
  key_semantics_->initialise(init.child("key_semantics"));
  decoder_->initialise(init.child("decoder"));
  mlm_head_->initialise(init.child("mlm_head"), config_.decoder.layers);
  alignment_->initialise(init.child("alignment"));
  init.normal("prototypes", prototypes, 1.0);
  prototypes.div_(prototypes.norm(2, 1, true));
}

void MultiviewModel::freeze(torch::nn::Module& tower) const {
  for (torch::Tensor& parameter : tower.parameters()) parameter.set_requires_grad(false);
}

ViewFeatures MultiviewModel::run_frontal(const torch::Tensor& pixels, bool global_attention) const {
  torch::Tensor attention;
  VisionTokens view = frontal_.forward(pixels, global_attention ? &attention : nullptr);
  const torch::Tensor pooled = view.pooled;
  view.tokens = frontal_projection_->forward(view.tokens);
  return {frontal_projection_->forward(pooled),
          view.patches(),
          pooled,
          view.grid_rows,
          view.grid_columns,
          attention};
}

ViewFeatures MultiviewModel::run_lateral(const torch::Tensor& pixels, bool global_attention) const {
  const VisionTokens view = lateral_.forward(pixels);
  const AdapterOutput adapted = lateral_adapter_->forward(view.patches().contiguous());
  return {adapted.global,    adapted.tokens,
          adapted.pooled,    view.grid_rows,
          view.grid_columns, global_attention ? adapted.pooling_weights : torch::Tensor()};
}

ViewFeatures MultiviewModel::encode_frontal(const torch::Tensor& pixels, const torch::Tensor& has,
                                            bool global_attention) const {
  return encode_present(pixels, has, [&](const torch::Tensor& present) {
    return run_frontal(present, global_attention || selects_by_attention(config_));
  });
}

ViewFeatures MultiviewModel::encode_lateral(const torch::Tensor& pixels, const torch::Tensor& has,
                                            bool global_attention) const {
  return encode_present(pixels, has, [&](const torch::Tensor& present) {
    return run_lateral(present, global_attention || selects_by_attention(config_));
  });
}

torch::Tensor MultiviewModel::mean_patch(const torch::Tensor& pixels, const torch::Tensor& has,
                                         bool lateral) const {
  const auto encode = [&](const torch::Tensor& present) {
    ViewFeatures view;
    view.pooled = (lateral ? lateral_ : frontal_).forward(present).mean_patch();
    return view;
  };
  return encode_present(pixels, has, encode).pooled;
}

std::vector<torch::Tensor> MultiviewModel::feature_maps(
    const torch::Tensor& pixels, bool lateral, const std::vector<std::int64_t>& layers) const {
  return (lateral ? lateral_ : frontal_).maps(pixels, layers);
}

torch::Tensor MultiviewModel::encode_rows(const torch::Tensor& ids, const TokenLayout& layout,
                                          const KeyedDropout* dropout,
                                          torch::Tensor* class_attention) const {
  const bool frozen = config_.text.frozen;
  const auto read = [&] {
    const torch::AutoGradMode gradients(at::GradMode::is_enabled() && !frozen);
    return text_->forward({ids, {}, frozen ? nullptr : dropout, class_attention}, layout);
  };
  return text_projection_->forward(read());
}

TextFeatures MultiviewModel::encode_text(const torch::Tensor& ids,
                                         const torch::Tensor& attention_mask,
                                         const KeyedDropout* dropout, bool class_attention) const {
  TORCH_CHECK(ids.dim() == 2, "ids must be (B,T), not ", ids.sizes());
  const TokenLayout layout = TokenLayout::packed(ids.size(0), ids.size(1), attention_mask);
  TextFeatures features;
  features.tokens = layout.unflatten(
      encode_rows(ids, layout, dropout, class_attention ? &features.class_attention : nullptr));
  const torch::Tensor counts = attention_mask.sum(1, true).clamp_min(1);
  features.global = config_.text.pooling == "class" ? features.tokens.select(1, 0)
                                                    : features.tokens.sum(1) / counts;
  return features;
}

torch::Tensor MultiviewModel::fuse(const ViewFeatures& frontal, const ViewFeatures& lateral,
                                   const torch::Tensor& has_frontal,
                                   const torch::Tensor& has_lateral) const {
  return fusion_->forward(frontal.global, lateral.global, has_frontal, has_lateral);
}

KeySet MultiviewModel::select_keys(const MlmInput& input, const torch::Tensor& masked) const {
  const bool full = config_.key_semantics.selection.text == "full" && input.scores == nullptr;
  TORCH_CHECK(!full || input.report_tokens.defined(),
              "selection.text: full needs the tokens of the whole report");
  KeyCandidates candidates;
  candidates.frontal = input.frontal.patches;
  candidates.lateral = input.lateral.patches;
  candidates.has_frontal = input.has_frontal;
  candidates.has_lateral = input.has_lateral;
  candidates.frontal_global = input.frontal.global;
  candidates.lateral_global = input.lateral.global;
  candidates.frontal_attention = input.frontal.global_attention;
  candidates.lateral_attention = input.lateral.global_attention;
  candidates.tokens = full ? input.report_tokens : masked;
  candidates.score_words = input.score_words;
  return key_semantics_->forward(candidates, input.scores);
}

torch::Tensor MultiviewModel::decode_places(const MlmInput& input, const TokenLayout& layout,
                                            const torch::Tensor& masked,
                                            const MlmOutput& output) const {
  const DecoderKeys keys{output.keys.keys, output.keys.key_mask};
  if (output.places.size(0) == 0) return masked.narrow(0, 0, 0);
  const TokenSubset wanted = TokenSubset::of(layout, input.mlm_labels.ge(0));
  return decoder_->forward(masked, layout, keys, {nullptr, &wanted});
}

MlmOutput MultiviewModel::mlm(const MlmInput& input) const {
  const torch::Tensor& ids = input.masked_ids;
  TORCH_CHECK(ids.dim() == 2 && input.mlm_labels.sizes() == ids.sizes(),
              "masked ids and labels must be (B,T), not ", ids.sizes(), " and ",
              input.mlm_labels.sizes());
  const TokenLayout layout = TokenLayout::packed(ids.size(0), ids.size(1), input.attention_mask);
  const torch::Tensor masked = input.masked_tokens.defined()
                                   ? layout.flatten(input.masked_tokens)
                                   : encode_rows(ids, layout, input.dropout);
  MlmOutput output;
  output.keys = select_keys(input, layout.unflatten(masked.detach()));
  const torch::Tensor all_labels = input.mlm_labels.reshape({-1});
  const torch::Tensor& rows = layout.rows();
  const torch::Tensor labels = rows.defined() ? all_labels.index_select(0, rows) : all_labels;
  const torch::Tensor asked = labels.ge(0).nonzero().squeeze(1);
  output.labels = labels.index_select(0, asked);
  output.places = rows.defined() ? rows.index_select(0, asked) : asked;
  output.logits = mlm_head_->forward(decode_places(input, layout, masked, output));
  return output;
}

torch::Tensor MultiviewModel::align(const AlignInput& input, torch::Tensor* attention) const {
  TORCH_CHECK(input.tokens.dim() == 3, "tokens must be (B,T,D), not ", input.tokens.sizes());
  const TokenLayout layout =
      TokenLayout::packed(input.tokens.size(0), input.tokens.size(1), input.token_mask);
  const DecoderKeys keys{input.patches, input.patch_mask};
  const torch::Tensor query = layout.flatten(input.tokens);
  if (!input.wanted.defined()) {
    return layout.unflatten(alignment_->forward(query, layout, keys, {attention}));
  }
  const TokenSubset wanted = TokenSubset::of(layout, input.wanted);
  return wanted.layout.unflatten(alignment_->forward(query, layout, keys, {attention, &wanted}));
}

bool takes_weight_decay(const std::string& name, const torch::Tensor& parameter) {
  const bool table = name.find("embedding") != std::string::npos || name == "prototypes" ||
                     name.ends_with(".relative_position_bias") || name.ends_with(".registers");
  return parameter.dim() >= 2 && !table;
}

std::string tower_of(const std::string& name) {
  for (const char* tower : {"frontal", "lateral", "text"}) {
    if (name.starts_with(std::string(tower) + ".")) return tower;
  }
  return "";
}

}  // namespace biplane

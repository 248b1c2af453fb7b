#include "biplane/model/key_semantics.h"

#include <cmath>
#include <limits>

namespace biplane {
namespace {

constexpr double kCosineFloor = 1e-8;
constexpr double kStdFloor = 1e-6;
constexpr double kRounding =
    1e-9;  // 0.8 * 0.7 * 25 is 13.999999999999998 in floating point and means 14
constexpr double kLayerNormEps = 1e-5;
constexpr double kHiddenPart = 0.2;
constexpr double kViewStd = 0.02;

// Scores are compared with each other, so half precision is not enough for them.
torch::Tensor widened(const torch::Tensor& x) {
  const bool narrow = x.scalar_type() == torch::kBFloat16 || x.scalar_type() == torch::kFloat16;
  return narrow ? x.to(torch::kFloat32) : x;
}

torch::Tensor detached(const torch::Tensor& x) { return widened(x.detach()); }

torch::Tensor length(const torch::Tensor& x) { return x.norm(2, -1).clamp_min(kCosineFloor); }

// Cosines of patches (B,N,D) with one vector a study (B,D): (B,N).
torch::Tensor cosines(const torch::Tensor& patches, const torch::Tensor& lengths,
                      const torch::Tensor& vector) {
  return (patches * vector.unsqueeze(1)).sum(-1) / (lengths * length(vector).unsqueeze(1));
}

struct WordMean {
  torch::Tensor mean;   // (B,D)
  torch::Tensor exist;  // (B,1), 0 where a study has no word: its text term is 0
};

WordMean word_mean(const KeyCandidates& candidates) {
  const torch::Tensor tokens = detached(candidates.tokens);
  const torch::Tensor words = candidates.score_words.to(tokens.scalar_type());
  TORCH_CHECK(words.dim() == 2 && words.size(1) == tokens.size(1), "score_words ", words.sizes(),
              " must match the tokens ", tokens.sizes());
  const torch::Tensor count = words.sum(1, true);
  return {(tokens * words.unsqueeze(2)).sum(1) / count.clamp_min(1.0),
          count.gt(0).to(tokens.scalar_type())};
}

struct ViewScores {
  torch::Tensor raw, standard;  // (B,N)
};

struct ViewCandidates {
  torch::Tensor patches, has, global, attention;
};

ViewScores score_view(const ViewCandidates& view, const WordMean& words,
                      const SelectionConfig& selection) {
  const torch::Tensor patches = detached(view.patches);
  const torch::Tensor lengths = length(patches);
  torch::Tensor raw;
  if (selection.self == "mean") raw = cosines(patches, lengths, patches.mean(1));
  if (selection.self == "global") raw = cosines(patches, lengths, detached(view.global));
  // An attention and a cosine have no scale in common.
  const bool attention = selection.self == "attention";
  if (attention) {
    TORCH_CHECK(view.attention.defined(), "selection.self: attention needs a class token");
    raw = standardised(detached(view.attention));
  }
  if (selection.text != "none") {
    const torch::Tensor cosine = cosines(patches, lengths, words.mean);
    const torch::Tensor text = (attention ? standardised(cosine) : cosine) * words.exist;
    raw = raw.defined() ? raw + text : text;
  }
  const torch::Tensor missing = view.has.logical_not().unsqueeze(1);
  return {raw.masked_fill(missing, 0.0), standardised(raw).masked_fill(missing, 0.0)};
}

std::vector<ViewCandidates> present_views(const KeyCandidates& candidates) {
  std::vector<ViewCandidates> views;
  if (candidates.frontal.defined()) {
    views.push_back({candidates.frontal, candidates.has_frontal, candidates.frontal_global,
                     candidates.frontal_attention});
  }
  if (candidates.lateral.defined()) {
    views.push_back({candidates.lateral, candidates.has_lateral, candidates.lateral_global,
                     candidates.lateral_attention});
  }
  TORCH_CHECK(!views.empty(), "key semantics needs the patches of at least one view");
  for (const ViewCandidates& view : views) {
    TORCH_CHECK(
        view.patches.dim() == 3 && view.has.dim() == 1 && view.has.size(0) == view.patches.size(0),
        "patches must be (B,N,D) with one flag a study, not ", view.patches.sizes(), " and ",
        view.has.sizes());
  }
  return views;
}

// Every valid patch for itself.
void keep_every_patch(const torch::Tensor& values, KeySet& set) {
  const torch::Tensor& valid = set.scores.valid;
  set.kept = set.slot_used = valid;
  set.aggregation = at::diag_embed(valid.to(values.scalar_type()));
  const torch::Tensor shown = values.masked_fill(valid.logical_not().unsqueeze(2), 0.0);
  set.keys = at::cat({shown, at::zeros_like(shown.narrow(1, 0, 1))}, 1);
  set.key_mask = at::cat({valid, at::zeros_like(valid.narrow(1, 0, 1))}, 1);
}

// softmax over the places where `mask` is true, 0 elsewhere and in rows without any; never NaN,
// also not in gradients.
torch::Tensor masked_softmax(const torch::Tensor& logits, const torch::Tensor& mask) {
  const torch::Tensor wide = widened(logits);
  const torch::Tensor floor = at::scalar_tensor(-std::numeric_limits<float>::max(), wide.options());
  return at::where(mask, wide, floor).softmax(-1).masked_fill(mask.logical_not(), 0.0);
}

}  // namespace

torch::Tensor standardised(const torch::Tensor& x) {
  const torch::Tensor centred = x - x.mean(1, true);
  return centred / (centred.square().mean(1, true).sqrt() + kStdFloor);
}

Scores score_candidates(const KeyCandidates& candidates, const SelectionConfig& selection) {
  const torch::NoGradGuard no_grad;
  TORCH_CHECK(selection.text != "none" || selection.self != "none", "nothing ranks the patches");
  const WordMean words = selection.text == "none" ? WordMean{} : word_mean(candidates);
  std::vector<torch::Tensor> raw, standard, valid;
  for (const ViewCandidates& view : present_views(candidates)) {
    const ViewScores scores = score_view(view, words, selection);
    raw.push_back(scores.raw);
    standard.push_back(scores.standard);
    valid.push_back(view.has.unsqueeze(1).expand_as(scores.raw));
  }
  return {at::cat(raw, 1), at::cat(standard, 1), at::cat(valid, 1)};
}

torch::Tensor select_best(const Scores& scores, double rho) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor valid_count = scores.valid.sum(1, true).to(torch::kFloat64);
  const torch::Tensor keep = (valid_count * rho - kRounding).ceil();
  const torch::Tensor ranked = scores.standard.masked_fill(scores.valid.logical_not(), -INFINITY);
  const torch::Tensor order =
      std::get<1>(at::sort(ranked, /*stable=*/true, /*dim=*/1, /*descending=*/true));
  const torch::Tensor place = at::arange(ranked.size(1), keep.options()).unsqueeze(0);
  return at::zeros_like(scores.valid).scatter(1, order, place.lt(keep));
}

std::int64_t slot_count(double rho, double alpha, std::int64_t candidates) {
  return static_cast<std::int64_t>(
      std::floor(rho * alpha * static_cast<double>(candidates) + kRounding));
}

torch::Tensor slot_sums(const KeySet& set) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor used = set.slot_used.to(torch::kFloat64);
  const torch::Tensor count = used.sum(1);
  const torch::Tensor slots = set.keys.narrow(1, 0, used.size(1)).to(torch::kFloat64);
  const torch::Tensor unit =
      (slots / length(slots).unsqueeze(2)).masked_fill(set.slot_used.logical_not().unsqueeze(2), 0);
  // The cosines of all ordered pairs of n unit vectors sum to |sum|^2 - n.
  const torch::Tensor pairs = count * (count - 1.0);
  const torch::Tensor cosine_sum = unit.sum(1).square().sum(1) - count;
  const torch::Tensor weights = set.aggregation.to(torch::kFloat64);
  const torch::Tensor entropy = -at::xlogy(weights, weights).sum(2);
  return torch::stack({cosine_sum.sum(), pairs.sum(), (entropy.exp() * used).sum(), count.sum()});
}

SlotDiagnostics slot_diagnostics(const torch::Tensor& sums) {
  const torch::Tensor host = sums.to(torch::kCPU).contiguous();
  const double* value = host.const_data_ptr<double>();
  return {value[0] / std::max(1.0, value[1]), value[2] / std::max(1.0, value[3])};
}

KeySemantics::KeySemantics(const KeySemanticsConfig& config, std::int64_t width,
                           std::int64_t candidates)
    : config_(config),
      slots_(config.enabled ? slot_count(config.rho, config.alpha, candidates) : candidates) {
  const auto hidden =
      static_cast<std::int64_t>(std::floor(kHiddenPart * static_cast<double>(width) + kRounding));
  TORCH_CHECK(slots_ >= 1 && hidden >= 1, "key semantics: ", candidates, " patches of width ",
              width, " are too few to aggregate");
  if (config.enabled) {
    norm = register_module("norm", std::make_shared<LayerNorm>(width, kLayerNormEps));
    fc1 = register_module("fc1", std::make_shared<Linear>(width, hidden));
    fc2 = register_module("fc2", std::make_shared<Linear>(hidden, slots_));
    scale = register_parameter("scale", torch::full({1}, config.scale_init));
  }
  view_frontal = register_parameter("view_frontal", torch::zeros({width}));
  view_lateral = register_parameter("view_lateral", torch::zeros({width}));
}

torch::Tensor KeySemantics::aggregation_weights(const torch::Tensor& values,
                                                const torch::Tensor& kept,
                                                const torch::Tensor& used) const {
  const torch::Tensor logits = fc2->forward(at::gelu(fc1->forward(norm->forward(values)))) * scale;
  return masked_softmax(logits.transpose(1, 2), kept.unsqueeze(1).logical_and(used.unsqueeze(2)));
}

KeySet KeySemantics::forward(const KeyCandidates& candidates, const Scores* scores) const {
  KeySet set;
  set.scores = scores != nullptr ? *scores : score_candidates(candidates, config_.selection);
  std::vector<torch::Tensor> views;
  if (candidates.frontal.defined()) views.push_back(candidates.frontal + view_frontal);
  if (candidates.lateral.defined()) views.push_back(candidates.lateral + view_lateral);
  const torch::Tensor values = at::cat(views, 1);
  if (!config_.enabled) {
    keep_every_patch(values, set);
    return set;
  }
  set.kept = select_best(set.scores, config_.rho);
  const torch::Tensor valid_count = set.scores.valid.sum(1, true).to(torch::kFloat64);
  const torch::Tensor used_count =
      (valid_count * (config_.rho * config_.alpha) + kRounding).floor();
  set.slot_used = at::arange(slots_, used_count.options()).unsqueeze(0).lt(used_count);
  set.aggregation = aggregation_weights(values, set.kept, set.slot_used);
  const torch::Tensor discarded = set.scores.valid.logical_and(set.kept.logical_not());
  const torch::Tensor rest =
      masked_softmax(set.scores.standard, discarded).to(set.aggregation.scalar_type()).unsqueeze(1);
  set.keys = at::bmm(at::cat({set.aggregation, rest}, 1), values.to(set.aggregation.scalar_type()));
  set.key_mask = at::cat({set.slot_used, discarded.any(1, true)}, 1);
  return set;
}

void KeySemantics::initialise(const Initializer& init) {
  // LibTorch's default range: with unit-variance inputs the logits differ by about 0.17, and by 3
  // to 4 after the scale.
  if (config_.enabled) {
    fc1->initialise_uniform(init.child("fc1"));
    fc2->initialise_uniform(init.child("fc2"));
  }
  init.normal("view_frontal", view_frontal, kViewStd);
  init.normal("view_lateral", view_lateral, kViewStd);
}

}  // namespace biplane

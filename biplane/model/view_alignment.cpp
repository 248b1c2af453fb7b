#include "biplane/model/view_alignment.h"

#include <algorithm>
#include <limits>

#include "biplane/model/losses.h"
#include "biplane/text/lexicon.h"

namespace biplane {
namespace {

constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();

torch::Tensor is_class(const torch::Tensor& classes, WordClass word_class) {
  return classes.eq(static_cast<std::int64_t>(word_class));
}

torch::Tensor is_content(const torch::Tensor& classes) {
  return is_class(classes, WordClass::kPunctuation)
      .logical_or(is_class(classes, WordClass::kStopWord))
      .logical_not();
}

// Rows of weights 1/n over the n true entries of each row; a row without any stays 0.
torch::Tensor mean_weights(const torch::Tensor& mask, torch::Dtype dtype) {
  const torch::Tensor ones = mask.to(dtype);
  return ones / ones.sum(-1, true).clamp_min(1.0);
}

// Entity units, or all content units of reports without an entity.
torch::Tensor focus_weights(const torch::Tensor& classes, const torch::Tensor& valid,
                            torch::Dtype dtype) {
  const torch::Tensor entity = is_class(classes, WordClass::kEntity).logical_and(valid);
  const torch::Tensor content = is_content(classes).logical_and(valid);
  return mean_weights(torch::where(entity.any(1, true), entity, content), dtype);
}

// Columns (n,count) of the true entries of each row of mask (n,N) in their order, then of false
// ones.
torch::Tensor true_first(const torch::Tensor& mask, std::int64_t count) {
  return at::argsort(mask.logical_not().to(torch::kUInt8), /*stable=*/true, /*dim=*/1)
      .narrow(1, 0, count);
}

// (n,T,T) bool: entry [i][w][t] is true where token t of report i belongs to content word w.
torch::Tensor words_of(const torch::Tensor& word_ids, const torch::Tensor& content) {
  const torch::Tensor numbers =
      torch::arange(word_ids.size(1), word_ids.options()).view({1, -1, 1});
  return word_ids.unsqueeze(1).eq(numbers).logical_and(content.unsqueeze(1));
}

// Study-wise weights with mean 1 over the valid units.
torch::Tensor unit_weights(const ReportUnits& units, torch::Dtype dtype) {
  const torch::Tensor valid = units.valid.to(dtype);
  if (!units.weight.defined()) return valid;
  const torch::Tensor weight = units.weight.to(dtype) * valid;
  return weight / (weight.sum(1, true) / valid.sum(1, true).clamp_min(1.0)).clamp_min(1e-12);
}

// Symmetric cross-entropies (n,W) against the identity within each study.
torch::Tensor losses_within_studies(const torch::Tensor& frontal, const torch::Tensor& lateral,
                                    const ReportUnits& units, double temperature) {
  const torch::Tensor scores = at::bmm(frontal, lateral.transpose(1, 2)) / temperature;
  torch::Tensor excluded = units.valid.logical_not();
  excluded = excluded.unsqueeze(1).logical_or(excluded.unsqueeze(2));
  if (units.key.defined())
    excluded = excluded.logical_or(units.key.unsqueeze(1).eq(units.key.unsqueeze(2)));
  // A unit is always in its own denominator: so rows of padding stay finite too.
  const torch::Tensor self = torch::eye(scores.size(1), excluded.options());
  const torch::Tensor kept =
      scores.masked_fill(excluded.logical_and(self.logical_not()), kMinusInfinity);
  return (kept.logsumexp(2) + kept.logsumexp(1)) / 2 - scores.diagonal(0, 1, 2);
}

// The same with the units of all studies of all ranks as columns; one entry a valid unit of this
// rank (P).
torch::Tensor losses_in_batch(const torch::Tensor& frontal, const torch::Tensor& lateral,
                              const ReportUnits& units, double temperature,
                              const Collective& collective) {
  const torch::Tensor places = units.valid.nonzero();  // (P,2): study, unit
  const auto flat = [&](const torch::Tensor& x) {
    return x.index({places.select(1, 0), places.select(1, 1)});
  };
  const torch::Tensor f = flat(frontal), l = flat(lateral);
  const torch::Tensor all_f = gather_features(f, collective),
                      all_l = gather_features(l, collective);
  // Rank, study and word name a unit; in piece units every unit is a word of its own.
  const torch::Tensor rank = torch::full({places.size(0)}, collective.rank, places.options());
  const torch::Tensor word = units.key.defined() ? flat(units.key) : places.select(1, 1);
  const torch::Tensor name =
      torch::stack({rank, places.select(1, 0), word, places.select(1, 1)}, 1);
  const torch::Tensor names = collective.size > 1 ? collective.gather(name) : name;
  const auto same = [&](std::int64_t first, std::int64_t count) {
    return name.narrow(1, first, count)
        .unsqueeze(1)
        .eq(names.narrow(1, first, count).unsqueeze(0))
        .all(2);
  };
  const torch::Tensor self = same(0, 4);
  const torch::Tensor excluded = same(0, 3).logical_and(self.logical_not());
  const auto spread = [&](const torch::Tensor& own, const torch::Tensor& all) {
    return (at::mm(own, all.t()) / temperature).masked_fill(excluded, kMinusInfinity).logsumexp(1);
  };
  return (spread(f, all_l) + spread(l, all_f)) / 2 - (f * l).sum(1) / temperature;
}

// Global numbers of the two-view studies `shift` places after this rank's own, cyclically.
torch::Tensor partners(const AlignmentInput& input, std::int64_t shift) {
  const auto options = torch::TensorOptions().dtype(torch::kInt64).device(input.tokens.device());
  return (torch::arange(input.tokens.size(0), options) + (input.first + shift))
      .remainder(input.total);
}

// The focus units alone, over the E tokens that a reader returns for focus_tokens.
ReportUnits focus_part(const ReportUnits& units) {
  const std::int64_t most = units.focus_tokens.sum(1).max().item<std::int64_t>();
  const torch::Tensor order = true_first(units.focus_tokens, most);
  ReportUnits part;
  if (units.pool.defined()) {
    part.pool = units.pool.gather(2, order.unsqueeze(1).expand({-1, units.pool.size(1), -1}));
    part.focus = units.focus;
  } else {
    part.focus = units.focus.gather(1, order);
  }
  return part;
}

// Mean unit vector (N,D) of the focus units from unit vectors (N,W,D), N a multiple of the studies.
torch::Tensor focus_vectors(const torch::Tensor& vectors, const torch::Tensor& focus) {
  const std::int64_t times = vectors.size(0) / focus.size(0);
  return unit(at::bmm(focus.repeat({times, 1}).unsqueeze(1), vectors).squeeze(1));
}

// Words of the reports read from their own views and from those of the next m studies.
struct Readings {
  torch::Tensor own;    // (n,W,D) unit vectors
  torch::Tensor focus;  // (1+m,n,D) unit vectors of the focus words; entry 0 from the own view
};

// Focus vectors (m,n,D) of this rank's reports read from the patches of the m next studies.
torch::Tensor read_others(const AlignmentInput& input, const torch::Tensor& all_patches,
                          const WordReader& read, std::int64_t m) {
  const std::int64_t n = input.tokens.size(0), width = input.tokens.size(2);
  std::vector<torch::Tensor> order;
  for (std::int64_t shift = 1; shift <= m; ++shift) order.push_back(partners(input, shift));
  const torch::Tensor patches = all_patches.index_select(0, torch::cat(order));
  // Nothing to ask for: zeros that hang on the patches, because a gather belongs to every rank's
  // graph.
  if (n == 0 || !input.units.focus_tokens.any().item<bool>()) {
    return patches.sum() * 0.0 + torch::zeros({m, n, width}, patches.options());
  }
  const ReportUnits part = focus_part(input.units);
  const torch::Tensor z = read({input.tokens.repeat({m, 1, 1}), input.token_mask.repeat({m, 1}),
                                patches, input.units.focus_tokens.repeat({m, 1})});
  ReportUnits repeated;
  if (part.pool.defined()) repeated.pool = part.pool.repeat({m, 1, 1});
  return focus_vectors(unit_vectors(z, repeated), part.focus).view({m, n, width});
}

Readings read_view(const AlignmentInput& input, const torch::Tensor& patches,
                   const WordReader& read, std::int64_t m, const Collective& collective) {
  const std::int64_t n = input.tokens.size(0), width = input.tokens.size(2);
  Readings readings;
  if (n > 0) {
    readings.own = unit_vectors(read({input.tokens, input.token_mask, patches}), input.units);
  } else {
    readings.own = torch::zeros({0, input.units.valid.size(1), width}, patches.options());
  }
  if (m == 0) return readings;
  const torch::Tensor others = read_others(input, gather_features(patches, collective), read, m);
  const torch::Tensor own = n > 0 ? focus_vectors(readings.own, input.units.focus)
                                  : torch::zeros({0, width}, patches.options());
  readings.focus = torch::cat({own.unsqueeze(0), others});
  return readings;
}

}  // namespace

ReportUnits report_units(const StudyBatch& batch, const torch::Tensor& rows, AlignmentUnits units,
                         torch::Dtype dtype) {
  const torch::Tensor classes = batch.word_class.index_select(0, rows);
  const torch::Tensor word_mask = batch.word_mask.index_select(0, rows);
  ReportUnits result;
  if (units == AlignmentUnits::kPieces) {
    result.valid = word_mask;
    result.focus = focus_weights(classes, word_mask, dtype);
    result.focus_tokens = result.focus.gt(0);
    return result;
  }
  const torch::Tensor content = word_mask.logical_and(is_content(classes));
  torch::Tensor member = words_of(batch.word_ids.index_select(0, rows), content);
  const torch::Tensor present = member.any(2);
  // Content words come first, in their order, and only as many places are kept as the longest
  // report needs.
  const std::int64_t longest = rows.size(0) > 0 ? present.sum(1).max().item<std::int64_t>() : 0;
  const torch::Tensor order = true_first(present, std::max<std::int64_t>(longest, 1));
  member = member.gather(1, order.unsqueeze(2).expand({-1, -1, member.size(2)}));
  const torch::Tensor first_piece = member.to(torch::kUInt8).argmax(2);
  result.valid = present.gather(1, order);
  result.pool = mean_weights(member, dtype);
  result.key = batch.word_key.index_select(0, rows).gather(1, first_piece);
  result.focus = focus_weights(classes.gather(1, first_piece), result.valid, dtype);
  result.focus_tokens = member.logical_and(result.focus.gt(0).unsqueeze(2)).any(1);
  return result;
}

torch::Tensor unit_sums(const torch::Tensor& token_weights, const ReportUnits& units) {
  if (!units.pool.defined()) return token_weights;
  return at::bmm(units.pool.gt(0).to(token_weights.scalar_type()), token_weights.unsqueeze(2))
      .squeeze(2);
}

torch::Tensor unit_vectors(const torch::Tensor& z, const ReportUnits& units) {
  const torch::Tensor pieces = unit(z);
  return units.pool.defined() ? unit(at::bmm(units.pool, pieces)) : pieces;
}

WeightedSum word_half(const torch::Tensor& frontal, const torch::Tensor& lateral,
                      const ReportUnits& units, const AlignmentOptions& options,
                      const Collective& collective) {
  const torch::Tensor weights = unit_weights(units, frontal.scalar_type());
  if (options.batch_negatives) {
    const torch::Tensor losses =
        losses_in_batch(frontal, lateral, units, options.temperature, collective);
    return {(losses * weights.masked_select(units.valid)).sum(), weights.sum()};
  }
  const torch::Tensor losses = losses_within_studies(frontal, lateral, units, options.temperature);
  return {(losses * weights).sum(), weights.sum()};
}

WeightedSum image_half(const torch::Tensor& frontal, const torch::Tensor& lateral,
                       const ReportUnits& units, double temperature) {
  const auto loss = [&](const torch::Tensor& own, const torch::Tensor& others) {
    const torch::Tensor scores =
        (own.select(0, 0).unsqueeze(0) * others).sum(2) / temperature;  // (1+m,n)
    return scores.logsumexp(0) - scores.select(0, 0);
  };
  const torch::Tensor has_focus = units.focus.sum(1).gt(0).to(frontal.scalar_type());
  return {((loss(frontal, lateral) + loss(lateral, frontal)) / 2 * has_focus).sum(),
          has_focus.sum()};
}

std::optional<AlignmentLoss> alignment_loss(const AlignmentInput& input, const WordReader& read,
                                            const AlignmentOptions& options,
                                            const Collective& collective) {
  TORCH_CHECK(input.total >= 1, "the alignment of views needs at least one two-view study");
  const torch::Tensor counts =
      collective.sum(torch::stack({input.units.valid.sum(), input.units.focus.sum(1).gt(0).sum()}))
          .to(torch::kCPU);
  if (counts[0].item<std::int64_t>() == 0) return std::nullopt;
  const bool with_images = counts[1].item<std::int64_t>() > 0;
  const std::int64_t m = with_images ? std::min(options.image_negatives, input.total - 1) : 0;

  const Readings frontal = read_view(input, input.frontal, read, m, collective);
  const Readings lateral = read_view(input, input.lateral, read, m, collective);
  const WeightedSum words = word_half(frontal.own, lateral.own, input.units, options, collective);
  AlignmentLoss loss;
  loss.words = words.sum / collective.sum(words.weight);
  loss.total = *loss.words;
  if (m > 0) {
    const WeightedSum images =
        image_half(frontal.focus, lateral.focus, input.units, options.temperature);
    loss.images = images.sum / collective.sum(images.weight);
    loss.total = (*loss.words + *loss.images) / 2;
  }
  return loss;
}

AlignmentInput roll_laterals(const AlignmentInput& input, const Collective& collective) {
  AlignmentInput rolled = input;
  const torch::Tensor all =
      collective.size > 1 ? collective.gather(input.lateral.detach()) : input.lateral;
  rolled.lateral = all.index_select(0, partners(input, 1));
  return rolled;
}

}  // namespace biplane

#include <algorithm>

#include "biplane/eval/module_measures.h"

namespace biplane {
namespace {

constexpr std::int64_t kIgnored = -100;

// The asked places of a batch, row by row.
struct Places {
  explicit Places(const ModuleBatch& batch)
      : labels(asked_labels(batch.batch).flatten()), at(labels.ge(0).nonzero().flatten()) {
    labels = labels.index_select(0, at).contiguous();
    at = at.contiguous();
  }
  std::int64_t size() const { return at.numel(); }

  torch::Tensor labels, at;  // (P) i64; index into the flattened batch
};

// Calls word(study, class, found) for every asked word; right (P) bool.
template <class Word>
void for_each_word(const StudyBatch& batch, const Places& places, const torch::Tensor& right,
                   const Word& word) {
  const std::int64_t tokens = batch.word_ids.size(1);
  const torch::Tensor ids = batch.word_ids.contiguous(), classes = batch.word_class.contiguous();
  const auto* at = places.at.const_data_ptr<std::int64_t>();
  const auto number = [&](std::int64_t p) { return ids.const_data_ptr<std::int64_t>()[at[p]]; };
  for (std::int64_t p = 0; p < places.size();) {
    const std::int64_t study = at[p] / tokens, first = p;
    bool found = true;
    for (; p < places.size() && at[p] / tokens == study && number(p) == number(first); ++p)
      found = found && right.const_data_ptr<bool>()[p];
    word(static_cast<std::size_t>(study),
         static_cast<std::size_t>(classes.const_data_ptr<std::int64_t>()[at[first]]), found);
  }
}

}  // namespace

torch::Tensor asked_labels(const StudyBatch& batch) {
  torch::Tensor asked = torch::zeros_like(batch.word_class, torch::kBool);
  for (const WordClass word_class : kAskedClasses)
    asked = asked.logical_or(batch.word_class.eq(static_cast<std::int64_t>(word_class)));
  return batch.mlm_labels.masked_fill(asked.logical_not(), kIgnored);
}

MaskedWordDecoder masked_word_decoder(const MultiviewModel& model, const ModuleBatch& batch,
                                      const TrainedViews& trained) {
  const std::int64_t count = batch.batch.size();
  MlmInput input;
  input.has_frontal = torch::full({count}, trained.frontal, torch::kBool);
  input.has_lateral = torch::full({count}, trained.lateral, torch::kBool);
  input.masked_ids = batch.batch.masked_ids;
  input.attention_mask = batch.batch.attention_mask;
  input.mlm_labels = asked_labels(batch.batch);
  input.masked_tokens = batch.own.report.masked;
  return [&model, input](const StudySide& images, const Scores& scores) {
    const torch::NoGradGuard no_grad;
    MlmInput shown = input;
    shown.frontal = images.frontal;
    shown.lateral = images.lateral;
    shown.scores = &scores;
    return model.mlm(shown).logits.argmax(1);
  };
}

std::vector<WordCounts> count_words(const ModuleBatch& batch, const StudySide& blank,
                                    const PatchScorer& scorer, const MaskedWordDecoder& decoder) {
  std::vector<WordCounts> counts(static_cast<std::size_t>(batch.batch.size()));
  const Places places(batch);
  if (places.size() == 0) return counts;
  for_each_word(
      batch.batch, places, torch::ones({places.size()}, torch::kBool),
      [&](std::size_t study, std::size_t word_class, bool) { ++counts[study].words[word_class]; });
  const std::array<const StudySide*, 3> images{&batch.own, &batch.other, &blank};
  for (std::size_t shown = 0; shown < images.size(); ++shown) {
    const Scores own = scorer(*images[shown], batch.own.report);
    const std::array<Scores, 3> scores{own, scorer(*images[shown], batch.other.report),
                                       random_scores(own, batch.batch.study_index)};
    for (std::size_t by = 0; by < scores.size(); ++by) {
      const torch::Tensor right =
          decoder(*images[shown], scores[by]).eq(places.labels).contiguous();
      for_each_word(batch.batch, places, right,
                    [&](std::size_t study, std::size_t word_class, bool found) {
                      counts[study].found[shown][by][word_class] += found ? 1 : 0;
                    });
    }
  }
  return counts;
}

}  // namespace biplane

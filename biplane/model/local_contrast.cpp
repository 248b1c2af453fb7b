#include "biplane/model/local_contrast.h"

#include <algorithm>

#include "biplane/text/lexicon.h"

namespace biplane {
namespace {

torch::Tensor at_places(const torch::Tensor& x, const torch::Tensor& places) {
  return x.index({places.select(1, 0), places.select(1, 1)});
}

}  // namespace

ReportSentences report_sentences(const StudyBatch& batch, const torch::Tensor& rows,
                                 torch::Dtype dtype) {
  const torch::Tensor words = batch.word_ids.index_select(0, rows);
  const torch::Tensor numbers = batch.sentence_ids.index_select(0, rows);
  const torch::Tensor valid =
      batch.word_mask
          .logical_and(batch.word_class.ne(static_cast<std::int64_t>(WordClass::kPunctuation)))
          .index_select(0, rows);
  // One part a piece of each of its word's, so that every word weighs the same.
  const torch::Tensor pieces =
      words.unsqueeze(1).eq(words.unsqueeze(2)).logical_and(valid.unsqueeze(1)).sum(2).clamp_min(1);
  const torch::Tensor weight = valid.to(dtype) / pieces.to(dtype);
  // The same number of sentences on every rank is not needed: places say which exist.
  const std::int64_t most =
      std::max<std::int64_t>(batch.sentence_ids.max().item<std::int64_t>() + 1, 1);
  const torch::Tensor of_sentence = numbers.unsqueeze(1)
                                        .eq(torch::arange(most, numbers.options()).view({1, -1, 1}))
                                        .logical_and(valid.unsqueeze(1));  // (n,S,T)
  const torch::Tensor parts = weight.unsqueeze(1) * of_sentence;
  const torch::Tensor count = parts.sum(2, true);
  ReportSentences result;
  result.pool = parts / count.clamp_min(1e-12);
  result.places = count.squeeze(2).gt(0).nonzero();
  const torch::Tensor first = of_sentence.to(torch::kUInt8).argmax(2);
  result.key = at_places(batch.sentence_key.index_select(0, rows).gather(1, first), result.places);
  return result;
}

std::optional<torch::Tensor> local_loss(const LocalInput& input, const LocalOptions& options,
                                        const Collective& collective) {
  const torch::Tensor& places = input.sentences.places;
  // Sentences take the place of studies in the contrast.
  const torch::Tensor mine = torch::ones({places.size(0)}, places.options().dtype(torch::kBool));
  const GlobalBatch all = gather_batch(mine, mine, collective);
  if (all.total == 0) return std::nullopt;
  const torch::Tensor sentences = at::bmm(input.sentences.pool, input.tokens);
  const torch::Tensor cosines = at::bmm(unit(sentences), unit(input.patches).transpose(1, 2));
  const torch::Tensor regions =
      at::bmm((cosines / options.attention_temperature).softmax(2), input.patches);
  const torch::Tensor& key = input.sentences.key;
  const torch::Tensor keys = collective.size > 1 ? collective.gather(key) : key;
  const torch::Tensor everything = all.has_frontal;
  const ContrastMask mask{
      everything, everything, everything, all.total, key.unsqueeze(1).eq(keys.unsqueeze(0)), 1.0};
  return info_nce(gather_units(at_places(sentences, places), collective),
                  gather_units(at_places(regions, places), collective),
                  torch::full({}, 1.0 / options.temperature, sentences.options()), mask, all);
}

}  // namespace biplane

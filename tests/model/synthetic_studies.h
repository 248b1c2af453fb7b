#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "biplane/core/random.h"
#include "biplane/model/mlm_input.h"
#include "biplane/model/pretrain_objective.h"
#include "biplane/nn/libtorch.h"
#include "biplane/text/lexicon.h"

namespace biplane::testing {

inline ModelConfig tiny_model() {
  ModelConfig model;
  model.image_size = 32;
  model.width = 32;
  model.max_tokens = 32;
  for (TowerConfig* tower : {&model.frontal, &model.lateral}) {
    tower->vit.patch = 8;
    tower->vit.width = 32;
    tower->vit.layers = 2;
    tower->vit.heads = 2;
  }
  model.text.bert.vocabulary = 200;
  model.text.bert.width = 32;
  model.text.bert.layers = 2;
  model.text.bert.heads = 2;
  model.text.bert.max_positions = 32;
  model.text.bert.init_std = 0.1;
  model.decoder.layers = 2;
  model.decoder.heads = 2;
  model.alignment.layers = 1;
  model.alignment.heads = 2;
  model.prototypes.count = 16;
  return model;
}

inline PretrainSettings tiny_settings() {
  PretrainSettings settings;
  settings.model = tiny_model();
  settings.loss.proto.queue = 0;
  settings.loss.proto.freeze_steps = 0;
  settings.seed = 3;
  return settings;
}

// With the terms that are off by default.
inline PretrainSettings all_terms(PretrainSettings settings) {
  settings.loss.local.weight = settings.loss.labels.weight = 1.0;
  return settings;
}

// Every weight but those named 0.
inline LossConfig only(const std::string& term, LossConfig loss) {
  loss.itc.weight = term == "itc" ? 1.0 : 0.0;
  loss.mlm.weight = term == "mlm" ? 1.0 : 0.0;
  loss.fla.weight = term == "fla" ? 1.0 : 0.0;
  loss.proto.weight = term == "proto" ? 1.0 : 0.0;
  loss.local.weight = term == "local" ? 1.0 : 0.0;
  loss.labels.weight = term == "labels" ? 1.0 : 0.0;
  return loss;
}

// A made-up language of ids 5 .. 199: the class of a word follows from its id.
constexpr std::int64_t kPad = 0, kCls = 1, kSep = 2, kMask = 3, kFirstWord = 5;

inline WordClass class_of_word(std::int64_t id) {
  switch (id % 8) {
    case 0:
      return WordClass::kPunctuation;
    case 1:
      return WordClass::kStopWord;
    case 2:
    case 3:
      return WordClass::kEntity;
    case 4:
      return WordClass::kSide;
    default:
      return WordClass::kOther;
  }
}

// A word is its pieces' ids; the first one names it. Punctuation ends a sentence.
struct SyntheticWord {
  std::vector<std::int64_t> pieces;
  bool masked = false;
};

struct SyntheticStudy {
  std::int64_t number = 0;
  bool frontal = true, lateral = true;
  std::uint64_t frontal_image = 0, lateral_image = 0;  // equal numbers give equal images
  std::vector<SyntheticWord> words;
  bool labelled = true;  // two of three labels are known
};

// Study `number`: 5 to 12 words, some of two pieces, about half of them masked.
inline SyntheticStudy synthetic_study(std::int64_t number, std::uint64_t seed = 1) {
  CounterRandom random(seed, "synthetic", {static_cast<std::uint64_t>(number)});
  SyntheticStudy study;
  study.number = number;
  study.frontal_image = 2 * static_cast<std::uint64_t>(number);
  study.lateral_image = study.frontal_image + 1;
  const std::int64_t count = 5 + random.below(8);
  for (std::int64_t i = 0; i < count; ++i) {
    SyntheticWord word;
    const std::int64_t pieces = 1 + static_cast<std::int64_t>(random.bernoulli(0.3));
    for (std::int64_t p = 0; p < pieces; ++p)
      word.pieces.push_back(kFirstWord + random.below(200 - kFirstWord));
    word.masked = i == 0 || random.bernoulli(0.5);
    study.words.push_back(word);
  }
  return study;
}

inline torch::Tensor synthetic_image(std::uint64_t number, std::int64_t side) {
  CounterRandom random(7, "image", {number});
  torch::Tensor image = torch::zeros({3, side, side});
  float* pixels = image.data_ptr<float>();
  for (std::int64_t i = 0; i < image.numel(); ++i) pixels[i] = static_cast<float>(random.uniform());
  return image;
}

inline std::int64_t key_of_words(const std::vector<std::int64_t>& names) {
  std::string text;
  for (const std::int64_t name : names) text += std::to_string(name) + " ";
  return static_cast<std::int64_t>(stable_hash(text));
}

// Sentence ids and keys of row `row`, whose words are already written.
inline void write_sentences(const SyntheticStudy& study, std::int64_t row, StudyBatch& batch) {
  std::vector<std::vector<std::int64_t>> sentences(1);
  std::vector<std::int64_t> all, number;
  for (const SyntheticWord& word : study.words) {
    number.push_back(static_cast<std::int64_t>(sentences.size()) - 1);
    if (class_of_word(word.pieces[0]) == WordClass::kPunctuation) {
      sentences.emplace_back();
    } else {
      sentences.back().push_back(word.pieces[0]);
      all.push_back(word.pieces[0]);
    }
  }
  for (std::int64_t t = 0; t < batch.word_ids.size(1); ++t) {
    const std::int64_t word = batch.word_ids[row][t].item<std::int64_t>();
    if (word < 0) continue;
    const std::int64_t sentence = number[static_cast<std::size_t>(word)];
    batch.sentence_ids[row][t] = sentence;
    batch.sentence_key[row][t] = key_of_words(sentences[static_cast<std::size_t>(sentence)]);
  }
  batch.report_key[row] = key_of_words(all);
}

inline void write_labels(const SyntheticStudy& study, std::int64_t row, StudyBatch& batch) {
  CounterRandom random(9, "labels", {static_cast<std::uint64_t>(study.number)});
  for (std::int64_t i = 0; study.labelled && i < kStudyLabels; ++i) {
    const std::int64_t value = random.below(3);
    if (value < 2) batch.labels[row][i] = static_cast<float>(value);
  }
}

inline void write_report(const SyntheticStudy& study, std::int64_t row, StudyBatch& batch) {
  std::int64_t place = 0;
  const auto put = [&](std::int64_t id) {
    batch.input_ids[row][place] = id;
    batch.masked_ids[row][place] = id;
    batch.attention_mask[row][place] = true;
    return place++;
  };
  put(kCls);
  for (std::size_t w = 0; w < study.words.size(); ++w) {
    const SyntheticWord& word = study.words[w];
    for (const std::int64_t piece : word.pieces) {
      const std::int64_t at = put(piece);
      if (word.masked) {
        batch.masked_ids[row][at] = kMask;
        batch.mlm_labels[row][at] = piece;
      }
      batch.word_mask[row][at] = true;
      batch.word_ids[row][at] = static_cast<std::int64_t>(w);
      batch.word_class[row][at] = static_cast<std::int64_t>(class_of_word(word.pieces[0]));
      batch.word_key[row][at] = word.pieces[0];
    }
  }
  put(kSep);
  write_sentences(study, row, batch);
}

inline StudyBatch make_batch(const std::vector<SyntheticStudy>& studies, std::int64_t tokens = 32,
                             std::int64_t side = 32) {
  const auto count = static_cast<std::int64_t>(studies.size());
  StudyBatch batch;
  batch.frontal = torch::zeros({count, 3, side, side});
  batch.lateral = torch::zeros({count, 3, side, side});
  batch.has_frontal = torch::zeros({count}, torch::kBool);
  batch.has_lateral = torch::zeros({count}, torch::kBool);
  batch.input_ids = torch::full({count, tokens}, kPad, torch::kInt64);
  batch.masked_ids = torch::full({count, tokens}, kPad, torch::kInt64);
  batch.mlm_labels = torch::full({count, tokens}, -100, torch::kInt64);
  batch.attention_mask = torch::zeros({count, tokens}, torch::kBool);
  batch.word_mask = torch::zeros({count, tokens}, torch::kBool);
  batch.word_ids = torch::full({count, tokens}, -1, torch::kInt64);
  batch.word_class = torch::zeros({count, tokens}, torch::kInt64);
  batch.word_key = torch::zeros({count, tokens}, torch::kInt64);
  batch.sentence_ids = torch::full({count, tokens}, -1, torch::kInt64);
  batch.sentence_key = torch::zeros({count, tokens}, torch::kInt64);
  batch.report_key = torch::zeros({count}, torch::kInt64);
  batch.labels = torch::full({count, kStudyLabels}, std::nan(""));
  batch.study_index = torch::zeros({count}, torch::kInt64);
  for (std::int64_t row = 0; row < count; ++row) {
    const SyntheticStudy& study = studies[static_cast<std::size_t>(row)];
    batch.has_frontal[row] = study.frontal;
    batch.has_lateral[row] = study.lateral;
    if (study.frontal) batch.frontal[row].copy_(synthetic_image(study.frontal_image, side));
    if (study.lateral) batch.lateral[row].copy_(synthetic_image(study.lateral_image, side));
    write_report(study, row, batch);
    write_labels(study, row, batch);
    batch.study_index[row] = study.number;
    batch.study_ids.push_back("study " + std::to_string(study.number));
  }
  return batch;
}

inline std::vector<SyntheticStudy> synthetic_studies(std::int64_t count, std::int64_t first = 0) {
  std::vector<SyntheticStudy> studies;
  for (std::int64_t i = 0; i < count; ++i) studies.push_back(synthetic_study(first + i));
  return studies;
}

// The model's own selection for a batch, without gradient.
inline KeySet key_set(const MultiviewModel& model, const StudyBatch& batch) {
  const torch::NoGradGuard no_grad;
  return model
      .mlm(mlm_input(batch, model.encode_frontal(batch.frontal, batch.has_frontal),
                     model.encode_lateral(batch.lateral, batch.has_lateral),
                     model.config().key_semantics.selection))
      .keys;
}

inline double term(const LossTerms& loss, const std::string& name) {
  for (const auto& [key, value] : loss.terms) {
    if (key == name) return value.item<double>();
  }
  return std::nan("");
}

inline double diagnostic(const LossTerms& loss, const std::string& name) {
  for (const auto& [key, value] : loss.diagnostics) {
    if (key == name) return value;
  }
  return std::nan("");
}

inline bool has_term(const LossTerms& loss, const std::string& name) {
  return !std::isnan(term(loss, name));
}

}  // namespace biplane::testing

#include "biplane/text/masking.h"

#include <cmath>

#include "biplane/core/error.h"

namespace biplane {
namespace {

constexpr std::int64_t kIgnored = -100;  // the label of a place that is not predicted

// Tokens [begin, end) of one word.
struct WordSpan {
  std::size_t begin = 0, end = 0;
  WordClass word_class = WordClass::kOther;
  bool allowed = true;  // false where a piece is a special token
  bool masked = false;
};

std::vector<WordSpan> word_spans(const Encoding& encoding, const WordAnnotation& words,
                                 const Vocabulary& vocabulary) {
  std::vector<WordSpan> spans;
  for (std::size_t i = 0; i < encoding.size(); ++i) {
    if (words.word_ids[i] < 0) continue;
    if (spans.empty() || words.word_ids[i] != words.word_ids[spans.back().begin]) {
      spans.push_back({i, i, words.word_class[i], true, false});
    }
    spans.back().end = i + 1;
    if (vocabulary.is_special(encoding.ids[i])) spans.back().allowed = false;
  }
  return spans;
}

double own_probability(const MaskingOptions& options, WordClass word_class) {
  switch (word_class) {
    case WordClass::kEntity:
      return options.entity;
    case WordClass::kNegation:
      return options.negation;
    case WordClass::kUncertainty:
      return options.uncertainty;
    case WordClass::kSide:
      return options.side;
    case WordClass::kSize:
      return options.size;
    case WordClass::kPlace:
      return options.place;
    case WordClass::kDevice:
      return options.device;
    case WordClass::kStopWord:
      return options.stop_word;
    case WordClass::kPunctuation:
      return options.punctuation;
    case WordClass::kOther:
      break;
  }
  return -1;
}

// The semantic probability of a word in a report whose other words have `other`.
double probability(const MaskingOptions& options, WordClass word_class, double other) {
  const double own = own_probability(options, word_class);
  return own < 0 ? other : own;
}

// The probability of every word with strategy random.
double even_probability(const std::vector<WordSpan>& spans, const MaskingOptions& options,
                        double other) {
  if (options.random_probability >= 0) return options.random_probability;
  double sum = 0, words = 0;
  for (const WordSpan& span : spans) {
    if (!span.allowed) continue;
    sum += probability(options, span.word_class, other);
    words += 1;
  }
  return words > 0 ? sum / words : 0;
}

void draw_words(std::vector<WordSpan>& spans, const MaskingOptions& options, bool has_entity,
                CounterRandom& random) {
  const double other = has_entity ? options.other_with_entity : options.other_without_entity;
  const bool random_words = options.strategy == "random";
  const double even = random_words ? even_probability(spans, options, other) : 0;
  // One number for every word, allowed or not: the choice for one word never shifts that of
  // another.
  for (WordSpan& span : spans) {
    const double drawn = random.uniform();
    span.masked = span.allowed &&
                  drawn < (random_words ? even : probability(options, span.word_class, other));
  }
}

// The words before a masked entity, as far as no punctuation stands between.
void add_descriptors(std::vector<WordSpan>& spans, std::int64_t count) {
  for (std::size_t i = 0; i < spans.size(); ++i) {
    if (!spans[i].masked || spans[i].word_class != WordClass::kEntity) continue;
    for (std::size_t back = 1; back <= static_cast<std::size_t>(count) && back <= i; ++back) {
      WordSpan& span = spans[i - back];
      if (span.word_class == WordClass::kPunctuation) break;
      if (span.allowed) span.masked = true;
    }
  }
}

// At least one word is masked: a word proper if there is one, else punctuation.
void ensure_one(std::vector<WordSpan>& spans, CounterRandom& random) {
  std::vector<std::size_t> proper, any;
  for (std::size_t i = 0; i < spans.size(); ++i) {
    if (spans[i].masked) return;
    if (!spans[i].allowed) continue;
    any.push_back(i);
    if (spans[i].word_class != WordClass::kPunctuation) proper.push_back(i);
  }
  const std::vector<std::size_t>& choices = proper.empty() ? any : proper;
  if (choices.empty()) return;
  spans[choices[static_cast<std::size_t>(random.below(static_cast<std::int64_t>(choices.size())))]]
      .masked = true;
}

std::int64_t random_token(const Vocabulary& vocabulary, CounterRandom& random) {
  constexpr int kTries = 64;  // a vocabulary of special tokens only must not hang
  for (int i = 0; i < kTries; ++i) {
    const std::int64_t id = random.below(vocabulary.size());
    if (!vocabulary.is_special(id)) return id;
  }
  return vocabulary.mask_id();
}

void replace(const WordSpan& span, const Vocabulary& vocabulary, bool replace_80_10_10,
             CounterRandom& random, std::vector<std::int64_t>& ids) {
  const double drawn = replace_80_10_10 ? random.uniform() : 0.0;
  if (drawn >= 0.9) return;
  for (std::size_t i = span.begin; i < span.end; ++i) {
    ids[i] = drawn < 0.8 ? vocabulary.mask_id() : random_token(vocabulary, random);
  }
}

}  // namespace

void check_masking_options(const MaskingOptions& options, const std::string& prefix) {
  const auto fail = [&](const std::string& field, const std::string& value,
                        const std::string& rule) {
    throw Error(ErrorKind::kUsage, prefix + field + " = " + value + ": " + rule);
  };
  if (options.strategy != "semantic" && options.strategy != "random") {
    fail("strategy", options.strategy, "must be semantic or random");
  }
  const auto check = [&](const char* field, double value, bool may_be_unset) {
    if (!(value <= 1.0) || (!may_be_unset && value < 0) || !std::isfinite(value)) {
      fail(field, std::to_string(value),
           "a probability is between 0 and 1" +
               std::string(!may_be_unset ? ""
                           : std::string(field).starts_with("random")
                               ? " (negative: as semantic)"
                               : " (negative: as other words)"));
    }
  };
  check("entity", options.entity, false);
  check("other_with_entity", options.other_with_entity, false);
  check("other_without_entity", options.other_without_entity, false);
  check("random_probability", options.random_probability, true);
  check("negation", options.negation, true);
  check("uncertainty", options.uncertainty, true);
  check("side", options.side, true);
  check("size", options.size, true);
  check("place", options.place, true);
  check("device", options.device, true);
  check("stop_word", options.stop_word, true);
  check("punctuation", options.punctuation, true);
  if (options.descriptor_context < 0 || options.descriptor_context > 16) {
    fail("descriptor_context", std::to_string(options.descriptor_context), "must be 0 to 16");
  }
}

MaskedReport mask_report(const Encoding& encoding, const WordAnnotation& words,
                         const Vocabulary& vocabulary, const MaskingOptions& options,
                         CounterRandom random) {
  if (words.word_ids.size() != encoding.size() || words.word_class.size() != encoding.size()) {
    throw Error(ErrorKind::kFailure,
                "the word annotation has " + std::to_string(words.word_ids.size()) +
                    " tokens and the encoding " + std::to_string(encoding.size()));
  }
  std::vector<WordSpan> spans = word_spans(encoding, words, vocabulary);
  draw_words(spans, options, words.has_entity(), random);
  if (options.strategy == "semantic") add_descriptors(spans, options.descriptor_context);
  ensure_one(spans, random);
  MaskedReport result;
  result.masked_ids = encoding.ids;
  result.labels.assign(encoding.size(), kIgnored);
  for (const WordSpan& span : spans) {
    if (!span.masked) continue;
    for (std::size_t i = span.begin; i < span.end; ++i) result.labels[i] = encoding.ids[i];
    replace(span, vocabulary, options.replace_80_10_10, random, result.masked_ids);
  }
  return result;
}

}  // namespace biplane

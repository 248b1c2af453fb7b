#include "biplane/text/sentences.h"

#include <algorithm>
#include <string>

#include "biplane/core/random.h"
#include "biplane/text/report.h"
#include "biplane/text/unicode.h"

namespace biplane {
namespace {

// First code point of each sentence: offsets of tokens count code points.
std::vector<std::int32_t> sentence_starts(std::string_view text) {
  std::vector<std::int32_t> starts;
  std::size_t position = 0;
  std::int32_t code_points = 0;
  for (const SentenceSpan& span : sentence_spans(text)) {
    for (; position < span.begin; ++code_points) next_code_point(text, position);
    starts.push_back(code_points);
  }
  return starts;
}

void append_key(std::string& bytes, std::int64_t key) {
  for (int shift = 0; shift < 64; shift += 8)
    bytes += static_cast<char>(static_cast<std::uint64_t>(key) >> shift);
}

std::int64_t hash_of(const std::string& bytes) {
  return static_cast<std::int64_t>(stable_hash(bytes));
}

// Keys of the words of each sentence and of the report, as bytes.
struct WordKeys {
  std::vector<std::string> sentences;
  std::string report;
};

WordKeys collect_words(const std::vector<std::int32_t>& sentence_ids, std::size_t sentences,
                       const WordAnnotation& words) {
  WordKeys keys;
  keys.sentences.resize(sentences);
  std::int32_t previous = -1;
  for (std::size_t i = 0; i < sentence_ids.size(); ++i) {
    if (words.word_ids[i] == previous) continue;
    previous = words.word_ids[i];
    if (previous < 0 || words.word_class[i] == WordClass::kPunctuation) continue;
    append_key(keys.sentences[static_cast<std::size_t>(sentence_ids[i])], words.word_key[i]);
    append_key(keys.report, words.word_key[i]);
  }
  return keys;
}

}  // namespace

SentenceAnnotation annotate_sentences(std::string_view text, const Encoding& encoding,
                                      const WordAnnotation& words) {
  const std::vector<std::int32_t> starts = sentence_starts(text);
  SentenceAnnotation result;
  std::int32_t at = 0;
  for (std::size_t i = 0; i < encoding.size(); ++i) {
    while (static_cast<std::size_t>(at) + 1 < starts.size() &&
           starts[static_cast<std::size_t>(at) + 1] <= encoding.offsets[i].first)
      ++at;
    result.sentence_ids.push_back(encoding.word_ids[i] < 0 ? -1 : at);
  }
  const WordKeys keys =
      collect_words(result.sentence_ids, std::max<std::size_t>(starts.size(), 1), words);
  for (const std::int32_t sentence : result.sentence_ids) {
    result.sentence_key.push_back(
        sentence < 0 ? 0 : hash_of(keys.sentences[static_cast<std::size_t>(sentence)]));
  }
  result.report_key = hash_of(keys.report);
  return result;
}

}  // namespace biplane

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "biplane/corpus/manifest.h"
#include "biplane/data/config.h"
#include "biplane/text/lexicon.h"
#include "biplane/text/masking.h"
#include "biplane/text/sentences.h"
#include "biplane/text/wordpiece.h"

namespace biplane {

// Everything that turns a report into tokens. Copies are cheap; safe to use from many threads.
struct TextPipeline {
  WordPieceTokenizer tokenizer;
  Lexicon lexicon;
  MaskingOptions masking;
  std::int64_t max_tokens = 128;
};

// Reads data.vocabulary, or trains one on the reports of the chosen studies; reads
// data.lexicon. Throws Error as Vocabulary::read, train_vocabulary and Lexicon::read do; kUsage
// where a report is in another language than the lexicon.
TextPipeline make_text_pipeline(const DataConfig& config, const Manifest& manifest,
                                const std::vector<std::int64_t>& chosen);

// A tokenised report, never changed after it was made.
struct EncodedReport {
  Encoding encoding;
  WordAnnotation words;
  SentenceAnnotation sentences;

  std::size_t bytes() const;  // of memory, about
};

EncodedReport encode_report(const std::string& text, const TextPipeline& pipeline);

}  // namespace biplane

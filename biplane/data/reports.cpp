#include "biplane/data/reports.h"

#include "biplane/text/vocabulary_trainer.h"

namespace biplane {
namespace {

Vocabulary make_vocabulary(const DataConfig& config, const Manifest& manifest,
                           const std::vector<std::int64_t>& chosen) {
  if (!config.vocabulary.empty()) return Vocabulary::read(config.vocabulary);
  VocabularyTrainerOptions options;
  options.size = config.vocabulary_size;
  options.lowercase = config.lowercase;
  return train_vocabulary(
      static_cast<std::int64_t>(chosen.size()),
      [&](std::int64_t i) {
        return manifest.study(chosen[static_cast<std::size_t>(i)]).report.text;
      },
      options);
}

}  // namespace

TextPipeline make_text_pipeline(const DataConfig& config, const Manifest& manifest,
                                const std::vector<std::int64_t>& chosen) {
  WordPieceOptions options;
  options.lowercase = config.lowercase;
  return {WordPieceTokenizer(make_vocabulary(config, manifest, chosen), options),
          config.lexicon.empty() ? Lexicon::english() : Lexicon::read(config.lexicon),
          config.masking, config.max_tokens};
}

std::size_t EncodedReport::bytes() const {
  constexpr std::size_t kTokenBytes =
      sizeof(std::int64_t) * 4 + sizeof(std::int32_t) * 4 + sizeof(WordClass) + 1;
  return sizeof(EncodedReport) + encoding.size() * kTokenBytes;
}

EncodedReport encode_report(const std::string& text, const TextPipeline& pipeline) {
  EncodedReport report;
  report.encoding = pipeline.tokenizer.encode(text, pipeline.max_tokens);
  report.words = pipeline.lexicon.annotate(text, report.encoding);
  report.sentences = annotate_sentences(text, report.encoding, report.words);
  return report;
}

}  // namespace biplane

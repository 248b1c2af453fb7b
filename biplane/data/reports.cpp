#include "biplane/data/reports.h"

#include "biplane/core/error.h"
#include "biplane/text/language.h"
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

// A lexicon of another language would find none of the entities, and nobody would notice.
void check_language(const Lexicon& lexicon, const DataConfig& config, const Manifest& manifest,
                    const std::vector<std::int64_t>& chosen) {
  for (const std::int64_t i : chosen) {
    const StudySummary& study = manifest.summary(i);
    const std::string& language = study.language;
    if (same_language(language, lexicon.language())) continue;
    throw Error(ErrorKind::kUsage,
                config.manifest + ": the report of study " + study.study_id + " is in '" +
                    language + "', but the lexicon " + lexicon.name() + " is for '" +
                    lexicon.language() +
                    "': its entities cannot be found and masked; give a lexicon of that language "
                    "as data.lexicon (docs/text.md), or studies of that of the lexicon");
  }
}

}  // namespace

TextPipeline make_text_pipeline(const DataConfig& config, const Manifest& manifest,
                                const std::vector<std::int64_t>& chosen) {
  WordPieceOptions options;
  options.lowercase = config.lowercase;
  const Lexicon lexicon =
      config.lexicon.empty() ? Lexicon::english() : Lexicon::read(config.lexicon);
  check_language(lexicon, config, manifest, chosen);
  return {WordPieceTokenizer(make_vocabulary(config, manifest, chosen), options), lexicon,
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

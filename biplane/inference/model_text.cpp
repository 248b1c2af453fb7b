#include "biplane/inference/model_text.h"

namespace biplane {

TextPipeline model_text(const ModelDescription& description) {
  return {WordPieceTokenizer(description.vocabulary, description.tokenizer),
          description.lexicon.empty() ? Lexicon::english()
                                      : Lexicon::parse(description.lexicon, "the model's lexicon"),
          description.provenance.masking, description.config.max_tokens};
}

}  // namespace biplane

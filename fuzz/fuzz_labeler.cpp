// Reports under the shipped rules, or (first byte) a label file of arbitrary bytes.
//
// Guards: biplane/text/label_phrases.cpp biplane/text/label_rules.cpp biplane/text/label_scopes.cpp
// biplane/text/labeler.cpp
#include "biplane/core/error.h"
#include "biplane/text/labeler.h"
#include "fuzz/seed_corpus.h"

namespace biplane::fuzz {
namespace {

void check(const Labeler& labeler, const std::string& report) {
  const LabelledReport result = labeler.explain(report);
  if (result.labels != labeler.label(report)) __builtin_trap();
  for (const LabelMention& mention : result.mentions) {
    if (mention.sentence >= result.sentences.size() || mention.phrase.empty()) __builtin_trap();
    if (mention.value < -1 || mention.value > 1) __builtin_trap();
    if (!mention.label.empty() && result.labels.count(mention.label) == 0) __builtin_trap();
  }
}

}  // namespace

std::vector<std::string> seeds() {
  return {"aFINDINGS: No pneumothorax, effusion, or consolidation; heart size normal.\n\nStable.",
          "aCannot exclude 3.5 cm nodule. Possible pneumonia? \xFF\xC0\x80 XXXX ___",
          "Lname: x\nscope: {negation_before: [no]}\nlabels:\n  - name: a\n    present: ['b|c* .. "
          "d']\n"};
}

void one_input(const std::uint8_t* data, std::size_t size) {
  static const Labeler chexpert = Labeler::named("chexpert"), phantom = Labeler::named("phantom");
  if (size == 0) return;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] != 'L') return check((data[0] & 1) != 0 ? chexpert : phantom, text);
  try {
    check(Labeler::parse(text), "no b x d, b c. No d");
  } catch (const Error&) {
  }
}

}  // namespace biplane::fuzz

#include "biplane/phantom/narrative.h"

#include <algorithm>
#include <cctype>
#include <cmath>

#include "biplane/core/random.h"
#include "biplane/phantom/chest.h"
#include "biplane/phantom/section.h"
#include "biplane/phantom/signs.h"

namespace biplane {
namespace {

constexpr std::size_t kRemarks = 2;  // on the body, in the findings section

struct Slot {
  const char* name;
  std::string value;
};

const char* side_word(Side side) {
  return side == Side::kRight ? "right" : side == Side::kLeft ? "left" : "bilateral";
}

// Fills the slots of a phrase.
std::string spell(const Phrase& phrase, const Finding& f) {
  static constexpr const char* kSizes[3] = {"small", "moderate", "large"};
  static constexpr const char* kDegrees[3] = {"mild", "moderate", "severe"};
  static constexpr const char* kZones[4] = {"upper", "mid", "lower", "lower"};
  const std::size_t grade = static_cast<std::size_t>(std::clamp(f.grade, 0, 2));
  const Slot slots[] = {{"side", side_word(f.side)},
                        {"size", kSizes[grade]},
                        {"degree", kDegrees[grade]},
                        {"zone", kZones[static_cast<std::size_t>(f.zone)]},
                        {"level", vertebra_level(f)}};
  std::string text = phrase.text;
  for (const Slot& slot : slots) {
    for (const bool capital : {false, true}) {
      std::string name = slot.name, value = slot.value;
      if (capital) {
        name[0] = static_cast<char>(std::toupper(name[0]));
        value[0] = static_cast<char>(std::toupper(value[0]));
      }
      const std::string mark = "{" + name + "}";
      for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark))
        text.replace(at, mark.size(), value);
    }
  }
  return text;
}

// Exchanges two neighbouring letters inside a long word, as a hurried typist does.
void add_typo(std::string& sentence, CounterRandom& random) {
  std::vector<std::size_t> places;
  std::size_t word = 0;
  for (std::size_t i = 0; i <= sentence.size(); ++i) {
    if (i < sentence.size() && std::isalpha(static_cast<unsigned char>(sentence[i])) != 0) continue;
    for (std::size_t k = word + 2; i - word >= 7 && k + 1 < i; ++k)
      if (sentence[k] != sentence[k + 1]) places.push_back(k);
    word = i + 1;
  }
  if (places.empty()) return;
  const std::size_t at =
      places[static_cast<std::size_t>(random.below(static_cast<std::int64_t>(places.size())))];
  std::swap(sentence[at], sentence[at + 1]);
}

// The writer of one report.
class Writer {
 public:
  Writer(const NarrativeInput& input, const Grammar& grammar, std::uint64_t seed,
         std::uint64_t study)
      : input_(input),
        grammar_(grammar),
        shape_(seed, "phantom/report-shape", {study}),
        random_(seed, "phantom/report", {study}) {
    for (std::size_t i = 0; i < input.findings.size(); ++i) {
      present_ |= finding_bit(input.findings[i].kind);
      if (input.visibility[i] != Visibility::kHidden) stated_.push_back(i);
    }
  }

  Narrative write() {
    // Nothing of the shape may depend on the findings: it comes from a stream of its own, before
    // anything else.
    SectionRequest body, end;
    body.wanted = draw_shape(static_cast<double>(4 + shape_.below(2)), {6.6, 6.4, 0.6});
    end.wanted = draw_shape(2, {4.3, 6.9, 0.4});
    const bool typo = shape_.bernoulli(0.15);
    shuffle(stated_);
    for (const std::size_t i : stated_) state(i, body, end);
    body.fillers = true_sentences(grammar_.fillers);
    add_remarks(body);
    std::vector<Sentence> findings = compose_section(body, random_);
    for (const Sentence& sentence : findings) end.said |= sentence.topics();
    end.fillers = true_sentences(grammar_.conclusions);
    std::vector<Sentence> impression = compose_section(end, random_);
    if (typo)
      add_typo(findings[static_cast<std::size_t>(
                            shape_.below(static_cast<std::int64_t>(findings.size())))]
                   .text,
               shape_);
    Narrative out;
    out.report.findings = join(findings, out.phrases);
    out.report.impression = join(impression, out.phrases);
    out.report.other = header();
    out.report.text = out.report.findings + " " + out.report.impression;
    return out;
  }

 private:
  // Means of a section: words a sentence, letters a word, commas.
  struct SectionStyle {
    double words = 0, letters = 0, commas = 0;
  };

  TextShape draw_shape(double sentences, const SectionStyle& style) {
    TextShape shape;
    shape.sentences = sentences;
    shape.words = std::round(sentences * (style.words + shape_.uniform(-0.6, 0.6)));
    shape.letters = std::round(shape.words * (style.letters + shape_.uniform(-0.25, 0.25)));
    shape.commas = std::floor(style.commas + shape_.uniform() * 1.2);
    return shape;
  }

  // Adds a finding to both sections; the impression repeats findings as long as one sentence is
  // left for something else.
  void state(std::size_t index, SectionRequest& body, SectionRequest& end) {
    const Finding& f = input_.findings[index];
    const FindingPhrases& p = grammar_.findings[static_cast<std::size_t>(f.kind)];
    const bool doubt = random_.bernoulli(0.12) || input_.visibility[index] == Visibility::kDoubtful;
    const bool both = f.side == Side::kBoth && !p.present_both.empty();
    body.statements.push_back(sentences(
        doubt ? (both ? p.uncertain_both : p.uncertain) : (both ? p.present_both : p.present), f));
    if (static_cast<double>(end.statements.size()) + 1 < end.wanted.sentences)
      end.statements.push_back(sentences(both ? p.impression_both : p.impression, f));
  }

  std::vector<Sentence> sentences(const std::vector<Phrase>& phrases,
                                  const Finding& finding) const {
    std::vector<Sentence> out;
    for (const Phrase& phrase : phrases) {
      if (phrase.held_out && !input_.held_out_phrasings) continue;
      const std::string text = spell(phrase, finding);
      out.push_back({&phrase, text, TextShape::of(text)});
    }
    return out;
  }

  // What can be said of this body and seen in its views. Remarks on the spine get a level by
  // chance.
  std::vector<Sentence> true_sentences(const std::vector<Phrase>& phrases) {
    Finding nowhere;
    nowhere.height = random_.uniform();
    std::vector<Sentence> out = sentences(phrases, nowhere);
    std::erase_if(out, [&](const Sentence& sentence) {
      const Phrase& phrase = *sentence.phrase;
      return ((phrase.denies | phrase.needs_absent) & present_) != 0 ||
             (phrase.shows & ~input_.signs) != 0 || (phrase.needs_no_sign & input_.signs) != 0;
    });
    return out;
  }

  template <class T>
  void shuffle(std::vector<T>& items) {
    for (std::size_t i = items.size(); i > 1; --i)
      std::swap(items[i - 1],
                items[static_cast<std::size_t>(random_.below(static_cast<std::int64_t>(i)))]);
  }

  // Remarks on the body, as far as the findings leave room for them.
  void add_remarks(SectionRequest& body) {
    std::vector<std::uint32_t> signs;
    for (int i = 0; i < kBodySigns; ++i) {
      const std::uint32_t bit = sign_bit(static_cast<BodySign>(i));
      if ((input_.signs & bit) != 0) signs.push_back(bit);
    }
    shuffle(signs);
    std::size_t added = 0;
    for (const std::uint32_t sign : signs) {
      if (added == kRemarks || static_cast<double>(body.statements.size()) >= body.wanted.sentences)
        return;
      std::vector<Sentence> choices;
      for (const Sentence& filler : body.fillers)
        if (filler.phrase->shows == sign) choices.push_back(filler);
      if (choices.empty()) continue;
      for (const Sentence& choice : choices) body.said |= choice.topics();
      body.statements.push_back(std::move(choices));
      ++added;
    }
  }

  // In random order.
  std::string join(std::vector<Sentence>& section, std::vector<const Phrase*>& used) {
    shuffle(section);
    std::string text;
    for (const Sentence& sentence : section) {
      text += (text.empty() ? "" : " ") + sentence.text;
      used.push_back(sentence.phrase);
    }
    return text;
  }

  const std::string& any(const std::vector<std::string>& texts) {
    return texts[static_cast<std::size_t>(shape_.below(static_cast<std::int64_t>(texts.size())))];
  }

  std::string header() {
    return "EXAMINATION: " + any(grammar_.examination) +
           " INDICATION: " + any(grammar_.indication) + " COMPARISON: " + any(grammar_.comparison);
  }

  const NarrativeInput& input_;
  const Grammar& grammar_;
  CounterRandom shape_, random_;
  std::uint32_t present_ = 0;
  std::vector<std::size_t> stated_;
};

}  // namespace

std::string vertebra_level(const Finding& finding) {
  return fractured_vertebra(finding) < 9 ? "mid thoracic" : "lower thoracic";
}

Narrative write_narrative(const NarrativeInput& input, const Grammar& grammar, std::uint64_t seed,
                          std::uint64_t study) {
  return Writer(input, grammar, seed, study).write();
}

}  // namespace biplane

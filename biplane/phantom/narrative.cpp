#include "biplane/phantom/narrative.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>

#include "biplane/core/random.h"
#include "biplane/phantom/chest.h"

namespace biplane {
namespace {

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
      for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark)) text.replace(at, mark.size(), value);
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
  const std::size_t at = places[static_cast<std::size_t>(random.below(static_cast<std::int64_t>(places.size())))];
  std::swap(sentence[at], sentence[at + 1]);
}

// The writer of one report.
class Writer {
 public:
  Writer(const NarrativeInput& input, const Grammar& grammar, std::uint64_t seed, std::uint64_t study)
      : input_(input), grammar_(grammar), shape_(seed, "phantom/report-shape", {study}), random_(seed, "phantom/report", {study}) {
    for (std::size_t i = 0; i < input.findings.size(); ++i) {
      present_ |= finding_bit(input.findings[i].kind);
      if (input.visibility[i] != Visibility::kHidden) stated_.push_back(i);
    }
  }

  Narrative write() {
    // Nothing of the shape may depend on the findings: it comes from a stream of its own, before anything else.
    const std::int64_t findings_words = 34 + shape_.below(15), findings_sentences = 5 + shape_.below(2);
    const std::int64_t impression_words = 6 + shape_.below(6), impression_sentences = 2;
    const bool typo = shape_.bernoulli(0.15);
    shuffle(stated_);
    std::vector<std::string> body = positive_sentences();
    fill(body, grammar_.fillers, {findings_words, findings_sentences});
    std::vector<std::string> end = conclusions(impression_sentences);
    fill(end, grammar_.conclusions, {impression_words, impression_sentences});
    shuffle(body);
    if (typo) add_typo(body[static_cast<std::size_t>(shape_.below(static_cast<std::int64_t>(body.size())))], shape_);
    Narrative out;
    out.report.findings = join(body);
    out.report.impression = join(end);
    out.report.other = header();
    out.report.text = out.report.findings + " " + out.report.impression;
    out.phrases = used_;
    return out;
  }

 private:
  struct Shape {
    std::int64_t words = 0, sentences = 0;
  };

  template <class T>
  void shuffle(std::vector<T>& items) {
    for (std::size_t i = items.size(); i > 1; --i)
      std::swap(items[i - 1], items[static_cast<std::size_t>(random_.below(static_cast<std::int64_t>(i)))]);
  }

  static std::string join(const std::vector<std::string>& sentences) {
    std::string text;
    for (const std::string& sentence : sentences) text += (text.empty() ? "" : " ") + sentence;
    return text;
  }

  const Phrase& choose(const std::vector<Phrase>& phrases) {
    while (true) {
      const Phrase& phrase = phrases[static_cast<std::size_t>(random_.below(static_cast<std::int64_t>(phrases.size())))];
      if (!phrase.held_out || input_.held_out_phrasings) return phrase;
    }
  }

  std::string say(const Phrase& phrase, const Finding& finding) {
    used_.push_back(&phrase);
    return spell(phrase, finding);
  }

  std::vector<std::string> positive_sentences() {
    std::vector<std::string> out;
    for (const std::size_t i : stated_) {
      const Finding& f = input_.findings[i];
      const FindingPhrases& p = grammar_.findings[static_cast<std::size_t>(f.kind)];
      const bool doubt = random_.bernoulli(0.12) || input_.visibility[i] == Visibility::kDoubtful;
      const bool both = f.side == Side::kBoth && !p.present_both.empty();
      out.push_back(say(choose(doubt ? (both ? p.uncertain_both : p.uncertain) : (both ? p.present_both : p.present)), f));
    }
    return out;
  }

  // The impression repeats up to `room` findings.
  std::vector<std::string> conclusions(std::int64_t room) {
    std::vector<std::string> out;
    for (const std::size_t i : stated_) {
      if (static_cast<std::int64_t>(out.size()) == room) break;
      const Finding& f = input_.findings[i];
      const FindingPhrases& p = grammar_.findings[static_cast<std::size_t>(f.kind)];
      const bool both = f.side == Side::kBoth && !p.impression_both.empty();
      out.push_back(say(choose(both ? p.impression_both : p.impression), f));
    }
    return out;
  }

  bool allowed(const Phrase& phrase) const {
    if (phrase.held_out && !input_.held_out_phrasings) return false;
    if ((phrase.denies & present_) != 0) return false;
    if (std::find(used_.begin(), used_.end(), &phrase) != used_.end()) return false;
    if (phrase.denies != 0 && (phrase.denies & ~denied_) == 0) return false;  // said already
    std::uint32_t lateral = 0;
    for (int i = 0; i < kFindingKinds; ++i)
      if (lateral_only(static_cast<FindingKind>(i))) lateral |= 1U << i;
    return input_.has_lateral || phrase.denies == 0 || (phrase.denies & ~lateral) != 0;
  }

  // Adds sentences until there are `shape.sentences`, each as long as what is left of `shape.words` asks for.
  void fill(std::vector<std::string>& sentences, const std::vector<Phrase>& phrases, Shape shape) {
    std::int64_t words = 0;
    for (const std::string& s : sentences) words += 1 + std::count(s.begin(), s.end(), ' ');
    while (static_cast<std::int64_t>(sentences.size()) < shape.sentences) {
      const double left = static_cast<double>(shape.sentences) - static_cast<double>(sentences.size());
      // One more word or fewer at random, so that all lengths of sentences occur; the last one meets the sum.
      const double wanted = static_cast<double>(shape.words - words) / left + (left > 1.5 ? random_.uniform(-2.5, 2.5) : 0.0);
      const Phrase* best = nullptr;
      double best_score = 1e9;
      for (const Phrase& phrase : phrases) {
        if (!allowed(phrase)) continue;
        const double score = std::abs(static_cast<double>(phrase.words) - wanted) + random_.uniform(0, 1.5);
        if (score < best_score) {
          best = &phrase;
          best_score = score;
        }
      }
      if (best == nullptr) return;
      denied_ |= best->denies;
      words += best->words;
      sentences.push_back(say(*best, Finding{}));
    }
  }

  const std::string& any(const std::vector<std::string>& texts) {
    return texts[static_cast<std::size_t>(shape_.below(static_cast<std::int64_t>(texts.size())))];
  }

  std::string header() {
    const auto& examination = !input_.has_lateral   ? grammar_.examination_frontal
                              : !input_.has_frontal ? grammar_.examination_lateral
                                                    : grammar_.examination_both;
    return "EXAMINATION: " + any(examination) + " INDICATION: " + any(grammar_.indication) + " COMPARISON: " + any(grammar_.comparison);
  }

  const NarrativeInput& input_;
  const Grammar& grammar_;
  CounterRandom shape_, random_;
  std::uint32_t present_ = 0, denied_ = 0;
  std::vector<std::size_t> stated_;
  std::vector<const Phrase*> used_;
};

}  // namespace

std::string vertebra_level(const Finding& finding) {
  return "T" + std::to_string(fractured_vertebra(finding) + 1);
}

bool lateral_only(FindingKind kind) {
  return kind == FindingKind::kPosteriorEffusion || kind == FindingKind::kRetrocardiacConsolidation ||
         kind == FindingKind::kVertebralFracture;
}

Narrative write_narrative(const NarrativeInput& input, const Grammar& grammar, std::uint64_t seed, std::uint64_t study) {
  return Writer(input, grammar, seed, study).write();
}

}  // namespace biplane

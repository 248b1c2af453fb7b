#include "biplane/phantom/narrative.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <span>

#include "biplane/core/random.h"
#include "biplane/phantom/chest.h"
#include "biplane/phantom/report_header.h"
#include "biplane/phantom/section.h"
#include "biplane/phantom/signs.h"

namespace biplane {
namespace {

constexpr std::size_t kRemarks = 2;           // on the body, in the findings section
constexpr std::size_t kWordings = 5;          // of each phrasing of a finding, to choose from
constexpr std::size_t kHeldOutWordings = 20;  // held-out phrasings are fewer
constexpr double kPrior = 0.55;               // share of reports with a prior study
constexpr double kChanged = 0.5;   // of these, where something may be new or other than before
constexpr double kDoubt = 0.12;    // share of plain findings that are stated with doubt
constexpr double kHeldOut = 0.25;  // share of held-out phrasings where they may be used
constexpr double kTypo = 0.15;     // share of reports with a typing error
constexpr double kBody[] = {0.28, 0.30, 0.19, 0.13, 0.10};  // findings: 3 to 7 sentences
constexpr double kEnd[] = {0.40, 0.40, 0.20};               // impression: 1 to 3
constexpr double kCompared[] = {0.35, 0.40, 0.25};  // sentences with comparison, of the findings

std::size_t draw_index(std::span<const double> shares, CounterRandom& random) {
  double left = random.uniform();
  std::size_t index = 0;
  while (index + 1 < shares.size() && left >= shares[index]) left -= shares[index++];
  return index;
}

// Exchanges two neighbouring letters inside a long word, drops one or doubles one, as a hurried
// typist does.
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
  switch (random.below(3)) {
    case 0:
      std::swap(sentence[at], sentence[at + 1]);
      break;
    case 1:
      sentence.erase(at, 1);
      break;
    default:
      sentence.insert(at, 1, sentence[at]);
  }
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
    prior_ = shape_.bernoulli(kPrior);
    changed_ = shape_.bernoulli(kChanged);
    SectionRequest body, end;
    body.wanted =
        draw_shape(3 + static_cast<double>(draw_index(kBody, shape_)), {5.9, 6.6, 0.4, 0.8});
    end.wanted =
        draw_shape(1 + static_cast<double>(draw_index(kEnd, shape_)), {5.5, 6.9, 0.15, 1.1});
    body.wanted.comparisons = prior_ ? static_cast<double>(draw_index(kCompared, shape_)) : 0;
    end.wanted.comparisons = prior_ && shape_.bernoulli(0.4) ? 1 : 0;
    const bool typo = shape_.bernoulli(kTypo);
    Narrative out;
    out.report.other = write_report_header(input_, grammar_.sections, prior_, shape_);
    shuffle(stated_);
    for (const std::size_t i : stated_) body.statements.push_back(statement(i, out.said));
    body.fillers = true_sentences(grammar_.fillers);
    add_remarks(body);
    std::vector<Sentence> findings = compose_section(body, random_);
    for (const Sentence& sentence : findings) end.said |= sentence.topics();
    repeat_findings(findings, out.said, end);
    end.fillers = true_sentences(grammar_.conclusions);
    std::vector<Sentence> impression = compose_section(end, random_);
    if (typo)
      add_typo(findings[static_cast<std::size_t>(
                            shape_.below(static_cast<std::int64_t>(findings.size())))]
                   .text,
               shape_);
    out.report.findings = join(findings, out);
    out.report.impression = join(impression, out);
    out.report.text = out.report.findings + " " + out.report.impression;
    return out;
  }

 private:
  // Means of a section: words a sentence, letters a word, commas; and how far they vary.
  struct SectionStyle {
    double words = 0, letters = 0, commas = 0, spread = 0;
  };

  TextShape draw_shape(double sentences, const SectionStyle& style) {
    TextShape shape;
    shape.sentences = sentences;
    shape.words =
        std::round(sentences * (style.words + shape_.uniform(-style.spread, style.spread)));
    shape.letters =
        std::round(shape.words * (style.letters + shape_.uniform(-0.6, 0.6) * style.spread));
    shape.commas = std::floor(style.commas + shape_.uniform() * 1.2);
    for (int i = 0; i < static_cast<int>(sentences) && input_.held_out_phrasings; ++i)
      shape.held_out += shape_.bernoulli(kHeldOut) ? 1 : 0;
    return shape;
  }

  // What the findings section may say of a finding.
  std::vector<Sentence> statement(std::size_t index, std::array<Mention, kFindingKinds>& said) {
    const Finding& f = input_.findings[index];
    const bool doubt =
        random_.bernoulli(kDoubt) || input_.visibility[index] == Visibility::kDoubtful;
    said[static_cast<std::size_t>(f.kind)] = doubt ? Mention::kUncertain : Mention::kStated;
    return full_statements(f, doubt);
  }

  std::vector<Sentence> full_statements(const Finding& f, bool doubt) {
    const FindingPhrases& p = phrases_of(f);
    if (doubt) return sentences(both(f) ? p.uncertain_both : p.uncertain, f);
    return sentences(both(f) ? p.present_both : p.present, f);
  }

  // The impression repeats findings, with the same doubt and in other words, as long as there is
  // room.
  void repeat_findings(const std::vector<Sentence>& body,
                       const std::array<Mention, kFindingKinds>& said, SectionRequest& end) {
    for (const std::size_t i : stated_) {
      if (static_cast<double>(end.statements.size()) == end.wanted.sentences) return;
      const Finding& f = input_.findings[i];
      const FindingPhrases& p = phrases_of(f);
      const bool doubt = said[static_cast<std::size_t>(f.kind)] == Mention::kUncertain;
      std::vector<Sentence> choices = full_statements(f, doubt);
      if (!doubt)
        for (Sentence& brief : sentences(both(f) ? p.impression_both : p.impression, f))
          choices.push_back(std::move(brief));
      std::erase_if(choices, [&](const Sentence& choice) {
        return std::any_of(body.begin(), body.end(),
                           [&](const Sentence& used) { return used.phrase == choice.phrase; });
      });
      end.statements.push_back(std::move(choices));
    }
  }

  const FindingPhrases& phrases_of(const Finding& finding) const {
    return grammar_.findings[static_cast<std::size_t>(finding.kind)];
  }

  bool both(const Finding& finding) const {
    return finding.side == Side::kBoth && !phrases_of(finding).present_both.empty();
  }

  bool allowed(const Phrase& phrase) const {
    if (phrase.held_out && !input_.held_out_phrasings) return false;
    return phrase.compares == Comparison::kNone ||
           (prior_ && !(changed_ && phrase.compares == Comparison::kAll));
  }

  // Wordings of the phrasings of a finding; beside a prior study also with an ending that
  // compares.
  std::vector<Sentence> sentences(const std::vector<Phrase>& phrases, const Finding& finding) {
    const SlotWords words = slot_words(finding, grammar_);
    std::vector<const Phrase*> endings;
    for (const auto* list : {&grammar_.stable, &phrases_of(finding).changes})
      for (const Phrase& ending : *list)
        if (prior_ && allowed(ending) && (list == &grammar_.stable || changed_))
          endings.push_back(&ending);
    std::vector<Sentence> out;
    for (const Phrase& phrase : phrases) {
      if (!allowed(phrase)) continue;
      if (phrase.text.find("{lobe}") != std::string::npos && lobe_name(finding).empty()) continue;
      for (std::size_t i = 0; i < (phrase.held_out ? kHeldOutWordings : kWordings); ++i) {
        out.push_back(wording(phrase, words));
        if (endings.empty()) continue;
        Sentence changed = out.back();
        changed.change = endings[pick(endings.size())];
        changed.text.pop_back();
        changed.text += word_phrase(changed.change->text, words, random_) + ".";
        changed.shape = TextShape::of(changed.text);
        changed.shape.comparisons = 1;
        changed.shape.held_out = phrase.held_out || changed.change->held_out ? 1 : 0;
        out.push_back(std::move(changed));
      }
    }
    return out;
  }

  Sentence wording(const Phrase& phrase, const SlotWords& words) {
    Sentence out{&phrase, nullptr, capitalised(word_phrase(phrase.text, words, random_)), {}};
    out.shape = TextShape::of(out.text);
    out.shape.comparisons = phrase.compares == Comparison::kNone ? 0 : 1;
    out.shape.held_out = phrase.held_out ? 1 : 0;
    return out;
  }

  // What can be said of this body and seen in its views.
  std::vector<Sentence> true_sentences(const std::vector<Phrase>& phrases) {
    std::vector<Sentence> out;
    for (const Phrase& phrase : phrases) {
      if (allowed(phrase) && ((phrase.denies | phrase.needs_absent) & present_) == 0 &&
          (phrase.shows & ~input_.signs) == 0 && (phrase.needs_no_sign & input_.signs) == 0)
        out.push_back(wording(phrase, {}));
    }
    return out;
  }

  std::size_t pick(std::size_t count) {
    return static_cast<std::size_t>(random_.below(static_cast<std::int64_t>(count)));
  }

  template <class T>
  void shuffle(std::vector<T>& items) {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[pick(i)]);
  }

  // Remarks on the body, as far as the findings leave room for them and for one other sentence.
  void add_remarks(SectionRequest& body) {
    std::vector<std::uint32_t> signs;
    for (int i = 0; i < kBodySigns; ++i) {
      const std::uint32_t bit = sign_bit(static_cast<BodySign>(i));
      if ((input_.signs & bit) != 0) signs.push_back(bit);
    }
    shuffle(signs);
    std::size_t added = 0;
    for (const std::uint32_t sign : signs) {
      if (added == kRemarks ||
          static_cast<double>(body.statements.size()) + 1 >= body.wanted.sentences)
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

  // In random order; notes what was used and denied.
  std::string join(std::vector<Sentence>& section, Narrative& narrative) {
    shuffle(section);
    std::string text;
    for (const Sentence& sentence : section) {
      text += (text.empty() ? "" : " ") + sentence.text;
      narrative.phrases.push_back(sentence.phrase);
      narrative.sentences.push_back({sentence.phrase, sentence.text});
      if (sentence.change != nullptr) narrative.phrases.push_back(sentence.change);
      for (std::size_t kind = 0; kind < narrative.said.size(); ++kind)
        if ((sentence.phrase->denies >> kind & 1U) != 0) narrative.said[kind] = Mention::kDenied;
    }
    return text;
  }

  const NarrativeInput& input_;
  const Grammar& grammar_;
  CounterRandom shape_, random_;
  bool prior_ = false, changed_ = false;
  std::uint32_t present_ = 0;
  std::vector<std::size_t> stated_;
};

}  // namespace

SlotWords slot_words(const Finding& f, const Grammar& grammar) {
  static constexpr const char* kZones[4] = {"upper", "mid", "lower", "lower"};
  const std::size_t grade = static_cast<std::size_t>(std::clamp(f.grade, 0, 2));
  const char* side = f.side == Side::kRight  ? "right"
                     : f.side == Side::kLeft ? "left"
                                             : "bilateral";
  return {{"side", {side}},
          {"size", grammar.sizes[grade]},
          {"degree", grammar.degrees[grade]},
          {"zone", {kZones[static_cast<std::size_t>(f.zone)]}},
          {"lobe", {lobe_name(f)}},
          {"level", {vertebra_level(f)}}};
}

std::string vertebra_level(const Finding& finding) {
  return fractured_vertebra(finding) < 9 ? "mid thoracic" : "lower thoracic";
}

std::string lobe_name(const Finding& finding) {
  const bool round = finding.kind == FindingKind::kNodule || finding.kind == FindingKind::kMass;
  if (!round && finding.kind != FindingKind::kConsolidation) return "";
  const bool right = finding.side == Side::kRight;
  if (finding.zone == Zone::kUpper) return right ? "right upper lobe" : "left upper lobe";
  if (round) return "";  // below, its lobe depends on how far back it lies
  if (finding.zone == Zone::kMiddle) return right ? "right middle lobe" : "lingula";
  return right ? "right lower lobe" : "left lower lobe";
}

const char* mention_name(Mention mention) {
  static constexpr const char* kNames[4] = {"none", "denied", "uncertain", "stated"};
  return kNames[static_cast<std::size_t>(mention)];
}

Narrative write_narrative(const NarrativeInput& input, const Grammar& grammar, std::uint64_t seed,
                          std::uint64_t study) {
  return Writer(input, grammar, seed, study).write();
}

}  // namespace biplane

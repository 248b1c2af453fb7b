#include "biplane/phantom/report_flips.h"

#include <algorithm>
#include <bit>
#include <cctype>
#include <functional>
#include <map>
#include <optional>
#include <utility>

#include "biplane/phantom/wording.h"

namespace biplane {
namespace {

using Words = std::map<std::string, std::string>;  // lower case -> what stands in its place

bool is_letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; }

// The text with some whole words exchanged; capitals stay capitals.
std::string exchanged(const std::string& text, const Words& words) {
  std::string out;
  for (std::size_t begin = 0; begin < text.size();) {
    std::size_t end = begin;
    while (end < text.size() && is_letter(text[end])) ++end;
    if (end == begin) {
      out += text[begin++];
      continue;
    }
    std::string word = text.substr(begin, end - begin), lower = word;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (const auto found = words.find(lower); found != words.end())
      word = std::isupper(static_cast<unsigned char>(word[0])) != 0 ? capitalised(found->second)
                                                                    : found->second;
    out += word;
    begin = end;
  }
  return out;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

// The lingula is the middle lobe of the left.
std::string other_side(const std::string& sentence) {
  const std::string marked =
      replaced(replaced(sentence, "right middle lobe", "\1"), "Right middle lobe", "\2");
  const std::string named =
      replaced(replaced(marked, "lingula", "right middle lobe"), "Lingula", "Right middle lobe");
  const bool left_lobe = named != marked;
  const std::string swapped =
      left_lobe ? named : exchanged(named, {{"right", "left"}, {"left", "right"}});
  return replaced(replaced(swapped, "\1", "lingula"), "\2", "Lingula");
}

bool states(const FindingPhrases& of, const Phrase* phrase) {
  for (const auto* list : {&of.present, &of.uncertain, &of.impression, &of.present_both,
                           &of.uncertain_both, &of.impression_both}) {
    const std::less<const Phrase*> before;  // a total order, also of pointers into different lists
    if (!list->empty() && !before(phrase, list->data()) &&
        before(phrase, list->data() + list->size()))
      return true;
  }
  return false;
}

class Flipper {
 public:
  Flipper(const NarrativeInput& input, const Narrative& narrative, const Grammar& grammar,
          CounterRandom random)
      : input_(input), narrative_(narrative), grammar_(grammar), random_(random) {
    for (const Finding& finding : input.findings) {
      present_ |= finding_bit(finding.kind);
      if (narrative.said[static_cast<std::size_t>(finding.kind)] == Mention::kStated)
        stated_.push_back(&finding);
    }
  }

  std::vector<ReportFlip> flip() {
    std::vector<ReportFlip> flips;
    const auto add = [&](std::optional<ReportFlip> flip) {
      if (flip) flips.push_back(std::move(*flip));
    };
    add(first_of(stated_, [&](const Finding& f) { return deny(f); }));
    add(state());
    add(first_of(stated_, [&](const Finding& f) { return change_side(f); }));
    add(first_of(stated_, [&](const Finding& f) { return change_size(f); }));
    add(first_of(stated_, [&](const Finding& f) { return change_site(f); }));
    return flips;
  }

 private:
  using Change = std::function<std::string(const NarratedSentence&)>;

  std::size_t pick(std::size_t count) {
    return static_cast<std::size_t>(random_.below(static_cast<std::int64_t>(count)));
  }

  template <class Try>
  std::optional<ReportFlip> first_of(std::vector<const Finding*> findings, const Try& attempt) {
    while (!findings.empty()) {
      const std::size_t at = pick(findings.size());
      if (auto flip = attempt(*findings[at])) return flip;
      findings.erase(findings.begin() + static_cast<std::ptrdiff_t>(at));
    }
    return std::nullopt;
  }

  // The report with the sentences about a finding changed; nothing where none changes.
  std::optional<ReportFlip> changed(const Finding& finding, const char* kind,
                                    const std::string& how, const Change& change) const {
    ReportFlip flip{kind, finding_name(finding.kind), how, {}};
    bool any = false;
    for (const NarratedSentence& sentence : narrative_.sentences) {
      const bool about =
          states(grammar_.findings[static_cast<std::size_t>(finding.kind)], sentence.phrase);
      const std::string text = about ? change(sentence) : sentence.text;
      any = any || text != sentence.text;
      if (!text.empty()) flip.text += (flip.text.empty() ? "" : " ") + text;
    }
    return any ? std::optional<ReportFlip>(std::move(flip)) : std::nullopt;
  }

  std::optional<ReportFlip> change_side(const Finding& finding) {
    if (finding.side != Side::kRight && finding.side != Side::kLeft) return std::nullopt;
    return changed(finding, "side",
                   finding.side == Side::kRight ? "right to left" : "left to right",
                   [](const NarratedSentence& s) { return other_side(s.text); });
  }

  std::optional<ReportFlip> change_size(const Finding& finding) {
    const auto own = static_cast<std::size_t>(std::clamp(finding.grade, 0, 2));
    const std::size_t other = own == 1 ? 2 * pick(2) : 2 - own;
    return changed(finding, "size", grammar_.sizes[own][0] + " to " + grammar_.sizes[other][0],
                   [&](const NarratedSentence& sentence) {
                     Words words;
                     for (const auto& [slot, lists] : {std::pair{"{size}", &grammar_.sizes},
                                                       std::pair{"{degree}", &grammar_.degrees}}) {
                       if (sentence.phrase->text.find(slot) == std::string::npos) continue;
                       for (const std::string& word : (*lists)[own])
                         words[word] = (*lists)[other][0];
                     }
                     return exchanged(sentence.text, words);
                   });
  }

  std::optional<ReportFlip> change_site(const Finding& finding) {
    const bool vertebra = finding.kind == FindingKind::kVertebralFracture;
    if (finding.zone == Zone::kNone && !vertebra) return std::nullopt;
    const Words words =
        vertebra
            ? Words{{"mid", "lower"}, {"lower", "mid"}}
            : Words{{"upper", "lower"}, {"lower", "upper"}, {"mid", "upper"}, {"middle", "upper"}};
    const std::string site = vertebra                       ? vertebra_level(finding)
                             : finding.zone == Zone::kUpper ? "upper"
                             : finding.zone == Zone::kLower ? "lower"
                                                            : "mid";
    return changed(finding, "site", site + " to " + exchanged(site, words),
                   [&](const NarratedSentence& sentence) {
                     const std::string named =
                         replaced(replaced(sentence.text, "lingula", "left middle lobe"), "Lingula",
                                  "Left middle lobe");
                     return exchanged(named, words);
                   });
  }

  bool may_deny(const Phrase& phrase, FindingKind kind) const {
    const std::uint32_t others = present_ & ~finding_bit(kind);
    return (phrase.denies & finding_bit(kind)) != 0 &&
           ((phrase.denies | phrase.needs_absent) & others) == 0 && phrase.shows == 0 &&
           (phrase.needs_no_sign & input_.signs) == 0 && phrase.compares == Comparison::kNone &&
           (!phrase.held_out || input_.held_out_phrasings);
  }

  // The first sentence about the finding becomes a denial of as few findings as possible; the
  // others go.
  std::optional<ReportFlip> deny(const Finding& finding) {
    std::vector<const Phrase*> denials;
    int fewest = kFindingKinds + 1;
    for (const Phrase& phrase : grammar_.fillers) {
      if (!may_deny(phrase, finding.kind)) continue;
      const int count = std::popcount(phrase.denies);
      if (count < fewest) denials.clear();
      fewest = std::min(fewest, count);
      if (count == fewest) denials.push_back(&phrase);
    }
    if (denials.empty()) return std::nullopt;
    std::string denial = capitalised(word_phrase(denials[pick(denials.size())]->text, {}, random_));
    return changed(finding, "negation", "stated to denied",
                   [&](const NarratedSentence&) { return std::exchange(denial, {}); });
  }

  // A denial of one finding becomes a statement of it. The finding is drawn; the only other
  // sentence that may deny it too would contradict, so there must be none.
  std::optional<ReportFlip> state() {
    std::vector<std::pair<std::size_t, FindingKind>> choices;
    for (std::size_t kind = 0; kind < kFindingKinds; ++kind) {
      std::vector<std::size_t> denying;
      for (std::size_t i = 0; i < narrative_.sentences.size(); ++i)
        if ((narrative_.sentences[i].phrase->denies >> kind & 1U) != 0) denying.push_back(i);
      if (denying.size() == 1 &&
          std::popcount(narrative_.sentences[denying[0]].phrase->denies) <= 2)
        choices.emplace_back(denying[0], static_cast<FindingKind>(kind));
    }
    if (choices.empty()) return std::nullopt;
    const auto [place, kind] = choices[pick(choices.size())];
    std::vector<const Phrase*> phrases;
    for (const Phrase& phrase : grammar_.findings[static_cast<std::size_t>(kind)].present)
      if ((!phrase.held_out || input_.held_out_phrasings) &&
          phrase.text.find("{lobe}") == std::string::npos)
        phrases.push_back(&phrase);
    if (phrases.empty()) return std::nullopt;
    const Finding made{.kind = kind,
                       .side = pick(2) == 0 ? Side::kRight : Side::kLeft,
                       .zone = pick(2) == 0 ? Zone::kUpper : Zone::kLower,
                       .grade = static_cast<int>(pick(3))};
    const std::string statement = capitalised(
        word_phrase(phrases[pick(phrases.size())]->text, slot_words(made, grammar_), random_));
    ReportFlip flip{"negation", finding_name(kind), "denied to stated", {}};
    for (std::size_t i = 0; i < narrative_.sentences.size(); ++i)
      flip.text += (i == 0 ? "" : " ") + (i == place ? statement : narrative_.sentences[i].text);
    return flip;
  }

  const NarrativeInput& input_;
  const Narrative& narrative_;
  const Grammar& grammar_;
  CounterRandom random_;
  std::uint32_t present_ = 0;
  std::vector<const Finding*> stated_;
};

}  // namespace

std::vector<ReportFlip> flip_report(const NarrativeInput& input, const Narrative& narrative,
                                    const Grammar& grammar, CounterRandom random) {
  return Flipper(input, narrative, grammar, random).flip();
}

}  // namespace biplane

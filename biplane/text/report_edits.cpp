#include "biplane/text/report_edits.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <optional>
#include <utility>

#include "biplane/text/report.h"

namespace biplane {
namespace {

struct Opposite {
  const char *word, *other;
};
constexpr std::array<Opposite, 2> kSides{{{"right", "left"}, {"left", "right"}}};
constexpr std::array<Opposite, 14> kSizes{{{"small", "large"},
                                           {"large", "small"},
                                           {"tiny", "large"},
                                           {"mild", "severe"},
                                           {"severe", "mild"},
                                           {"minimal", "marked"},
                                           {"marked", "minimal"},
                                           {"moderate", "minimal"},
                                           {"slight", "marked"},
                                           {"mildly", "severely"},
                                           {"severely", "mildly"},
                                           {"moderately", "minimally"},
                                           {"minimally", "markedly"},
                                           {"markedly", "minimally"}}};
constexpr std::array<Opposite, 10> kSites{{{"upper", "lower"},
                                           {"lower", "upper"},
                                           {"apical", "basilar"},
                                           {"basilar", "apical"},
                                           {"basal", "apical"},
                                           {"apex", "base"},
                                           {"base", "apex"},
                                           {"bases", "apices"},
                                           {"apices", "bases"},
                                           {"bibasilar", "biapical"}}};

// "No" at the beginning of a statement and how the same is stated. The longest come first.
constexpr std::array<Opposite, 6> kDenials{{{"There is no evidence of ", "There is "},
                                            {"There are no ", "There are "},
                                            {"There is no ", "There is "},
                                            {"No evidence of ", "There is "},
                                            {"No ", "There is "},
                                            {"no ", "there is "}}};
constexpr std::array<Opposite, 4> kStatements{{{"There is a ", "There is no "},
                                               {"There is an ", "There is no "},
                                               {"There are ", "There are no "},
                                               {"There is ", "There is no "}}};

constexpr std::array<std::string_view, 14> kVerbs{"is",     "are",      "was",     "were",  "has",
                                                  "have",   "appears",  "appear",  "may",   "can",
                                                  "cannot", "suggests", "suggest", "remain"};

bool is_ascii_letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; }

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(c < 0x80 ? std::tolower(c) : c); });
  return result;
}

using Range = SentenceSpan;  // bytes [begin, end)

std::vector<Range> words_of(std::string_view text, Range sentence) {
  std::vector<Range> words;
  for (std::size_t i = sentence.begin; i < sentence.end;) {
    std::size_t end = i;
    while (end < sentence.end && is_ascii_letter(text[end])) ++end;
    if (end > i) words.push_back({i, end});
    i = std::max(end, i + 1);
  }
  return words;
}

class Editor {
 public:
  Editor(std::string_view text, const Labeler& labeler, const Lexicon& lexicon)
      : text_(text), labeler_(labeler), lexicon_(lexicon), labels_(labeler.label(text)) {}

  std::vector<ReportEdit> edit() const {
    std::vector<ReportEdit> edits;
    const auto add = [&](std::optional<ReportEdit> edit) {
      if (edit) edits.push_back(std::move(*edit));
    };
    add(negate(kStatements, "stated to denied", /*denied=*/false));
    if (edits.empty()) add(prefix_no());
    add(negate(kDenials, "denied to stated", /*denied=*/true));
    add(exchange("side", kSides));
    add(exchange("size", kSizes));
    add(exchange("site", kSites));
    return edits;
  }

 private:
  std::string with(Range range, const std::string& words) const {
    return std::string(text_.substr(0, range.begin)) + words + std::string(text_.substr(range.end));
  }

  bool has(Range sentence, WordClass wanted) const {
    const std::vector<Range> words = words_of(text_, sentence);
    return std::any_of(words.begin(), words.end(), [&](Range word) {
      return lexicon_.classify(text_.substr(word.begin, word.end - word.begin)) == wanted;
    });
  }

  template <std::size_t N>
  std::optional<ReportEdit> negate(const std::array<Opposite, N>& openings, const char* change,
                                   bool denied) const {
    for (const Range sentence : sentence_spans(text_)) {
      if (has(sentence, WordClass::kNegation) != denied) continue;
      const std::string_view own = text_.substr(sentence.begin, sentence.end - sentence.begin);
      const auto opening = std::find_if(openings.begin(), openings.end(), [&](const Opposite& one) {
        return own.starts_with(one.word);
      });
      if (opening == openings.end()) continue;
      const std::string edited =
          with({sentence.begin, sentence.begin + std::string_view(opening->word).size()},
               opening->other);
      if (labeler_.label(edited) != labels_) return ReportEdit{"negation", change, edited};
    }
    return std::nullopt;
  }

  // "Small left effusion." becomes "No small left effusion.": a sentence without a verb.
  std::optional<ReportEdit> prefix_no() const {
    for (const Range sentence : sentence_spans(text_)) {
      const std::vector<Range> words = words_of(text_, sentence);
      if (words.empty() || words.front().begin != sentence.begin ||
          !has(sentence, WordClass::kEntity) || has(sentence, WordClass::kNegation))
        continue;
      const bool verb = std::any_of(words.begin(), words.end(), [&](Range word) {
        const std::string own = lower(text_.substr(word.begin, word.end - word.begin));
        return std::find(kVerbs.begin(), kVerbs.end(), own) != kVerbs.end();
      });
      if (verb) continue;
      std::string first = lower(text_.substr(words.front().begin, 1));
      const std::string edited = with({sentence.begin, sentence.begin + 1}, "No " + first);
      if (labeler_.label(edited) != labels_)
        return ReportEdit{"negation", "stated to denied", edited};
    }
    return std::nullopt;
  }

  template <std::size_t N>
  std::optional<ReportEdit> exchange(const char* kind, const std::array<Opposite, N>& words) const {
    for (const Range sentence : sentence_spans(text_)) {
      if (!has(sentence, WordClass::kEntity) || has(sentence, WordClass::kNegation)) continue;
      std::optional<Range> place;
      const Opposite* found = nullptr;
      int count = 0;
      for (const Range word : words_of(text_, sentence)) {
        const std::string own = lower(text_.substr(word.begin, word.end - word.begin));
        for (const Opposite& one : words) {
          if (own != one.word) continue;
          ++count;
          place = word;
          found = &one;
        }
      }
      if (count != 1) continue;
      std::string other = found->other;
      if (std::isupper(static_cast<unsigned char>(text_[place->begin])) != 0)
        other[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(other[0])));
      const std::string edited = with(*place, other);
      if (labeler_.label(edited) == labels_)
        return ReportEdit{kind, std::string(found->word) + " to " + found->other, edited};
    }
    return std::nullopt;
  }

  std::string_view text_;
  const Labeler& labeler_;
  const Lexicon& lexicon_;
  std::map<std::string, int> labels_;
};

}  // namespace

std::vector<ReportEdit> edit_report(std::string_view text, const Labeler& labeler,
                                    const Lexicon& lexicon) {
  return Editor(text, labeler, lexicon).edit();
}

}  // namespace biplane

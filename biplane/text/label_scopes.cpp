// Which trigger reaches which mention (docs/labels.md, "Scopes").
#include "biplane/text/label_scopes.h"

#include <algorithm>
#include <array>
#include <optional>

namespace biplane {
namespace {

constexpr std::uint32_t kCommaCost = 3;         // words that a comma counts for
constexpr std::uint32_t kOrganReach = 24;       // words, with the cost of commas
constexpr std::uint32_t kAlternativeReach = 4;  // likewise

bool ends_segment(const SentenceWords& words, std::uint32_t i) {
  if (!words.punctuation(i)) return false;
  const char mark = words[i].front();
  if (mark == ';' || mark == '!' || mark == '?') return true;
  if (mark != '.') return false;
  const auto digit = [&](std::uint32_t at) {
    return at < words.size() && words[at].front() >= '0' && words[at].front() <= '9';
  };
  return i == 0 || !digit(i - 1) || !digit(i + 1);  // not the point of "3.5"
}

// Keeps, of hits that overlap, the longest (then the first); several uses of the same words stay.
class Longest {
 public:
  explicit Longest(std::uint32_t words) : taken_(words, 0) {}

  // `hits` are of one pool; in the result they are in order.
  void keep(std::vector<PhraseHit>::iterator begin, std::vector<PhraseHit>::iterator end,
            std::vector<PhraseHit>& kept) {
    ++pool_;
    const auto first = static_cast<std::ptrdiff_t>(kept.size());
    std::stable_sort(begin, end, [](const PhraseHit& a, const PhraseHit& b) {
      const std::uint32_t length_a = a.end - a.begin, length_b = b.end - b.begin;
      return length_a != length_b ? length_a > length_b : a.begin < b.begin;
    });
    const PhraseHit* last = nullptr;
    for (auto hit = begin; hit != end; ++hit) {
      const auto from = taken_.begin() + hit->begin, to = taken_.begin() + hit->end;
      const bool same = last != nullptr && last->begin == hit->begin && last->end == hit->end;
      if (same ? last->use == hit->use : std::find(from, to, pool_) != to) continue;
      std::fill(from, to, pool_);
      kept.push_back(*hit);
      last = &*hit;
    }
    std::stable_sort(kept.begin() + first, kept.end(),
                     [](const PhraseHit& a, const PhraseHit& b) { return a.begin < b.begin; });
  }

 private:
  std::vector<std::uint32_t> taken_;
  std::uint32_t pool_ = 0;
};

class Sentence {
 public:
  Sentence(const SentenceWords& words, const LabelRules& rules) : words_(words), rules_(rules) {
    std::vector<PhraseHit> hits = rules.phrases.find(words);
    const auto role_before = [](PhraseRole role) {
      return [role](const PhraseHit& hit) { return hit.use.role < role; };
    };
    const auto triggers =
        std::stable_partition(hits.begin(), hits.end(), role_before(PhraseRole::kNegationBefore));
    if (triggers == hits.begin()) return;
    // Breaks are apart: ", possible" cuts and still doubts.
    const auto breaks =
        std::stable_partition(triggers, hits.end(), role_before(PhraseRole::kBreak));
    Longest longest(words.size());
    std::vector<PhraseHit> kept;
    longest.keep(triggers, breaks, kept);
    longest.keep(breaks, hits.end(), kept);
    for (const PhraseHit& hit : kept)
      by_role_[static_cast<std::size_t>(hit.use.role)].push_back(hit);
    std::stable_sort(hits.begin(), triggers, [](const PhraseHit& a, const PhraseHit& b) {
      return a.use.label < b.use.label;
    });
    for (auto begin = hits.begin(); begin != triggers;) {
      const auto end = std::find_if(
          begin, triggers, [&](const PhraseHit& hit) { return hit.use.label != begin->use.label; });
      longest.keep(begin, end, mentions_);
      begin = end;
    }
    measure();
  }

  std::vector<ScopedMention> decide() const {
    std::vector<ScopedMention> result;
    for (const PhraseHit& mention : mentions_) {
      if (mention.use.role == PhraseRole::kIgnore) continue;
      if (mention.use.role == PhraseRole::kOrgan) {
        decide_organ(mention, result);
      } else {
        result.push_back(decide_finding(mention));
      }
    }
    drop_yielding(result);
    return result;
  }

 private:
  using Trigger = const PhraseHit*;

  void drop_yielding(std::vector<ScopedMention>& result) const {
    std::vector<char> said(rules_.labels.size(), 0);
    for (const ScopedMention& mention : result) {
      if (mention.value != 0) said[static_cast<std::size_t>(mention.mention.use.label)] = 1;
    }
    std::erase_if(result, [&](const ScopedMention& mention) {
      const auto& yields = rules_.yields_to[static_cast<std::size_t>(mention.mention.use.label)];
      return std::any_of(yields.begin(), yields.end(), [&](std::int32_t label) {
        return said[static_cast<std::size_t>(label)] != 0;
      });
    });
  }

  const std::vector<PhraseHit>& role(PhraseRole role) const {
    return by_role_[static_cast<std::size_t>(role)];
  }

  // Segments, commas and conjunctions before each word.
  void measure() {
    const std::uint32_t size = words_.size();
    segment_.resize(size + 1);
    commas_.resize(size + 1);
    last_comma_.resize(size + 1);
    last_conjunction_.resize(size + 1);
    std::uint32_t segment = 0, commas = 0, comma = 0, conjunction = 0;
    auto next_break = role(PhraseRole::kBreak).begin();
    for (std::uint32_t i = 0; i < size; ++i) {
      if (next_break != role(PhraseRole::kBreak).end() && next_break->begin == i) {
        ++segment;
        ++next_break;
      }
      segment_[i] = segment;
      if (ends_segment(words_, i)) ++segment;
      const std::string_view word = words_[i];
      if (word == ",") comma = i + 1, ++commas;
      if (word == "or" || word == "and" || word == "nor" || word == "/") conjunction = i + 1;
      commas_[i + 1] = commas;
      last_comma_[i + 1] = comma;
      last_conjunction_[i + 1] = conjunction;
    }
  }

  // The last trigger of a role in the mention's segment that ends at or before word `at`.
  Trigger before(PhraseRole kind, const PhraseHit& mention, std::uint32_t at) const {
    const std::vector<PhraseHit>& hits = role(kind);
    auto next = std::partition_point(hits.begin(), hits.end(),
                                     [&](const PhraseHit& hit) { return hit.end <= at; });
    if (next == hits.begin()) return nullptr;
    --next;
    return segment_[next->begin] == segment_[mention.begin] ? &*next : nullptr;
  }

  // The first trigger of a role that begins behind the mention in its segment.
  Trigger after(PhraseRole kind, const PhraseHit& mention) const {
    const std::vector<PhraseHit>& hits = role(kind);
    const auto next = std::partition_point(
        hits.begin(), hits.end(), [&](const PhraseHit& hit) { return hit.begin < mention.end; });
    if (next == hits.end() || segment_[next->begin] != segment_[mention.end - 1]) return nullptr;
    return &*next;
  }

  // The same where the trigger speaks of the mention: no comma is between them, but those of a list
  // that ends with a conjunction ("effusion, edema or pneumothorax is not seen").
  Trigger after_list(PhraseRole kind, const PhraseHit& mention) const {
    const Trigger trigger = after(kind, mention);
    if (trigger == nullptr || commas_[mention.end] == commas_[trigger->begin]) return trigger;
    const bool list = last_conjunction_[trigger->begin] >= last_comma_[trigger->begin];
    return list ? trigger : nullptr;
  }

  std::uint32_t distance(const PhraseHit& a, const PhraseHit& b) const {
    const std::uint32_t from = std::min(a.end, b.end), to = std::max(a.begin, b.begin);
    if (to <= from) return 0;
    return to - from + kCommaCost * (commas_[to] - commas_[from]);
  }

  // The nearest trigger of a role within `reach` words; of equally near ones the one behind.
  Trigger nearest(PhraseRole kind, const PhraseHit& mention, std::uint32_t reach) const {
    const Trigger front = before(kind, mention, mention.begin), back = after(kind, mention);
    const auto far = [&](Trigger t) { return t == nullptr ? reach + 1 : distance(*t, mention); };
    const Trigger found = far(back) <= far(front) ? back : front;
    return far(found) <= reach ? found : nullptr;
  }

  static void set(ScopedMention& mention, int value, Trigger trigger) {
    mention.value = value;
    mention.trigger_begin = trigger->begin;
    mention.trigger_end = trigger->end;
  }

  // The negation that reaches a mention, else nothing. One inside a gap of the phrase does too:
  // "heart is possibly enlarged".
  Trigger negation(const PhraseHit& mention) const {
    const Trigger trigger = before(PhraseRole::kNegationBefore, mention, mention.end);
    return trigger != nullptr ? trigger : after_list(PhraseRole::kNegationAfter, mention);
  }
  Trigger uncertainty(const PhraseHit& mention) const {
    const Trigger trigger = before(PhraseRole::kUncertaintyBefore, mention, mention.end);
    if (trigger != nullptr) return trigger;
    const Trigger behind = after_list(PhraseRole::kUncertaintyAfter, mention);
    return behind != nullptr ? behind
                             : nearest(PhraseRole::kAlternative, mention, kAlternativeReach);
  }

  // A negation wins over doubt: "no findings to suggest pneumonia", "may be scar without effusion".
  ScopedMention decide_finding(const PhraseHit& mention) const {
    ScopedMention result{mention};
    if (const Trigger trigger = negation(mention)) {
      set(result, 0, trigger);
    } else if (const Trigger doubt = uncertainty(mention)) {
      set(result, -1, doubt);
    } else if (mention.use.role == PhraseRole::kAbsent) {
      result.value = 0;
    } else if (mention.use.role == PhraseRole::kUncertain) {
      result.value = -1;
    }
    return result;
  }

  void decide_organ(const PhraseHit& organ, std::vector<ScopedMention>& result) const {
    ScopedMention decided{organ};
    const Trigger unsure = nearest(PhraseRole::kOrganUncertain, organ, kOrganReach);
    const Trigger normal = nearest(PhraseRole::kOrganNormal, organ, kOrganReach);
    const Trigger abnormal = nearest(PhraseRole::kOrganAbnormal, organ, kOrganReach);
    if (unsure != nullptr) {
      set(decided, -1, unsure);
    } else if (abnormal != nullptr &&
               (normal == nullptr || distance(*abnormal, organ) < distance(*normal, organ))) {
      decide_abnormal(*abnormal, decided);
    } else if (normal != nullptr) {
      set(decided, 0, normal);
    } else if (const Trigger negated = negation(organ)) {
      set(decided, 0, negated);
    } else if (const Trigger doubt = uncertainty(organ)) {
      set(decided, -1, doubt);
    } else {
      const LabelRules::Alone& alone =
          rules_.organ_alone[static_cast<std::size_t>(organ.use.label)];
      if (!alone.said) return;
      decided.value = alone.value;
    }
    result.push_back(decided);
  }

  void decide_abnormal(const PhraseHit& abnormal, ScopedMention& decided) const {
    if (const Trigger negated = negation(abnormal)) {
      set(decided, 0, negated);
    } else if (const Trigger doubt = uncertainty(abnormal)) {
      set(decided, -1, doubt);
    } else {
      set(decided, 1, &abnormal);
    }
  }

  const SentenceWords& words_;
  const LabelRules& rules_;
  std::vector<PhraseHit> mentions_;
  std::array<std::vector<PhraseHit>, kPhraseRoles> by_role_;
  std::vector<std::uint32_t> segment_, commas_, last_comma_, last_conjunction_;
};

}  // namespace

std::vector<ScopedMention> scoped_mentions(const SentenceWords& words, const LabelRules& rules) {
  return Sentence(words, rules).decide();
}

}  // namespace biplane

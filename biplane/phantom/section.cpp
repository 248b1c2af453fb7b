#include "biplane/phantom/section.h"

#include <algorithm>
#include <cmath>

namespace biplane {

TextShape TextShape::of(const std::string& sentence) {
  return {1,
          1 + static_cast<double>(std::count(sentence.begin(), sentence.end(), ' ')),
          static_cast<double>(sentence.size()),
          static_cast<double>(std::count(sentence.begin(), sentence.end(), ',')),
          0,
          0};
}

TextShape TextShape::plus(const TextShape& other) const {
  return {sentences + other.sentences,     words + other.words,
          letters + other.letters,         commas + other.commas,
          comparisons + other.comparisons, held_out + other.held_out};
}

TextShape TextShape::minus(const TextShape& other) const {
  return {sentences - other.sentences,     words - other.words,
          letters - other.letters,         commas - other.commas,
          comparisons - other.comparisons, held_out - other.held_out};
}

double TextShape::distance(const TextShape& other) const {
  return 3 * std::abs(words - other.words) + std::abs(letters - other.letters) +
         16 * std::abs(commas - other.commas) + 60 * std::abs(comparisons - other.comparisons) +
         10 * std::abs(held_out - other.held_out);
}

namespace {

constexpr std::size_t kLooks = 64;  // of each list, when one sentence is exchanged

// One choice of sentences: an index into each list of statements, then indices of fillers.
class Draft {
 public:
  Draft(const SectionRequest& request, CounterRandom& random) : request_(request) {
    for (const auto& choices : request.statements) {
      stated_.push_back(pick(choices.size(), random));
      shape_ = shape_.plus(choices[stated_.back()].shape);
    }
    for (int tries = 0; shape_.sentences < request.wanted.sentences && tries < 300; ++tries) {
      const std::size_t filler = pick(request.fillers.size(), random);
      fillers_.push_back(filler);
      if (!consistent()) {
        fillers_.pop_back();
        continue;
      }
      shape_ = shape_.plus(request.fillers[filler].shape);
    }
  }

  double distance() const { return shape_.distance(request_.wanted); }

  // Exchanges single sentences for nearer ones, starting anywhere. False when nothing helped.
  bool improve(CounterRandom& random) {
    bool improved = false;
    for (std::size_t slot = 0; slot < stated_.size(); ++slot)
      improved |= improve_slot(request_.statements[slot], stated_[slot], random);
    for (std::size_t slot = 0; slot < fillers_.size(); ++slot)
      improved |= improve_slot(request_.fillers, fillers_[slot], random);
    return improved;
  }

  std::vector<Sentence> sentences() const {
    std::vector<Sentence> out;
    for (std::size_t i = 0; i < stated_.size(); ++i)
      out.push_back(request_.statements[i][stated_[i]]);
    for (const std::size_t filler : fillers_) out.push_back(request_.fillers[filler]);
    return out;
  }

 private:
  static std::size_t pick(std::size_t count, CounterRandom& random) {
    return static_cast<std::size_t>(random.below(static_cast<std::int64_t>(count)));
  }

  bool improve_slot(const std::vector<Sentence>& choices, std::size_t& slot,
                    CounterRandom& random) {
    const TextShape rest = shape_.minus(choices[slot].shape);
    const std::size_t before = slot, first = pick(choices.size(), random);
    double best = distance();
    std::size_t chosen = before;
    for (std::size_t i = 0; i < std::min(choices.size(), kLooks); ++i) {
      const std::size_t candidate = (first + i) % choices.size();
      const double next = rest.plus(choices[candidate].shape).distance(request_.wanted);
      if (next >= best) continue;
      slot = candidate;
      if (consistent()) {
        best = next;
        chosen = candidate;
      }
    }
    slot = chosen;
    shape_ = rest.plus(choices[slot].shape);
    return chosen != before;
  }

  // No filler twice, none that is only about what others are about.
  bool consistent() const {
    for (std::size_t i = 0; i < fillers_.size(); ++i) {
      const std::uint64_t own = request_.fillers[fillers_[i]].topics();
      std::uint64_t others = request_.said;
      for (std::size_t k = 0; k < fillers_.size(); ++k) {
        if (k == i) continue;
        if (fillers_[k] == fillers_[i]) return false;
        others |= request_.fillers[fillers_[k]].topics();
      }
      if (own != 0 && (own & ~others) == 0) return false;
    }
    return true;
  }

  const SectionRequest& request_;
  std::vector<std::size_t> stated_, fillers_;
  TextShape shape_;
};

}  // namespace

std::vector<Sentence> compose_section(const SectionRequest& request, CounterRandom& random) {
  // As many as the guard on a report's style asks for (tests/phantom, Guard.Style*).
  constexpr int kDrafts = 24, kRounds = 4;
  std::vector<Sentence> best;
  double nearest = 0;
  for (int i = 0; i < kDrafts; ++i) {
    Draft draft(request, random);
    for (int round = 0; round < kRounds && draft.improve(random); ++round) {
    }
    if (i > 0 && draft.distance() >= nearest) continue;
    nearest = draft.distance();
    best = draft.sentences();
  }
  return best;
}

}  // namespace biplane

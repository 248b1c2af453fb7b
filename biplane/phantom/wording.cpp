#include "biplane/phantom/wording.h"

#include <algorithm>
#include <cctype>

#include "biplane/core/error.h"

namespace biplane {
namespace {

std::size_t pick(std::size_t count, CounterRandom& random) {
  return static_cast<std::size_t>(random.below(static_cast<std::int64_t>(count)));
}

// The alternative with this number in "one|two|".
std::string alternative(const std::string& choices, std::size_t number) {
  std::size_t begin = 0;
  for (; number > 0; --number) begin = choices.find('|', begin) + 1;
  return choices.substr(begin, choices.find('|', begin) - begin);
}

// Replaces every part between the two marks by what `make` says for its inside.
template <class Make>
std::string replace_marked(const std::string& text, char open, char close, const Make& make) {
  std::string out;
  std::size_t begin = 0;
  for (std::size_t at = text.find(open); at != std::string::npos; at = text.find(open, begin)) {
    const std::size_t end = text.find(close, at);
    out += text.substr(begin, at - begin) + make(text.substr(at + 1, end - at - 1));
    begin = end + 1;
  }
  return out + text.substr(begin);
}

}  // namespace

std::string word_phrase(const std::string& phrasing, const SlotWords& slots,
                        CounterRandom& random) {
  const std::string chosen = replace_marked(phrasing, '(', ')', [&](const std::string& choices) {
    const auto count = 1 + std::count(choices.begin(), choices.end(), '|');
    return alternative(choices, pick(static_cast<std::size_t>(count), random));
  });
  if (chosen.find('{') == std::string::npos) return chosen;
  SlotWords left = slots;
  return replace_marked(chosen, '{', '}', [&](const std::string& slot) {
    const auto found =
        std::find_if(left.begin(), left.end(), [&](const auto& s) { return s.first == slot; });
    if (found == left.end()) return "{" + slot + "}";
    std::vector<std::string>& words = found->second;
    const std::size_t at = pick(words.size(), random);
    std::string word = words[at];
    if (words.size() > 1) words.erase(words.begin() + static_cast<std::ptrdiff_t>(at));
    return word;
  });
}

std::string capitalised(std::string sentence) {
  if (!sentence.empty())
    sentence[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(sentence[0])));
  return sentence;
}

std::string wording_problem(const std::string& phrasing, const std::vector<std::string>& slots) {
  for (const auto& [open, close] : {std::pair{'(', ')'}, {'{', '}'}}) {
    bool inside = false;
    for (const char c : phrasing) {
      if (c == (inside ? open : close)) return std::string("has a '") + c + "' too many";
      if (c == open || c == close) inside = !inside;
    }
    if (inside) return std::string("lacks a '") + close + "'";
  }
  std::string problem;
  replace_marked(phrasing, '{', '}', [&](const std::string& slot) {
    if (problem.empty() && std::find(slots.begin(), slots.end(), slot) == slots.end())
      problem = "has the unknown slot {" + slot + "}" + did_you_mean(slot, slots);
    return std::string();
  });
  return problem;
}

}  // namespace biplane

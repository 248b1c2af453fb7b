#pragma once

#include <string>
#include <utility>
#include <vector>

#include "biplane/core/random.h"

namespace biplane {

// Words that may stand for each slot of a phrasing: {"size", {"small", "tiny"}}.
using SlotWords = std::vector<std::pair<std::string, std::vector<std::string>>>;

// One wording of a phrasing: a random choice of every "(one|two|)", then of the words of every
// "{slot}"; a slot that occurs again gets another word where there is one. Slots that are not
// listed stay as they are.
std::string word_phrase(const std::string& phrasing, const SlotWords& slots, CounterRandom& random);

// With its first letter, if it is one, as a capital.
std::string capitalised(std::string sentence);

// What is wrong with the parentheses or braces of a phrasing, or with a slot that is not among
// `slots`; empty if nothing is.
std::string wording_problem(const std::string& phrasing, const std::vector<std::string>& slots);

}  // namespace biplane

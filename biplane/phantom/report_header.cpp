#include "biplane/phantom/report_header.h"

#include <vector>

#include "biplane/phantom/wording.h"

namespace biplane {

std::string write_report_header(const NarrativeInput& input, const SectionPhrases& phrases,
                                bool prior, CounterRandom& random) {
  const std::string date = std::to_string(1 + random.below(12)) + "/" +
                           std::to_string(1 + random.below(28)) + "/" +
                           std::to_string(2009 + random.below(10));
  const SlotWords words = {{"age", {std::to_string(static_cast<int>(input.age))}},
                           {"sex", {input.female ? "female" : "male"}},
                           {"who", {input.female ? "woman" : "man"}},
                           {"date", {date}},
                           {"symptom", phrases.symptom},
                           {"question", phrases.question}};
  const auto any = [&](const std::vector<std::string>& texts) {
    const std::int64_t at = random.below(static_cast<std::int64_t>(texts.size()));
    return capitalised(word_phrase(texts[static_cast<std::size_t>(at)], words, random));
  };
  std::string header = "EXAMINATION: " + any(phrases.examination);
  header += " INDICATION: " + any(phrases.indication);
  return header + " COMPARISON: " + any(prior ? phrases.with_prior : phrases.without_prior);
}

}  // namespace biplane

#include "biplane/text/masking.h"

#include <gmock/gmock.h>

#include <cmath>
#include <map>
#include <set>

#include "biplane/core/error.h"
#include "tests/text/test_lexicon.h"

namespace biplane {
namespace {

using testing::letter_vocabulary;
using testing::source_lexicon;

const Vocabulary& vocabulary() {
  static const Vocabulary kVocabulary = letter_vocabulary();
  return kVocabulary;
}

struct Sample {
  Encoding encoding;
  WordAnnotation words;
};

Sample sample(const std::string& text) {
  const WordPieceTokenizer tokenizer(vocabulary());
  Sample result{tokenizer.encode(text), {}};
  result.words = source_lexicon().annotate(text, result.encoding);
  return result;
}

MaskedReport mask(const Sample& s, const MaskingOptions& options, std::uint64_t seed) {
  return mask_report(s.encoding, s.words, vocabulary(), options, CounterRandom(seed, "mask"));
}

// Fraction of draws in which each word (by its number) is masked.
std::map<std::int32_t, double> mask_rates(const Sample& s, const MaskingOptions& options,
                                          int draws = 4000) {
  std::map<std::int32_t, double> rates;
  for (int seed = 0; seed < draws; ++seed) {
    const MaskedReport masked = mask(s, options, static_cast<std::uint64_t>(seed));
    std::int32_t previous = -1;
    for (std::size_t i = 0; i < s.encoding.size(); ++i) {
      const std::int32_t word = s.words.word_ids[i];
      if (word < 0) continue;
      if (word != previous) rates[word] += masked.labels[i] >= 0 ? 1.0 / draws : 0.0;
      previous = word;
    }
  }
  return rates;
}

constexpr double kTolerance = 0.03;  // four standard deviations of a rate over 4,000 draws

TEST(Masking, EntityAndOtherWordsHaveTheProbabilitiesOfTheMethod) {
  const auto with = mask_rates(sample("large effusion seen again below here now"), {});
  EXPECT_NEAR(with.at(1), 0.75, kTolerance);
  for (const std::int32_t other : {0, 2, 3, 4, 5, 6}) EXPECT_NEAR(with.at(other), 0.65, kTolerance);
  for (const auto& [word, rate] :
       mask_rates(sample("lungs clear again and heart looks normal"), {})) {
    EXPECT_NEAR(rate, 0.70, kTolerance) << word;
  }
}

TEST(Masking, ClassesMayHaveProbabilitiesOfTheirOwn) {
  MaskingOptions options;
  options.negation = 0;
  options.side = 1;
  options.size = 0.25;
  const auto rates = mask_rates(sample("no left small effusion"), options);
  EXPECT_EQ(rates.at(0), 0.0);
  EXPECT_EQ(std::lround(rates.at(1) * 4000), 4000);
  EXPECT_NEAR(rates.at(2), 0.25, kTolerance);
}

TEST(Masking, RandomStrategyIgnoresTheClasses) {
  MaskingOptions options;
  options.strategy = "random";
  options.random_probability = 0.4;
  for (const auto& [word, rate] :
       mask_rates(sample("no left small effusion in both lower lobes"), options)) {
    EXPECT_NEAR(rate, 0.4, kTolerance) << word;
  }
}

TEST(Masking, ANegativeRandomProbabilityMasksTheShareOfTheSemanticStrategyEvenly) {
  MaskingOptions even;
  even.strategy = "random";
  even.random_probability = -1;
  check_masking_options(even);
  // One entity of 0.75 among seven words, the others 0.65; without an entity all have 0.7.
  for (const auto& [word, rate] :
       mask_rates(sample("large effusion seen again below here now"), even))
    EXPECT_NEAR(rate, (0.75 + 6 * 0.65) / 7, kTolerance) << word;
  for (const auto& [word, rate] :
       mask_rates(sample("lungs clear again and heart looks normal"), even))
    EXPECT_NEAR(rate, 0.70, kTolerance) << word;
  even.entity = 0;
  even.other_with_entity = 0.35;
  for (const auto& [word, rate] :
       mask_rates(sample("large effusion seen again below here now"), even))
    EXPECT_NEAR(rate, 0.3, kTolerance) << word;
}

TEST(Masking, AllPiecesOfAWordAreMaskedTogether) {
  const Sample s = sample("no right-sided effusion, heart normal.");
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const MaskedReport masked = mask(s, {}, seed);
    for (std::size_t i = 1; i < s.encoding.size(); ++i) {
      if (s.words.word_ids[i] != s.words.word_ids[i - 1]) continue;
      ASSERT_EQ(masked.labels[i] >= 0, masked.labels[i - 1] >= 0)
          << "token " << i << ", seed " << seed;
    }
  }
}

TEST(Masking, LabelsAreTheOriginalsAtMaskedPlacesOnly) {
  const Sample s = sample("no left small effusion");
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const MaskedReport masked = mask(s, {}, seed);
    ASSERT_EQ(masked.labels.size(), s.encoding.size());
    for (std::size_t i = 0; i < s.encoding.size(); ++i) {
      if (masked.labels[i] == -100) {
        ASSERT_EQ(masked.masked_ids[i], s.encoding.ids[i]);
      } else {
        ASSERT_EQ(masked.labels[i], s.encoding.ids[i]);
        ASSERT_EQ(masked.masked_ids[i], vocabulary().mask_id());
      }
    }
  }
}

TEST(Masking, SpecialTokensAreNeverMasked) {
  const Sample s = sample("\u4e2d effusion \u00df\u00df");  // two words the vocabulary cannot spell
  ASSERT_EQ(s.encoding.ids[1], vocabulary().unk_id());
  MaskingOptions options;
  options.entity = options.other_with_entity = 1;
  const MaskedReport masked = mask(s, options, 1);
  for (std::size_t i = 0; i < s.encoding.size(); ++i) {
    EXPECT_EQ(masked.labels[i] == -100, vocabulary().is_special(s.encoding.ids[i])) << i;
  }
}

TEST(Masking, AtLeastOneWordIsMasked) {
  MaskingOptions options;
  options.entity = options.other_with_entity = options.other_without_entity = 0;
  for (const char* text : {"effusion", "lungs clear.", "."}) {
    const Sample s = sample(text);
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
      const MaskedReport masked = mask(s, options, seed);
      std::set<std::int32_t> words;
      for (std::size_t i = 0; i < s.encoding.size(); ++i) {
        if (masked.labels[i] >= 0) words.insert(s.words.word_ids[i]);
      }
      ASSERT_EQ(words.size(), 1u) << text;
    }
  }
}

TEST(Masking, AReportWithoutWordsStaysAsItIs) {
  const Sample s = sample("\u4e2d");
  const MaskedReport masked = mask(s, {}, 1);
  EXPECT_EQ(masked.masked_ids, s.encoding.ids);
  EXPECT_THAT(masked.labels, ::testing::Each(-100));
}

TEST(Masking, IsAPureFunctionOfItsArguments) {
  const Sample s = sample("no left small effusion in the lower lobe");
  EXPECT_EQ(mask(s, {}, 5).labels, mask(s, {}, 5).labels);
  std::set<std::vector<std::int64_t>> different;
  for (std::uint64_t seed = 0; seed < 50; ++seed) different.insert(mask(s, {}, seed).labels);
  EXPECT_GT(different.size(), 10u);
}

TEST(Masking, DescriptorsAreMaskedWithTheirEntity) {
  MaskingOptions options;
  options.entity = 1;
  options.other_with_entity = 0;
  options.descriptor_context = 2;
  const auto rates = mask_rates(sample("seen, small left effusion again"), options, 50);
  EXPECT_EQ(rates.at(0), 0.0);                      // seen
  EXPECT_NEAR(rates.at(2) + rates.at(3), 2, 1e-9);  // small left
  EXPECT_EQ(rates.at(5), 0.0);                      // again
  const auto stopped = mask_rates(sample("small, effusion"), options, 50);
  EXPECT_EQ(stopped.at(0), 0.0) << "punctuation ends the context";
}

TEST(Masking, EightyTenTenReplacesInThatProportion) {
  MaskingOptions options;
  options.replace_80_10_10 = true;
  options.entity = 1;
  options.other_with_entity = 0;
  const Sample s = sample("effusion");
  double mask_token = 0, kept = 0;
  constexpr int kDraws = 4000;
  for (std::uint64_t seed = 0; seed < kDraws; ++seed) {
    const MaskedReport masked = mask(s, options, seed);
    ASSERT_GE(masked.labels[1], 0);
    mask_token += masked.masked_ids[1] == vocabulary().mask_id() ? 1.0 / kDraws : 0.0;
    kept += masked.masked_ids == s.encoding.ids ? 1.0 / kDraws : 0.0;
    for (std::size_t i = 1; i + 1 < s.encoding.size(); ++i) {
      ASSERT_TRUE(masked.masked_ids[i] == vocabulary().mask_id() ||
                  !vocabulary().is_special(masked.masked_ids[i]));
    }
  }
  EXPECT_NEAR(mask_token, 0.8, kTolerance);
  EXPECT_NEAR(kept, 0.1, kTolerance);
}

TEST(Masking, OptionsOutOfRangeNameTheField) {
  const auto message = [](MaskingOptions options) -> std::string {
    try {
      check_masking_options(options);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_EQ(message({}), "no error");
  MaskingOptions options;
  options.entity = 1.5;
  EXPECT_THAT(message(options), ::testing::HasSubstr("masking.entity"));
  options = {};
  options.strategy = "semantics";
  EXPECT_THAT(message(options), ::testing::HasSubstr("masking.strategy"));
  options = {};
  options.side = std::nan("");
  EXPECT_THAT(message(options), ::testing::HasSubstr("masking.side"));
}

}  // namespace
}  // namespace biplane

// The legacy generator against golden/numpy_random (numpy): integers and random_sample exactly,
// normal numbers to 1e-15.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "biplane/core/legacy_random.h"
#include "biplane/core/sha256.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

using nlohmann::json;
using Numbers = std::vector<std::int64_t>;
using Replace = LegacyRandom::Replace;

const char* const kFile = "golden/numpy_random/random_state.json";

json read_values() {
  std::ifstream file(testing::test_data(kFile));
  return json::parse(file);
}

// Every entry of a stream is drawn from a fresh generator.
template <class Draw>
void for_streams(const Draw& draw) {
  const json values = read_values();
  for (const json& stream : values.at("streams")) {
    SCOPED_TRACE("seed " + stream["seed"].dump());
    draw(stream, [&stream] { return LegacyRandom(stream["seed"].get<std::uint32_t>()); });
  }
}

std::string little_endian_sha256(const Numbers& numbers) {
  std::string bytes;
  for (const std::int64_t number : numbers) {
    for (int shift = 0; shift < 64; shift += 8)
      bytes += static_cast<char>(static_cast<std::uint64_t>(number) >> shift & 0xffU);
  }
  return sha256_hex(bytes);
}

void expect_numbers(const Numbers& numbers, const json& expected, const std::string& what) {
  ASSERT_EQ(numbers.size(), expected["n"].get<std::size_t>()) << what;
  const Numbers first = expected["first"], last = expected["last"];
  EXPECT_EQ(Numbers(numbers.begin(), numbers.begin() + static_cast<std::ptrdiff_t>(first.size())),
            first)
      << what;
  EXPECT_EQ(Numbers(numbers.end() - static_cast<std::ptrdiff_t>(last.size()), numbers.end()), last)
      << what;
  EXPECT_EQ(little_endian_sha256(numbers), expected["sha256"]) << what;
}

template <class Draw>
void expect_each(const json& expected, const std::string& what, const Draw& draw) {
  ASSERT_FALSE(expected.empty()) << what;
  for (const json& value : expected) EXPECT_EQ(draw(), value.get<decltype(draw())>()) << what;
}

void expect_normal(LegacyRandom& random, const json& expected, double mean, double deviation) {
  for (const json& value : expected) {
    const double wanted = value;
    EXPECT_NEAR(mean + deviation * random.normal(), wanted,
                1e-15 * std::max(1.0, std::abs(wanted)));
  }
}

TEST(LegacyRandomGolden, WordsAndUniformNumbers) {
  BIPLANE_NEEDS_TEST_DATA(kFile);
  for_streams([](const json& stream, const auto& fresh) {
    LegacyRandom words = fresh(), uniform = fresh(), scaled = fresh();
    expect_each(stream["raw_uint32"], "words", [&] { return words.next_u32(); });
    expect_each(stream["random_sample"], "uniform", [&] { return uniform.uniform(); });
    expect_each(stream["uniform_minus2_5"], "scaled", [&] { return scaled.uniform(-2, 5); });
  });
}

TEST(LegacyRandomGolden, ASeedOfSeveralWords) {
  BIPLANE_NEEDS_TEST_DATA(kFile);
  const json expected = read_values().at("array_seed");
  const std::vector<std::uint32_t> key = expected["seed"];
  LegacyRandom random(key);
  expect_each(expected["random_sample"], "uniform", [&] { return random.uniform(); });
}

TEST(LegacyRandomGolden, BoundedIntegers) {
  BIPLANE_NEEDS_TEST_DATA(kFile);
  for_streams([](const json& stream, const auto& fresh) {
    for (const auto& [n, expected] : stream["randint"].items()) {
      LegacyRandom random = fresh();
      expect_each(expected, n, [&, bound = std::stoll(n)] { return random.below(bound); });
    }
  });
}

TEST(LegacyRandomGolden, PermutationsAndShuffles) {
  BIPLANE_NEEDS_TEST_DATA(kFile);
  for_streams([](const json& stream, const auto& fresh) {
    for (const auto& [n, expected] : stream["permutation"].items())
      expect_numbers(fresh().permutation(std::stoll(n)), expected, "permutation of " + n);
    Numbers numbers;
    for (std::int64_t i = 10; i < 30; ++i) numbers.push_back(i);
    fresh().shuffle(numbers);
    EXPECT_EQ(numbers, stream["shuffle_10_to_29"].get<Numbers>());
    std::vector<Numbers> rows;
    for (std::int64_t i = 0; i < 6; ++i) rows.push_back({2 * i, 2 * i + 1});
    fresh().shuffle(rows);
    EXPECT_EQ(rows, stream["shuffle_rows_of_6x2"].get<std::vector<Numbers>>());
  });
}

TEST(LegacyRandomGolden, Choices) {
  BIPLANE_NEEDS_TEST_DATA(kFile);
  const std::vector<double> probabilities{0.1, 0.2, 0.3, 0.4};
  const auto arguments = [](const std::string& text) {  // "n,count"
    return std::pair(std::stoll(text), std::stoll(text.substr(text.find(',') + 1)));
  };
  for_streams([&](const json& stream, const auto& fresh) {
    for (const auto& [text, expected] : stream["choice_without"].items()) {
      const auto [n, count] = arguments(text);
      expect_numbers(fresh().choice(n, count, Replace::kNo), expected, text);
    }
    for (const auto& [text, expected] : stream["choice_with"].items()) {
      const auto [n, count] = arguments(text);
      EXPECT_EQ(fresh().choice(n, count, Replace::kYes), expected.template get<Numbers>()) << text;
    }
    const Numbers weighted = stream["choice_with_probabilities"];
    EXPECT_EQ(
        fresh().choice(static_cast<std::int64_t>(weighted.size()), Replace::kYes, probabilities),
        weighted);
    if (!stream.contains("choice_without_with_probabilities")) return;  // the larger set lacks it
    const Numbers once = stream["choice_without_with_probabilities"];
    EXPECT_EQ(fresh().choice(static_cast<std::int64_t>(once.size()), Replace::kNo, probabilities),
              once);
  });
}

TEST(LegacyRandomGolden, NormalNumbersComeInPairs) {
  BIPLANE_NEEDS_TEST_DATA(kFile);
  for_streams([](const json& stream, const auto& fresh) {
    LegacyRandom standard = fresh(), scaled = fresh();
    expect_normal(standard, stream["normal"], 0, 1);
    expect_normal(scaled, stream["normal_loc3_scale2"], 3, 2);

    LegacyRandom random = fresh();
    const json& calls = stream["two_calls_in_a_row"];
    const auto uniform = [&] { return random.uniform(); };
    expect_each(calls[0][1], "first uniform numbers", uniform);
    EXPECT_EQ(random.choice(10, 5, Replace::kYes), calls[1][1].get<Numbers>());
    expect_normal(random, calls[2][1], 0, 1);
    EXPECT_EQ(random.permutation(6), calls[3][1].get<Numbers>());
    expect_normal(random, calls[4][1], 0, 1);
    EXPECT_EQ(random.choice(9, 4, Replace::kNo), calls[5][1].get<Numbers>());
    expect_each(calls[6][1], "last uniform numbers", uniform);
  });
}

}  // namespace
}  // namespace biplane

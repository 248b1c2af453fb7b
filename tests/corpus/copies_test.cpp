#include "biplane/corpus/copies.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "biplane/core/random.h"

namespace biplane {
namespace {

using Values = std::vector<double>;
using Prints = std::vector<std::optional<Fingerprint>>;

Fingerprint print_of(const Values& values) {
  double length = 0;
  for (const double value : values) length += value * value;
  Fingerprint print;
  for (std::size_t i = 0; i < values.size(); ++i)
    print.values[i] =
        static_cast<std::int16_t>(std::lround(values[i] / std::sqrt(length) * Fingerprint::kScale));
  return print;
}

Values random_values(CounterRandom& random) {
  Values values(Fingerprint::kSize);
  for (double& value : values) value = random.normal();
  return values;
}

// A fingerprint that resembles the one of `values` as much as is wanted (up to chance).
Fingerprint alike(const Values& values, double wanted, CounterRandom& random) {
  const double other = std::sqrt(1 / (wanted * wanted) - 1);
  Values mixed = values;
  for (double& value : mixed) value += other * random.normal();
  return print_of(mixed);
}

// `count` chests, as alike as phantoms or real ones are: 0.7 on average.
std::vector<Values> chests(int count, CounterRandom& random) {
  const Values common = random_values(random);
  std::vector<Values> all;
  for (int i = 0; i < count; ++i) {
    Values chest = random_values(random);
    for (std::size_t k = 0; k < chest.size(); ++k) chest[k] = 1.5 * common[k] + chest[k];
    all.push_back(chest);
  }
  return all;
}

TEST(Copies, AreFoundAmongChestsThatResembleEachOther) {
  CounterRandom random(1, "copies-test");
  constexpr int kChests = 2000, kCopied = 500;
  Prints prints;
  const std::vector<Values> originals = chests(kChests, random);
  for (const Values& chest : originals) prints.emplace_back(print_of(chest));
  for (int i = 0; i < kCopied; ++i) {
    Values chest = originals[static_cast<std::size_t>(3 * i)];
    for (double& value : chest) value /= std::sqrt(1 + 1.5 * 1.5);
    prints.emplace_back(alike(chest, 0.9985, random));
  }
  std::vector<std::vector<std::int64_t>> expected;
  for (std::int64_t i = 0; i < kCopied; ++i) expected.push_back({3 * i, kChests + i});
  EXPECT_EQ(copy_groups(prints, 1), expected);
  EXPECT_EQ(copy_groups(prints, 3), expected);
}

TEST(Copies, OfTwoImagesAloneAreFound) {
  CounterRandom random(2, "copies-test");
  const Values values = random_values(random);
  const Prints prints{print_of(values), std::nullopt, alike(values, 0.999, random)};
  EXPECT_THAT(copy_groups(prints, 1), ::testing::ElementsAre(std::vector<std::int64_t>{0, 2}));
}

TEST(Copies, BelowTheResemblanceAreNone) {
  CounterRandom random(3, "copies-test");
  Prints prints;
  for (int i = 0; i < 200; ++i) {
    const Values values = random_values(random);
    prints.emplace_back(print_of(values));
    prints.emplace_back(alike(values, 0.98, random));
  }
  EXPECT_THAT(copy_groups(prints, 1), ::testing::IsEmpty());
}

TEST(Copies, AThousandOfOneImageAreOneGroup) {
  CounterRandom random(4, "copies-test");
  const Values values = random_values(random);
  Prints prints;
  for (int i = 0; i < 1000; ++i) prints.emplace_back(alike(values, 0.9995, random));
  const auto groups = copy_groups(prints, 1);
  ASSERT_EQ(groups.size(), 1u);
  EXPECT_EQ(groups[0].size(), 1000u);
}

}  // namespace
}  // namespace biplane

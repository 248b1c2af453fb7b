#include "biplane/eval/ranked_matches.h"

#include <gtest/gtest.h>

#include <cmath>

#include "biplane/core/error.h"

namespace biplane {
namespace {

TEST(RankedMatches, PrecisionAndAveragePrecisionByHand) {
  const std::vector<double> score{0.9, 0.1, 0.5, 0.7};
  const std::vector<std::uint8_t> match{1, 1, 0, 1};  // by score: 1 1 0 1
  const RankedMatches ranked(score, match);
  EXPECT_EQ(ranked.matches(), 3);
  EXPECT_DOUBLE_EQ(*ranked.precision_at(1), 1.0);
  EXPECT_DOUBLE_EQ(*ranked.precision_at(3), 2.0 / 3.0);
  EXPECT_DOUBLE_EQ(*ranked.average_precision(), (1.0 + 1.0 + 3.0 / 4.0) / 3.0);
  EXPECT_FALSE(ranked.precision_at(5)) << "there are only four";
}

TEST(RankedMatches, TiesCountAgainstTheModel) {
  const std::vector<double> score{0.5, 0.5, 0.5};
  const std::vector<std::uint8_t> match{1, 0, 0};
  EXPECT_DOUBLE_EQ(*RankedMatches(score, match).precision_at(2), 0.0);
  EXPECT_DOUBLE_EQ(*RankedMatches(score, match).average_precision(), 1.0 / 3.0);
}

TEST(RankedMatches, AWeightIsThatManyCopies) {
  const std::vector<double> score{0.9, 0.8, 0.7};
  const std::vector<std::uint8_t> match{1, 0, 1};
  const RankedMatches ranked(score, match);
  const std::vector<double> weight{0, 1, 3};
  EXPECT_DOUBLE_EQ(*ranked.precision_at(2, weight), 0.5);
  EXPECT_DOUBLE_EQ(*ranked.precision_at(4, weight), 0.75);
  EXPECT_FALSE(ranked.precision_at(5, weight));
}

TEST(RankedMatches, NothingMatchesOrSizesDiffer) {
  const std::vector<double> score{0.9, 0.8}, bad{0.9, std::nan("")};
  const std::vector<std::uint8_t> none{0, 0}, one{1};
  EXPECT_FALSE(RankedMatches(score, none).average_precision());
  EXPECT_THROW(RankedMatches(score, one), Error);
  EXPECT_THROW(RankedMatches(bad, none), Error);
}

}  // namespace
}  // namespace biplane

#include "biplane/formats/rle.h"

#include <gmock/gmock.h>

#include <numeric>
#include <vector>

#include "biplane/core/error.h"
#include "biplane/core/random.h"

namespace biplane {
namespace {

using ::testing::ElementsAre;

TEST(Rle, RunsGoDownTheColumnsAndStartWithZeros) {
  // 0 1 0
  // 1 1 0
  const std::vector<std::uint8_t> mask = {0, 1, 0, 1, 1, 0};
  EXPECT_THAT(encode_rle(mask, 2, 3), ElementsAre(1, 3, 2));
  const std::vector<std::uint8_t> corner = {1, 0, 0, 0, 0, 0};
  EXPECT_THAT(encode_rle(corner, 2, 3), ElementsAre(0, 1, 5));
  EXPECT_THAT(encode_rle({}, 0, 3), ElementsAre());
}

TEST(Rle, DecodingUndoesEncodingForRandomMasks) {
  CounterRandom random(3, "rle");
  for (int round = 0; round < 300; ++round) {
    const std::int64_t rows = 1 + random.below(9), cols = 1 + random.below(9);
    const double density = random.uniform();
    std::vector<std::uint8_t> mask(static_cast<std::size_t>(rows * cols));
    for (auto& pixel : mask) pixel = random.bernoulli(density) ? 1 : 0;
    const auto counts = encode_rle(mask, rows, cols);
    EXPECT_EQ(decode_rle(counts, rows, cols), mask);
    EXPECT_EQ(rle_area(counts, rows, cols), std::accumulate(mask.begin(), mask.end(), 0));
    for (std::size_t i = 1; i < counts.size(); ++i) EXPECT_GT(counts[i], 0);
  }
}

TEST(Rle, RelativeRunsComeBackAndOthersAreRefused) {
  for (const std::vector<std::int64_t>& counts :
       {std::vector<std::int64_t>{6}, {2, 1, 3}, {0, 2, 1, 3}, {1, 5}})
    EXPECT_EQ(parse_relative_rle(relative_rle(counts), 2, 3), counts);
  EXPECT_THAT(parse_relative_rle("  -1 \r", 2, 3), ElementsAre(6));
  for (const char* text : {"", "5", "1 2 3", "0 7", "4 3", "1 x", "1 2.5", "-1 2", "1 -2",
                           "9223372036854775807 1", "99999999999999999999 1", "-1 -1"})
    EXPECT_THROW(parse_relative_rle(text, 2, 3), Error) << text;
}

TEST(Rle, RunsThatDoNotFitAreRefused) {
  const auto refused = [](std::vector<std::int64_t> counts, std::int64_t rows, std::int64_t cols) {
    try {
      decode_rle(counts, rows, cols);
    } catch (const Error& e) {
      return e.kind() == ErrorKind::kBadContent;
    }
    return false;
  };
  EXPECT_TRUE(refused({5}, 2, 3));
  EXPECT_TRUE(refused({7}, 2, 3));
  EXPECT_TRUE(refused({-1, 7}, 2, 3));
  EXPECT_TRUE(refused({INT64_MAX, INT64_MAX, 8}, 2, 3));
  EXPECT_TRUE(refused({}, 2, 3));
  EXPECT_TRUE(refused({}, 1LL << 40, 1LL << 40));
  EXPECT_TRUE(refused({0}, -1, 0));
  EXPECT_FALSE(refused({6}, 2, 3));
  EXPECT_THROW(encode_rle(std::vector<std::uint8_t>(5), 2, 3), Error);
}

TEST(Rle, CompressedRunsAreThoseOfPycocotools) {
  using Runs = std::vector<std::int64_t>;
  EXPECT_EQ(parse_compressed_rle("PVWX6", 2320, 2828), Runs{2320 * 2828});  // an empty mask
  EXPECT_EQ(parse_compressed_rle("0<", 3, 4), (Runs{0, 12}));
  EXPECT_EQ(parse_compressed_rle(";230004OM", 5, 7), (Runs{11, 2, 3, 2, 3, 2, 7, 1, 4}));
  EXPECT_EQ(parse_compressed_rle("^l0h8:ZGoSi10jTWN", 300, 200),
            (Runs{910, 280, 10, 2, 58505, 2, 291}));
  for (const char* broken : {"", "0=", "P", "0<\n", "PPPPPPPPPPPPPPPP0", "O", "0<\xff", "0o0"})
    EXPECT_THROW(parse_compressed_rle(broken, 3, 4), Error) << broken;
}

}  // namespace
}  // namespace biplane

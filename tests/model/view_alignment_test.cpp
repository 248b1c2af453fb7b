#include "biplane/model/view_alignment.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "biplane/model/losses.h"
#include "tests/model/synthetic_studies.h"
#include "tests/nn/tensor_checks.h"

namespace biplane {
namespace {

using testing::expect_near;
using testing::make_batch;
using testing::noise;
using testing::SyntheticStudy;

// Ids of the made-up language by class: 8 k + 0 punctuation, 1 stop word, 2 entity, 4 side, 5
// other.
constexpr std::int64_t kStop = 9, kFullStop = 16, kEffusion = 10, kOpacity = 18, kLeft = 12,
                       kHeart = 13, kLung = 21;

SyntheticStudy report(std::vector<std::vector<std::int64_t>> words) {
  SyntheticStudy study;
  for (auto& pieces : words) study.words.push_back({std::move(pieces), false});
  return study;
}

ReportUnits word_units(const StudyBatch& batch) {
  return report_units(batch, torch::arange(batch.size()), AlignmentUnits::kWords, torch::kFloat64);
}

TEST(ReportUnits, WordsAreMeansOfTheirPiecesWithoutPunctuationAndStopWords) {
  const StudyBatch batch = make_batch(
      {report({{kStop}, {kHeart, 30, 31}, {kFullStop}, {kEffusion}}), report({{kLung}})});
  const ReportUnits units = word_units(batch);
  EXPECT_TRUE(units.valid.equal(torch::tensor({{true, true}, {true, false}})));
  torch::Tensor pool = torch::zeros({2, 2, 32}, torch::kFloat64);
  for (const int piece : {2, 3, 4})
    pool[0][0][piece] = 1.0 / 3.0;  // token 0 is [CLS], 1 the stop word
  pool[0][1][6] = 1.0;
  pool[1][0][1] = 1.0;
  expect_near(units.pool, pool, 1e-12, "pool");
  EXPECT_EQ(units.key[0][0].item<std::int64_t>(), kHeart);
}

TEST(ReportUnits, FocusIsOnEntitiesOrElseOnAllContentWords) {
  const StudyBatch batch = make_batch({report({{kHeart}, {kEffusion, 40}, {kOpacity}}),
                                       report({{kHeart}, {kLeft}}), report({{kFullStop}})});
  const ReportUnits units = word_units(batch);
  expect_near(units.focus, torch::tensor({{0.0, 0.5, 0.5}, {0.5, 0.5, 0.0}, {0.0, 0.0, 0.0}}), 1e-7,
              "focus");
  EXPECT_EQ(units.focus_tokens.sum(1).to(torch::kInt64).equal(torch::tensor({3, 2, 0})), true);
  const ReportUnits pieces =
      report_units(batch, torch::arange(3), AlignmentUnits::kPieces, torch::kFloat64);
  EXPECT_TRUE(pieces.focus_tokens.equal(units.focus_tokens));
  EXPECT_NEAR(pieces.focus[0][3].item<double>(), 1.0 / 3.0, 1e-12);
}

// Sum over the units of a study, one by one from the formula.
double slow_word_half(const torch::Tensor& f, const torch::Tensor& l,
                      const std::vector<std::int64_t>& keys) {
  const auto count = static_cast<std::int64_t>(keys.size());
  const torch::Tensor scores = torch::mm(f, l.t()) / 0.07;
  double sum = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    double row = 0, column = 0;
    for (std::int64_t j = 0; j < count; ++j) {
      if (j != i && keys[static_cast<std::size_t>(i)] == keys[static_cast<std::size_t>(j)])
        continue;
      row += std::exp(scores[i][j].item<double>());
      column += std::exp(scores[j][i].item<double>());
    }
    sum += (std::log(row) + std::log(column)) / 2 - scores[i][i].item<double>();
  }
  return sum;
}

TEST(WordHalf, PairsOfTheSameWordOfOneReportAreLeftOut) {
  const StudyBatch batch =
      make_batch({report({{kHeart}, {kEffusion}, {kLung}, {kEffusion}, {kHeart}}),
                  report({{kLung}, {kEffusion}})});
  const ReportUnits units = word_units(batch);
  const torch::Tensor f = unit(noise({2, 5, 8}, 1)), l = unit(noise({2, 5, 8}, 2));
  const WeightedSum half = word_half(f, l, units, {}, Collective{});
  EXPECT_EQ(half.weight.item<double>(), 7.0);
  const double expected =
      slow_word_half(f[0], l[0], {kHeart, kEffusion, kLung, kEffusion, kHeart}) +
      slow_word_half(f[1].narrow(0, 0, 2), l[1].narrow(0, 0, 2), {kLung, kEffusion});
  EXPECT_NEAR(half.sum.item<double>(), expected, 1e-9);
}

TEST(WordHalf, WithBatchNegativesTheSameWordOfAnotherReportIsANegative) {
  const StudyBatch batch = make_batch({report({{kHeart}, {kEffusion}}), report({{kEffusion}})});
  const ReportUnits units = word_units(batch);
  const torch::Tensor f = unit(noise({2, 2, 8}, 1)), l = unit(noise({2, 2, 8}, 2));
  AlignmentOptions options;
  options.batch_negatives = true;
  const auto flat = [](const torch::Tensor& x) { return torch::cat({x[0], x[1].narrow(0, 0, 1)}); };
  EXPECT_NEAR(word_half(f, l, units, options, Collective{}).sum.item<double>(),
              slow_word_half(flat(f), flat(l), {1, 2, 3}), 1e-9);
}

// A stand-in for the decoder: what is read depends on word and picture, in no linear way.
torch::Tensor toy_reader(const WordQuery& query) {
  const torch::Tensor picture = query.patches.mean(1, true);
  const torch::Tensor z =
      torch::sin(3.0 * query.tokens * picture + query.tokens) * query.token_mask.unsqueeze(2);
  if (!query.wanted.defined()) return z;
  const std::int64_t most = query.wanted.sum(1).max().item<std::int64_t>();
  torch::Tensor part = torch::zeros({z.size(0), most, z.size(2)}, z.options());
  for (std::int64_t i = 0; i < z.size(0); ++i) {
    const torch::Tensor rows = z[i].index({query.wanted[i]});
    part[i].narrow(0, 0, rows.size(0)).copy_(rows);
  }
  return part;
}

// The image half of the method, study by study and picture by picture.
double slow_image_half(const AlignmentInput& input, std::int64_t m) {
  const std::int64_t n = input.total;
  const auto focus = [&](std::int64_t report, const torch::Tensor& patches) {
    const torch::Tensor z = unit(toy_reader(
        {input.tokens.narrow(0, report, 1), input.token_mask.narrow(0, report, 1), patches}));
    const torch::Tensor words = unit(torch::matmul(input.units.pool[report], z[0]));
    return unit(torch::matmul(input.units.focus[report], words));
  };
  double sum = 0;
  for (std::int64_t a = 0; a < n; ++a) {
    for (const bool exchanged : {false, true}) {
      const torch::Tensor own =
          focus(a, (exchanged ? input.lateral : input.frontal).narrow(0, a, 1));
      double total = 0, right = 0;
      for (std::int64_t s = 0; s <= m; ++s) {
        const torch::Tensor patches =
            (exchanged ? input.frontal : input.lateral).narrow(0, (a + s) % n, 1);
        const double score = own.dot(focus(a, patches)).item<double>() / 0.07;
        total += std::exp(score);
        if (s == 0) right = score;
      }
      sum += (std::log(total) - right) / 2;
    }
  }
  return sum / static_cast<double>(n);
}

AlignmentInput toy_input(std::int64_t studies) {
  const StudyBatch batch = make_batch(testing::synthetic_studies(studies));
  AlignmentInput input;
  input.tokens = noise({studies, 32, 8}, 1);
  input.token_mask = batch.attention_mask;
  input.frontal = noise({studies, 5, 8}, 2);
  input.lateral = noise({studies, 7, 8}, 3);
  input.units = word_units(batch);
  input.total = studies;
  return input;
}

TEST(AlignmentLoss, BothHalvesAgreeWithASlowReference) {
  const AlignmentInput input = toy_input(5);
  for (const std::int64_t m : {1, 3, 9}) {
    AlignmentOptions options;
    options.image_negatives = m;
    const auto loss = alignment_loss(input, toy_reader, options, Collective{});
    EXPECT_NEAR(loss->images->item<double>(), slow_image_half(input, std::min<std::int64_t>(m, 4)),
                1e-9);
    const auto vectors = [&](const torch::Tensor& patches) {
      return unit_vectors(toy_reader({input.tokens, input.token_mask, patches}), input.units);
    };
    const WeightedSum words = word_half(vectors(input.frontal), vectors(input.lateral), input.units,
                                        options, Collective{});
    EXPECT_NEAR(loss->words->item<double>(), (words.sum / words.weight).item<double>(), 1e-12);
    EXPECT_NEAR(loss->total.item<double>(),
                (loss->words->item<double>() + loss->images->item<double>()) / 2, 1e-12);
  }
}

TEST(AlignmentLoss, PieceUnitsHaveAnImageHalfToo) {
  AlignmentInput input = toy_input(4);
  const StudyBatch batch = make_batch(testing::synthetic_studies(4));
  input.units = report_units(batch, torch::arange(4), AlignmentUnits::kPieces, torch::kFloat64);
  AlignmentInput as_pool = input;
  as_pool.units.pool = torch::eye(32, torch::kFloat64).repeat({4, 1, 1});
  const auto loss = alignment_loss(input, toy_reader, {}, Collective{});
  EXPECT_NEAR(loss->images->item<double>(), slow_image_half(as_pool, 3), 1e-9);
}

TEST(AlignmentLoss, ThereIsNoImageHalfBelowTwoTwoViewStudies) {
  const auto loss = alignment_loss(toy_input(1), toy_reader, {}, Collective{});
  ASSERT_TRUE(loss.has_value());
  EXPECT_FALSE(loss->images.has_value());
  EXPECT_EQ(loss->total.item<double>(), loss->words->item<double>());
}

TEST(AlignmentLoss, RollingTheLateralsGivesEachStudyTheNextOnes) {
  const AlignmentInput input = toy_input(3);
  const AlignmentInput rolled = roll_laterals(input, Collective{});
  EXPECT_TRUE(rolled.lateral.equal(torch::roll(input.lateral, -1, 0)));
  EXPECT_TRUE(rolled.frontal.equal(input.frontal));
}

}  // namespace
}  // namespace biplane

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "biplane/model/local_contrast.h"
#include "biplane/model/view_alignment.h"
#include "tests/model/synthetic_studies.h"
#include "tests/nn/tensor_checks.h"

namespace biplane {
namespace {

using testing::expect_near;
using testing::make_batch;
using testing::noise;
using testing::SyntheticStudy;

// The losses that are off by default, against slow references (method section 5).

torch::Tensor flags(const std::vector<int>& values) {
  return torch::tensor(values).to(torch::kBool);
}

GlobalBatch one_process(const torch::Tensor& frontal, const torch::Tensor& lateral) {
  return gather_batch(frontal, lateral, Collective{});
}

double score(const UnitFeatures& a, std::int64_t i, const UnitFeatures& b, std::int64_t j) {
  return a.local[i].dot(b.local[j]).item<double>();
}

bool at(const torch::Tensor& mask, std::int64_t i) { return mask[i].item<bool>(); }

// Studies 0, 2 and 4 have the same report.
torch::Tensor same_of_five() {
  torch::Tensor same = torch::eye(5, torch::kBool);
  for (const int i : {0, 2, 4})
    for (const int j : {0, 2, 4}) same[i][j] = true;
  return same;
}

TEST(SigmoidContrast, AgreesWithASlowReference) {
  const UnitFeatures text = gather_units(noise({5, 8}, 1), Collective{});
  const UnitFeatures view = gather_units(noise({5, 8}, 2), Collective{});
  const torch::Tensor has = flags({1, 1, 0, 1, 1}), everyone = flags({1, 1, 1, 1, 1});
  const GlobalBatch batch = one_process(has, everyone);
  const double scale = 4.0, bias = -1.5, share = 0.3;
  const torch::Tensor same = same_of_five();
  for (const torch::Tensor& texts : {has, everyone}) {
    double expected = 0;
    for (std::int64_t i = 0; i < 5; ++i) {
      for (std::int64_t j = 0; j < 5; ++j) {
        if (!at(has, i) || !at(texts, j)) continue;
        const double x = scale * score(view, i, text, j) + bias;
        const double y = i == j ? 1.0 : (at(same[i], j) ? share : 0.0);
        const double p = 1.0 / (1.0 + std::exp(-x));
        expected -= y * std::log(p) + (1 - y) * std::log(1 - p);
      }
    }
    const ContrastMask mask{has, texts, has, 4, same, share};
    const SigmoidScale learned{torch::full({}, scale, torch::kFloat64),
                               torch::full({}, bias, torch::kFloat64)};
    EXPECT_NEAR(sigmoid_contrast(text, view, learned, mask, batch).item<double>(), expected / 4,
                1e-12);
  }
}

// One direction of the definition: rows of a, columns of b.
double slow_direction(const UnitFeatures& a, const UnitFeatures& b, const ContrastMask& mask,
                      const torch::Tensor& columns, double scale) {
  double sum = 0;
  for (std::int64_t i = 0; i < 5; ++i) {
    if (!at(mask.rows, i)) continue;
    double total = 0;
    int same = 0;
    for (std::int64_t j = 0; j < 5; ++j) {
      if (!at(columns, j)) continue;
      total += std::exp(scale * score(a, i, b, j));
      same += at(mask.same[i], j) ? 1 : 0;
    }
    double targets = 0;
    for (std::int64_t j = 0; j < 5; ++j) {
      if (!at(columns, j)) continue;
      const double target = (i == j ? 1.0 - mask.same_share : 0.0) +
                            (at(mask.same[i], j) ? mask.same_share / same : 0.0);
      targets += target;
      sum -= target * (scale * score(a, i, b, j) - std::log(total));
    }
    EXPECT_NEAR(targets, 1.0, 1e-12);
  }
  return sum;
}

TEST(SoftTargets, AgreeWithASlowReferenceWhoseRowsSumToOne) {
  const UnitFeatures text = gather_units(noise({5, 8}, 1), Collective{});
  const UnitFeatures view = gather_units(noise({5, 8}, 2), Collective{});
  const torch::Tensor has = flags({1, 1, 0, 1, 1}), everyone = flags({1, 1, 1, 1, 1});
  const GlobalBatch batch = one_process(has, everyone);
  const torch::Tensor scale = torch::full({}, 5.0, torch::kFloat64);
  for (const double share : {0.0, 0.4, 1.0}) {
    for (const torch::Tensor& texts : {has, everyone}) {
      const ContrastMask mask{has, texts, has, 4, same_of_five(), share};
      const double expected = (slow_direction(text, view, mask, mask.columns_b, 5.0) +
                               slow_direction(view, text, mask, mask.columns_a, 5.0)) /
                              8;
      EXPECT_NEAR(info_nce(text, view, scale, mask, batch).item<double>(), expected, 1e-12);
    }
  }
}

TEST(SoftTargets, ReduceToInfoNceAtWeightZeroAndForDifferentReports) {
  const UnitFeatures text = gather_units(noise({5, 8}, 1), Collective{});
  const UnitFeatures view = gather_units(noise({5, 8}, 2), Collective{});
  const torch::Tensor all = flags({1, 1, 1, 1, 1});
  const GlobalBatch batch = one_process(all, all);
  const torch::Tensor scale = torch::full({}, 5.0, torch::kFloat64);
  const auto loss = [&](const torch::Tensor& same, double share) {
    return info_nce(text, view, scale, {all, all, all, 5, same, share}, batch).item<double>();
  };
  EXPECT_EQ(loss(same_of_five(), 0.0), loss({}, 0.0));
  EXPECT_NEAR(loss(torch::eye(5, torch::kBool), 0.7), loss({}, 0.0), 1e-12);
  EXPECT_GT(std::abs(loss(same_of_five(), 0.7) - loss({}, 0.0)), 1e-3);
}

TEST(SoftTargets, ReportsAreTheSameByTheirWordsOrByTheirFeatures) {
  torch::Tensor features = noise({4, 8}, 3);
  features[3] = 2.0 * features[0] + 0.1 * features[1];
  const UnitFeatures text = gather_units(features, Collective{});
  const torch::Tensor keys = torch::tensor({7, 9, 7, 11}, torch::kInt64);
  torch::Tensor expected = torch::eye(4, torch::kBool);
  expected[0][2] = expected[2][0] = true;
  EXPECT_TRUE(same_reports(text, keys, 1.0, Collective{}).equal(expected));
  expected[0][3] = expected[3][0] = true;
  EXPECT_TRUE(same_reports(text, keys, 0.95, Collective{}).equal(expected));
}

// A sentence by hand: which words it has.
struct SlowSentence {
  std::int64_t study = 0;
  std::vector<std::vector<std::int64_t>> words;  // tokens of each
  std::vector<std::int64_t> names;
};

std::vector<SlowSentence> slow_sentences(const std::vector<SyntheticStudy>& studies) {
  std::vector<SlowSentence> result;
  for (std::size_t i = 0; i < studies.size(); ++i) {
    std::int64_t token = 1;
    SlowSentence sentence{static_cast<std::int64_t>(i), {}, {}};
    const auto finish = [&] {
      if (!sentence.words.empty()) result.push_back(sentence);
      sentence = {static_cast<std::int64_t>(i), {}, {}};
    };
    for (const auto& word : studies[i].words) {
      std::vector<std::int64_t> tokens;
      for (std::size_t p = 0; p < word.pieces.size(); ++p) tokens.push_back(token++);
      if (testing::class_of_word(word.pieces[0]) == WordClass::kPunctuation) {
        finish();
      } else {
        sentence.words.push_back(tokens);
        sentence.names.push_back(word.pieces[0]);
      }
    }
    finish();
  }
  return result;
}

torch::Tensor slow_embedding(const SlowSentence& sentence, const torch::Tensor& tokens) {
  torch::Tensor sum = torch::zeros({tokens.size(2)}, torch::kFloat64);
  for (const auto& word : sentence.words) {
    torch::Tensor pieces = torch::zeros_like(sum);
    for (const std::int64_t token : word) pieces += tokens[sentence.study][token];
    sum += pieces / static_cast<double>(word.size());
  }
  return sum / static_cast<double>(sentence.words.size());
}

torch::Tensor slow_region(const torch::Tensor& embedding, const torch::Tensor& patches) {
  torch::Tensor sum = torch::zeros_like(embedding);
  double total = 0;
  for (std::int64_t j = 0; j < patches.size(0); ++j) {
    const double weight = std::exp(unit(embedding).dot(unit(patches[j])).item<double>() / 0.2);
    sum += weight * patches[j];
    total += weight;
  }
  return sum / total;
}

// Mean over the sentences of the cross-entropy against all sentences of the same words.
double slow_local(const std::vector<SlowSentence>& sentences, const torch::Tensor& tokens,
                  const torch::Tensor& patches) {
  std::vector<torch::Tensor> text, regions;
  for (const SlowSentence& sentence : sentences) {
    text.push_back(slow_embedding(sentence, tokens));
    regions.push_back(unit(slow_region(text.back(), patches[sentence.study])));
    text.back() = unit(text.back());
  }
  double loss = 0;
  for (std::size_t s = 0; s < sentences.size(); ++s) {
    double rows = 0, columns = 0, target_rows = 0, target_columns = 0, same = 0;
    for (std::size_t t = 0; t < sentences.size(); ++t) {
      const double row = text[s].dot(regions[t]).item<double>() / 0.1;
      const double column = regions[s].dot(text[t]).item<double>() / 0.1;
      rows += std::exp(row);
      columns += std::exp(column);
      if (sentences[s].names != sentences[t].names) continue;
      same += 1;
      target_rows += row;
      target_columns += column;
    }
    loss += (std::log(rows) - target_rows / same + std::log(columns) - target_columns / same) / 2;
  }
  return loss / static_cast<double>(sentences.size());
}

// Four reports; one without a word, two with a sentence in common.
std::vector<SyntheticStudy> reports_with_sentences() {
  std::vector<SyntheticStudy> studies = testing::synthetic_studies(4);
  studies[0].words = {{{10, 30}, false}, {{13}, false}, {{16}, false}, {{21}, false}};
  studies[1].words = {{{8}, false}};
  studies[2].words = {{{9}, false}, {{24}, false}, {{10, 31, 32}, false}, {{13}, false}};
  return studies;
}

TEST(LocalLoss, AgreesWithASlowReference) {
  const auto studies = reports_with_sentences();
  const StudyBatch batch = make_batch(studies);
  LocalInput input;
  input.tokens = noise({4, 32, 8}, 1);
  input.patches = noise({4, 6, 8}, 2);
  input.sentences = report_sentences(batch, torch::arange(4), torch::kFloat64);
  const std::vector<SlowSentence> sentences = slow_sentences(studies);
  ASSERT_EQ(input.sentences.places.size(0), static_cast<std::int64_t>(sentences.size()));
  EXPECT_EQ(input.sentences.key[0].item<std::int64_t>(),
            input.sentences.key[3].item<std::int64_t>());
  const auto loss = local_loss(input, {0.1, 0.2}, Collective{});
  EXPECT_NEAR(loss->item<double>(), slow_local(sentences, input.tokens, input.patches), 1e-10);
}

TEST(LocalLoss, IsAbsentWhereNoReportHasAWord) {
  std::vector<SyntheticStudy> studies = testing::synthetic_studies(1);
  studies[0].words = {{{8}, false}};
  LocalInput input;
  input.tokens = noise({1, 32, 8}, 1);
  input.patches = noise({1, 6, 8}, 2);
  input.sentences = report_sentences(make_batch(studies), torch::arange(1), torch::kFloat64);
  EXPECT_FALSE(local_loss(input, {}, Collective{}).has_value());
}

TEST(LabelLoss, IsTheMeanOverTheKnownLabels) {
  const double nan = std::nan("");
  const torch::Tensor logits = torch::tensor({{0.5, -2.0, 1.0}, {3.0, 0.1, -0.4}});
  const torch::Tensor labels = torch::tensor({{1.0, nan, 0.0}, {nan, nan, 1.0}});
  const auto sigmoid = [](double x) { return 1.0 / (1.0 + std::exp(-x)); };
  const double expected =
      -(std::log(sigmoid(0.5)) + std::log(1 - sigmoid(1.0)) + std::log(sigmoid(-0.4))) / 3;
  EXPECT_NEAR(label_loss(logits, labels, 3).item<double>(), expected, 1e-6);
}

TEST(WordWeights, WeighTheWordHalf) {
  const StudyBatch batch = make_batch(reports_with_sentences());
  ReportUnits units =
      report_units(batch, torch::arange(4), AlignmentUnits::kWords, torch::kFloat64);
  const torch::Tensor tokens = torch::arange(32, torch::kFloat64).expand({4, 32});
  units.weight = unit_sums(tokens, units);
  // Study 0: token 1 and 2 are one word, 3 a word, 4 a full stop, 5 a word.
  expect_near(units.weight[0].narrow(0, 0, 3), torch::tensor({3.0, 3.0, 5.0}), 1e-12, "sums");
  const torch::Tensor f = unit(noise({4, units.valid.size(1), 8}, 1)),
                      l = unit(noise({4, units.valid.size(1), 8}, 2));
  const auto loss_of_word = [&](std::int64_t word) {
    ReportUnits one = units;
    one.weight = torch::zeros_like(units.weight);
    one.weight[0][word] = 1.0;
    return word_half(f, l, one, {}, Collective{}).sum.item<double>() / 3;
  };
  ReportUnits first = units;
  first.weight = units.weight.clone();
  first.weight.narrow(0, 1, 3).zero_();
  const WeightedSum half = word_half(f, l, first, {}, Collective{});
  EXPECT_NEAR(half.weight.item<double>(), 3.0, 1e-12);
  EXPECT_NEAR(half.sum.item<double>(),
              3 * (3 * loss_of_word(0) + 3 * loss_of_word(1) + 5 * loss_of_word(2)) / 11, 1e-10);
}

}  // namespace
}  // namespace biplane

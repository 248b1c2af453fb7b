#include "biplane/data/loader.h"

#include <gmock/gmock.h>

#include <set>

#include "biplane/core/error.h"
#include "tests/data/small_dataset.h"

namespace biplane {
namespace {

using testing::SmallData;

BatchSampler sampler(const StudyDataset& dataset, std::int64_t batch, bool training = true) {
  SamplerOptions options;
  options.studies = dataset.size();
  options.batch = batch;
  options.seed = 11;
  options.training = training;
  return BatchSampler(options);
}

std::vector<LoadedBatch> load(const StudyDataset& dataset, const BatchSampler& order,
                              std::int64_t workers, std::int64_t count,
                              std::int64_t first_step = 0) {
  StudyLoader loader(dataset, order, {workers, 3}, first_step);
  std::vector<LoadedBatch> batches;
  for (std::int64_t i = 0; i < count; ++i) {
    auto batch = loader.next();
    if (!batch) break;
    batches.push_back(std::move(*batch));
  }
  return batches;
}

std::vector<torch::Tensor> tensors(const StudyBatch& batch) {
  return {batch.frontal,      batch.lateral,        batch.has_frontal, batch.has_lateral,
          batch.input_ids,    batch.attention_mask, batch.masked_ids,  batch.mlm_labels,
          batch.word_mask,    batch.word_ids,       batch.word_class,  batch.word_key,
          batch.sentence_ids, batch.sentence_key,   batch.report_key,  batch.labels,
          batch.study_index};
}

void expect_equal(const StudyBatch& a, const StudyBatch& b) {
  const auto left = tensors(a), right = tensors(b);
  for (std::size_t i = 0; i < left.size(); ++i)
    EXPECT_TRUE(torch::equal(left[i].nan_to_num(-1), right[i].nan_to_num(-1))) << "tensor " << i;
  EXPECT_EQ(a.study_ids, b.study_ids);
}

TEST(StudyLoader, BatchesDoNotDependOnTheNumberOfWorkers) {
  const SmallData data(22);
  const auto dataset = data.dataset(true);
  const auto reference = load(*dataset, sampler(*dataset, 4), 0, 17);
  ASSERT_EQ(reference.size(), 17u);
  EXPECT_EQ(reference[6].epoch, 1);
  for (const std::int64_t workers : {1, 2, 4}) {
    const auto fresh = data.dataset(true);
    const auto batches = load(*fresh, sampler(*fresh, 4), workers, 17);
    ASSERT_EQ(batches.size(), 17u);
    for (std::size_t i = 0; i < batches.size(); ++i) {
      expect_equal(batches[i].batch, reference[i].batch);
      EXPECT_EQ(batches[i].places, reference[i].places);
    }
  }
}

TEST(StudyLoader, GoesOnInTheMiddleOfAnEpoch) {
  const SmallData data(22);
  const auto dataset = data.dataset(true);
  const auto whole = load(*dataset, sampler(*dataset, 4), 2, 12);
  const auto rest = load(*dataset, sampler(*dataset, 4), 2, 5, 7);
  for (std::size_t i = 0; i < rest.size(); ++i) {
    EXPECT_EQ(rest[i].step, static_cast<std::int64_t>(i) + 7);
    expect_equal(rest[i].batch, whole[i + 7].batch);
  }
}

TEST(StudyLoader, MakesBatchesOfTheDocumentedForm) {
  const SmallData data(12);
  const auto dataset = data.dataset(true);
  const StudyBatch batch = load(*dataset, sampler(*dataset, 6), 1, 1)[0].batch;
  EXPECT_EQ(batch.size(), 6);
  EXPECT_EQ(batch.frontal.sizes(), (std::vector<std::int64_t>{6, 3, 16, 16}));
  EXPECT_EQ(batch.frontal.stride(1), 0);  // three channels, one memory
  EXPECT_NE(batch.input_ids.data_ptr(), batch.masked_ids.data_ptr());
  EXPECT_EQ(batch.input_ids.size(1) % 8, 0);
  EXPECT_TRUE(torch::equal(batch.has_frontal, torch::ones({6}, torch::kBool)));
  for (std::int64_t b = 0; b < 6; ++b) {
    const std::int64_t index = batch.study_index[b].item<std::int64_t>();
    EXPECT_EQ(batch.has_lateral[b].item<bool>(), index % 3 != 0);
    EXPECT_EQ(batch.lateral[b].abs().sum().item<float>() > 0, index % 3 != 0);
    EXPECT_EQ(batch.study_ids[static_cast<std::size_t>(b)], "s" + std::to_string(100 + index));
  }
  const auto masked = batch.mlm_labels.ne(-100);
  EXPECT_TRUE(
      torch::equal(batch.mlm_labels.masked_select(masked), batch.input_ids.masked_select(masked)));
  EXPECT_TRUE(torch::equal(batch.masked_ids.masked_select(~masked),
                           batch.input_ids.masked_select(~masked)));
  EXPECT_TRUE(batch.masked_ids.masked_select(masked)
                  .eq(data.text().tokenizer.vocabulary().mask_id())
                  .all()
                  .item<bool>());
  EXPECT_TRUE(torch::equal(batch.attention_mask,
                           batch.input_ids.ne(data.text().tokenizer.vocabulary().pad_id())));
  EXPECT_TRUE(torch::equal(batch.word_mask, batch.word_ids.ge(0)));
  EXPECT_TRUE(torch::equal(batch.word_mask, batch.sentence_ids.ge(0)));
  EXPECT_TRUE(
      torch::equal(batch.attention_mask.sum(1), batch.word_mask.sum(1) + 2));  // [CLS] and [SEP]
  batch.masked_ids.fill_(0);
  EXPECT_TRUE(batch.input_ids.ne(0).any().item<bool>());
}

TEST(StudyLoader, LabelsAreZeroAndOneAndNotANumberWhereNothingCertainIsKnown) {
  const SmallData data(12);
  const auto dataset = data.dataset(true);
  const StudyBatch batch = load(*dataset, sampler(*dataset, 6), 0, 1)[0].batch;
  ASSERT_EQ(batch.labels.sizes(), (std::vector<std::int64_t>{6, kStudyLabels}));
  constexpr std::int64_t kEdema = 5;
  ASSERT_EQ(std::string(kChexpertLabels[kEdema]), "Edema");
  EXPECT_TRUE(torch::equal(batch.labels.select(1, kEdema),
                           batch.study_index.remainder(2).to(torch::kFloat32)));
  EXPECT_EQ(batch.labels.isnan().sum().item<std::int64_t>(), 6 * (kStudyLabels - 1));
}

TEST(StudyLoader, LabelsMayBeOthersOfTheManifestByName) {
  const SmallData data(12);
  std::vector<Study> studies = data.manifest()->read_all();
  for (std::size_t i = 0; i < studies.size(); ++i)
    studies[i].labels = {{"nodule", static_cast<int>(i % 3) - 1}};
  DatasetOptions options = data.options(false);
  options.labels = {"nodule", "mass"};
  const StudyDataset dataset(
      std::make_shared<Manifest>(studies, data.manifest()->root(), data.manifest()->path()),
      data.all(), data.text(), options);
  std::vector<StudySample> samples;
  for (std::int64_t place = 0; place < 3; ++place) samples.push_back(dataset.sample(place, 0));
  const torch::Tensor labels = collate(samples, data.text(), 16).labels;
  ASSERT_EQ(labels.sizes(), (std::vector<std::int64_t>{3, 2}));
  EXPECT_TRUE(std::isnan(labels[0][0].item<float>())) << "uncertain";
  EXPECT_EQ(labels[1][0].item<float>(), 0);
  EXPECT_EQ(labels[2][0].item<float>(), 1);
  EXPECT_TRUE(labels.select(1, 1).isnan().all().item<bool>());
}

TEST(StudyLoader, KeysTellWhichSentencesAndReportsAreTheSame) {
  const SmallData data(12);
  const std::vector<std::string> texts = {"No edema. Clear lungs.", "clear lungs. no edema!",
                                          "No edema, clear lungs"};
  const StudyBatch batch = collate_texts(texts, data.text());
  const auto report = [&](std::int64_t row) { return batch.report_key[row].item<std::int64_t>(); };
  EXPECT_EQ(report(0), report(2));
  EXPECT_NE(report(0), report(1));
  const auto first = [&](std::int64_t row) {
    return batch.sentence_key[row][1].item<std::int64_t>();
  };
  EXPECT_NE(first(0), first(1));
  EXPECT_EQ(batch.sentence_ids[2].max().item<std::int64_t>(), 0);
  const torch::Tensor second = batch.sentence_ids[1].eq(1);
  EXPECT_TRUE(batch.sentence_key[1].masked_select(second).eq(first(0)).all().item<bool>());
}

TEST(StudyBatch, RowsAndDevicesKeepEverything) {
  const SmallData data(12);
  const auto dataset = data.dataset(true);
  const StudyBatch batch = load(*dataset, sampler(*dataset, 6), 0, 1)[0].batch;
  const StudyBatch part = batch.rows(2, 5);
  EXPECT_EQ(part.size(), 3);
  EXPECT_TRUE(torch::equal(part.frontal, batch.frontal.slice(0, 2, 5)));
  EXPECT_EQ(part.study_ids,
            (std::vector<std::string>(batch.study_ids.begin() + 2, batch.study_ids.begin() + 5)));
  EXPECT_THROW(batch.rows(3, 7), c10::Error);
  const StudyBatch moved = batch.to(torch::kCPU, torch::kFloat64);
  EXPECT_EQ(moved.frontal.dtype(), torch::kFloat64);
  EXPECT_EQ(moved.frontal.stride(1), 0);
  EXPECT_EQ(moved.input_ids.dtype(), torch::kInt64);
  expect_equal(moved.to(torch::kCPU), batch);
}

TEST(StudyLoader, ReplacesABrokenStudyByTheNextOneOfTheOrder) {
  const SmallData data(20);
  const auto before = data.dataset(true);
  const auto order = sampler(*before, 5);
  const auto intact = load(*before, order, 1, 4);
  write_file_atomically(data.root() / "images/f7.png", "broken");
  for (const std::int64_t workers : {0, 1, 3}) {
    const auto dataset = data.dataset(true);
    StudyLoader loader(*dataset, order, {workers, 3});
    int replaced = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      const LoadedBatch batch = *loader.next();
      EXPECT_EQ(batch.batch.size(), 5);
      EXPECT_EQ(std::set<std::int64_t>(batch.places.begin(), batch.places.end()).size(), 5u);
      for (std::size_t row = 0; row < 5; ++row) {
        if (intact[i].places[row] != 7) continue;
        ++replaced;
        ASSERT_EQ(batch.broken.size(), 1u);
        EXPECT_EQ(batch.broken[0].study_id, "s107");
        EXPECT_THAT(batch.broken[0].reason, ::testing::HasSubstr("f7.png"));
        const std::int64_t expected = intact[(i + 1) % 4].places[0];
        EXPECT_EQ(batch.places[row], expected);
        EXPECT_EQ(batch.broken[0].replaced_by, "s" + std::to_string(100 + expected));
      }
    }
    EXPECT_EQ(replaced, 1);
  }
}

TEST(StudyLoader, LeavesABrokenStudyOutOfAnEvaluation) {
  const SmallData data(10);
  for (const char* name : {"images/f4.png", "images/f5.png", "images/g5.png"})
    write_file_atomically(data.root() / name, "broken");
  const auto dataset = data.dataset(false);
  StudyLoader loader(*dataset, sampler(*dataset, 1, false), {2, 2});
  std::vector<std::int64_t> places;
  while (auto batch = loader.next())
    places.insert(places.end(), batch->places.begin(), batch->places.end());
  EXPECT_EQ(places, (std::vector<std::int64_t>{0, 1, 2, 3, 6, 7, 8, 9}));
}

TEST(StudyLoader, SaysSoWhenNothingCanBeRead) {
  const SmallData data(10);
  std::filesystem::remove_all(data.root() / "images");
  const auto dataset = data.dataset(true);
  for (const std::int64_t workers : {0, 2}) {
    StudyLoader loader(*dataset, sampler(*dataset, 4), {workers, 2});
    try {
      loader.next();
      ADD_FAILURE();
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), ::testing::HasSubstr("cannot be filled"));
    }
  }
}

TEST(CollateTexts, MakesABatchWithoutViews) {
  const SmallData data(6);
  const StudyBatch batch =
      collate_texts({"pleural effusion", "", "no pleural effusion \xF0\x9F\x98\x80"}, data.text());
  EXPECT_EQ(batch.size(), 3);
  EXPECT_FALSE(batch.has_frontal.any().item<bool>());
  EXPECT_TRUE(torch::equal(batch.input_ids, batch.masked_ids));
  EXPECT_TRUE(batch.mlm_labels.eq(-100).all().item<bool>());
  EXPECT_EQ(batch.attention_mask[1].sum().item<std::int64_t>(), 2);
  EXPECT_EQ(batch.rows(1, 2).size(), 1);
}

}  // namespace
}  // namespace biplane

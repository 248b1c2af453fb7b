#include "biplane/data/dataset.h"

#include <gmock/gmock.h>

#include <set>

#include "biplane/core/config.h"
#include "biplane/core/error.h"
#include "tests/data/small_dataset.h"

namespace biplane {
namespace {

using testing::SmallData;

std::set<std::string> different_masks(const StudyDataset& dataset, int epochs) {
  std::set<std::string> seen;
  for (int epoch = 0; epoch < epochs; ++epoch) {
    std::string text;
    for (const std::int64_t id : dataset.sample(1, epoch).masked.masked_ids)
      text += std::to_string(id) + " ";
    seen.insert(text);
  }
  return seen;
}

TEST(StudyDataset, MasksAreFreshEachEpochAndRepeatable) {
  const SmallData data(8);
  const auto training = data.dataset(true);
  EXPECT_GT(different_masks(*training, 8).size(), 4u);
  EXPECT_EQ(different_masks(*training, 8), different_masks(*data.dataset(true), 8));
  EXPECT_EQ(different_masks(*data.dataset(false), 8).size(), 1u);
  const StudySample sample = training->sample(2, 5);
  const auto& ids = sample.report->encoding.ids;
  ASSERT_EQ(sample.masked.masked_ids.size(), ids.size());
  int masked = 0;
  for (std::size_t t = 0; t < ids.size(); ++t) {
    if (sample.masked.labels[t] == -100) {
      EXPECT_EQ(sample.masked.masked_ids[t], ids[t]);
    } else {
      EXPECT_EQ(sample.masked.labels[t], ids[t]);
      ++masked;
    }
  }
  EXPECT_GT(masked, 0);
}

TEST(StudyDataset, DependsOnTheStudyAndNotOnItsPlace) {
  const SmallData data(8);
  const auto all = data.dataset(true);
  const auto some = data.dataset(true, {5, 2});
  const StudySample a = all->sample(2, 3), b = some->sample(1, 3);
  EXPECT_EQ(a.study_index, 2);
  EXPECT_EQ(b.study_index, 2);
  EXPECT_EQ(a.masked.masked_ids, b.masked.masked_ids);
  EXPECT_EQ(a.frontal.pixels, b.frontal.pixels);
}

TEST(StudyDataset, CropsAtRandomInTrainingAndInTheCentreOtherwise) {
  const SmallData data(8);
  const auto training = data.dataset(true), evaluation = data.dataset(false);
  std::set<std::vector<float>> crops;
  for (int epoch = 0; epoch < 12; ++epoch) crops.insert(training->sample(1, epoch).frontal.pixels);
  EXPECT_GT(crops.size(), 3u);
  const StudySample sample = evaluation->sample(1, 0);
  EXPECT_EQ(sample.frontal.rows, 16);
  EXPECT_EQ(sample.frontal.pixels, evaluation->sample(1, 7).frontal.pixels);
  // The images are as large as data.image.size, so the centred crop is a part of the file itself.
  const GreyImage original = testing::test_image(10);
  EXPECT_EQ(sample.frontal.pixels[0], static_cast<float>(original.pixels[4 * 24 + 4]) / 255.0F);
  EXPECT_EQ(sample.frontal.pixels[17], static_cast<float>(original.pixels[5 * 24 + 5]) / 255.0F);
}

// Where a crop of 16 px lies in a test image of 24 px.
std::pair<int, int> place_of(const FloatImage& crop, int image) {
  const GreyImage original = testing::test_image(image);
  for (int top = 0; top <= 8; ++top) {
    for (int left = 0; left <= 8; ++left) {
      if (crop_image(to_float(original), {top, left}, 16).pixels == crop.pixels) return {top, left};
    }
  }
  ADD_FAILURE() << "the crop is no part of the image";
  return {-1, -1};
}

TEST(StudyDataset, SharedCropsAreAtTheSameHeightOfBothViewsAndAnywhereAcross) {
  const SmallData data(8);
  DatasetOptions options = data.options(true);
  options.shared_crop = true;
  const auto shared = data.dataset(options), again = data.dataset(options),
             apart = data.dataset(true);
  std::set<int> heights, distances;
  bool other_height = false;
  for (int epoch = 0; epoch < 24; ++epoch) {
    const StudySample sample = shared->sample(1, epoch), free = apart->sample(1, epoch);
    const auto frontal = place_of(sample.frontal, 10), lateral = place_of(sample.lateral, 11);
    EXPECT_EQ(frontal.first, lateral.first) << epoch;
    heights.insert(frontal.first);
    distances.insert(frontal.second - lateral.second);
    EXPECT_EQ(again->sample(1, epoch).frontal.pixels, sample.frontal.pixels);
    EXPECT_EQ(place_of(free.frontal, 10).second, frontal.second);
    other_height = other_height || place_of(free.frontal, 10) != frontal;
  }
  EXPECT_GT(heights.size(), 4u);
  EXPECT_GT(distances.size(), 4u);
  EXPECT_TRUE(other_height);
}

TEST(StudyDataset, AMissingLateralIsEmpty) {
  const SmallData data(8);
  const auto dataset = data.dataset(false);
  EXPECT_EQ(dataset->sample(3, 0).lateral.rows, 0);
  EXPECT_EQ(dataset->sample(1, 0).lateral.rows, 16);
}

TEST(StudyDataset, TakesOneOfSeveralFrontalsEachEpoch) {
  const SmallData data(8);
  DatasetOptions options = data.options(true);
  options.random_crop = false;
  const auto random = data.dataset(options);
  std::set<std::vector<float>> seen;
  for (int epoch = 0; epoch < 16; ++epoch) seen.insert(random->sample(5, epoch).frontal.pixels);
  EXPECT_EQ(seen.size(), 2u);
  options.random_views = false;
  const auto first = data.dataset(options);
  seen.clear();
  for (int epoch = 0; epoch < 16; ++epoch) seen.insert(first->sample(5, epoch).frontal.pixels);
  EXPECT_EQ(seen.size(), 1u);
}

TEST(StudyDataset, CacheChangesNothingButTheReading) {
  SmallData data(8);
  DatasetOptions options = data.options(true);
  options.cache_mib = 8;
  const auto cached = data.dataset(options);
  options.cache_mib = 0;
  const auto plain = data.dataset(options);
  for (int place = 0; place < 8; ++place) {
    EXPECT_EQ(cached->sample(place, 0).frontal.pixels, plain->sample(place, 0).frontal.pixels);
    cached->sample(place, 1);
  }
  std::filesystem::remove(data.root() / "images/f1.png");
  EXPECT_EQ(cached->sample(1, 2).study_id, "s101");
  EXPECT_THROW(plain->sample(1, 2), Error);
}

TEST(StudyDataset, NamesTheFileOfABrokenImage) {
  const SmallData data(8);
  write_file_atomically(data.root() / "images/l1.png", "no image");
  try {
    data.dataset(true)->sample(1, 0);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadContent);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("l1.png"));
  }
}

TEST(StudyDataset, CannotBeEmpty) {
  const SmallData data(8);
  EXPECT_THROW(StudyDataset(data.manifest(), {}, data.text(), data.options(true)), Error);
}

TEST(DataConfig, ReadsBackWhatItPrintsAndNamesWrongKeys) {
  DataConfig config;
  config.manifest = "a/manifest.jsonl";
  config.limit = 16;
  config.views = "both";
  config.masking.entity = 0.5;
  DataConfig back;
  load_config(ConfigTree::parse(print_config(config), "test"), back);
  EXPECT_EQ(print_config(back), print_config(config));
  EXPECT_TRUE(back.filter().require_both);
  EXPECT_TRUE(back.filter().require_report);
  EXPECT_EQ(back.filter().limit, 16);
  back.views = "two";
  EXPECT_THROW(check_data_config(back), Error);
  back = config;
  back.max_tokens = 2;
  try {
    check_data_config(back);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("data.max_tokens is 2"));
  }
}

TEST(TextPipeline, TrainsAVocabularyOnTheChosenReportsOnly) {
  const SmallData data(8);
  DataConfig config;
  config.vocabulary_size = 120;
  std::vector<Study> changed = data.manifest()->read_all();
  changed[7].report.text = "Zebra zebra zebra.";
  const Manifest studies(changed, data.root());
  const TextPipeline all = make_text_pipeline(config, studies, {0, 1, 2, 3, 4, 5, 6, 7});
  const TextPipeline some = make_text_pipeline(config, studies, {0, 1, 2, 3, 4, 5, 6});
  EXPECT_TRUE(all.tokenizer.vocabulary().find("z").has_value());
  EXPECT_FALSE(some.tokenizer.vocabulary().find("z").has_value());
  const testing::TemporaryFolder folder;
  some.tokenizer.vocabulary().write(folder / "vocab.txt");
  config.vocabulary = folder / "vocab.txt";
  EXPECT_EQ(make_text_pipeline(config, studies, {7}).tokenizer.vocabulary().size(),
            some.tokenizer.vocabulary().size());
}

TEST(TextPipeline, ReportsInAnotherLanguageThanTheLexiconAreRefused) {
  const SmallData data(4);
  DataConfig config;
  config.vocabulary_size = 120;
  config.manifest = "prepared/manifest.jsonl";
  std::vector<Study> studies = data.manifest()->read_all();
  const auto pipeline = [&](const std::vector<std::int64_t>& chosen) {
    return make_text_pipeline(config, Manifest(studies, {}), chosen);
  };
  studies[0].report.language = "en-GB";
  studies[2].report.language = "es";
  EXPECT_NO_THROW(pipeline({0, 1, 3}));  // not of those chosen
  const auto refusal = [&]() -> std::string {
    try {
      pipeline({0, 1, 2, 3});
      return "accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      return error.what();
    }
  };
  const std::string why = refusal();
  for (const char* part :
       {"prepared/manifest.jsonl", studies[2].study_id.c_str(), "'es'", "'en'", "data.lexicon"})
    EXPECT_NE(why.find(part), std::string::npos) << why;
  // The strategy that looks at no entity needs the lexicon for the rest.
  config.masking.strategy = "random";
  EXPECT_NE(refusal(), "accepted");
  const testing::TemporaryFolder folder;
  write_file_atomically(folder / "es.yaml",
                        "name: torax\nversion: 1\nlanguage: es\nclasses:\n  entity: [derrame]\n");
  config.lexicon = folder / "es.yaml";
  studies[0].report.language = "";
  EXPECT_EQ(pipeline({0, 1, 2, 3}).lexicon.language(), "es");
}

}  // namespace
}  // namespace biplane

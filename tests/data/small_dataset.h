#pragma once

#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "biplane/corpus/manifest.h"
#include "biplane/data/dataset.h"
#include "tests/corpus/small_corpus.h"
#include "tests/test_data.h"

namespace biplane::testing {

// Studies of small_corpus.h on disk (24 px, crop 16) with a vocabulary trained on them.
class SmallData {
 public:
  explicit SmallData(int studies) {
    manifest_ =
        std::make_shared<Manifest>(write_test_studies(folder_.path(), studies), folder_.path());
    DataConfig config;
    config.vocabulary_size = 120;
    config.max_tokens = 32;
    text_ = std::make_unique<TextPipeline>(make_text_pipeline(config, *manifest_, all()));
  }

  std::vector<std::int64_t> all() const {
    std::vector<std::int64_t> places(manifest_->summaries().size());
    std::iota(places.begin(), places.end(), 0);
    return places;
  }
  DatasetOptions options(bool training) const {
    DatasetOptions options;
    options.image.size = 24;
    options.image.crop = 16;
    options.training = training;
    options.seed = 3;
    options.cache_mib = 4;
    return options;
  }
  std::unique_ptr<StudyDataset> dataset(const DatasetOptions& options) const {
    return std::make_unique<StudyDataset>(manifest_, all(), *text_, options);
  }
  std::unique_ptr<StudyDataset> dataset(bool training) const { return dataset(options(training)); }
  std::unique_ptr<StudyDataset> dataset(bool training, std::vector<std::int64_t> chosen) const {
    return std::make_unique<StudyDataset>(manifest_, std::move(chosen), *text_, options(training));
  }
  const std::filesystem::path& root() const { return folder_.path(); }
  std::shared_ptr<const Manifest> manifest() const { return manifest_; }
  const TextPipeline& text() const { return *text_; }

 private:
  TemporaryFolder folder_;
  std::shared_ptr<const Manifest> manifest_;
  std::unique_ptr<TextPipeline> text_;
};

}  // namespace biplane::testing

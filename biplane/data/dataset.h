#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "biplane/corpus/chexpert.h"
#include "biplane/corpus/decoded_images.h"
#include "biplane/corpus/manifest.h"
#include "biplane/data/config.h"
#include "biplane/data/reports.h"
#include "biplane/imaging/image.h"

namespace biplane {

// One study, ready to be put into a batch.
struct StudySample {
  std::int64_t study_index = 0;  // index into the manifest's studies: the same whatever is selected
  std::string study_id;
  FloatImage frontal, lateral;  // (crop, crop) in [0, 1]; empty (0 rows) for a missing view
  std::shared_ptr<const EncodedReport> report;
  std::vector<float> labels;  // of DatasetOptions::labels: 1 present, 0 absent, NaN not known
  MaskedReport masked;
};

struct DatasetOptions {
  PreprocessOptions image;
  bool training = true;  // random crops and views, as configured; false: centred crop, first view,
                         // and no masks drawn per epoch (those of epoch 0 always)
  bool random_crop = true;
  bool shared_crop = false;  // the same height for both views of a study, where random_crop
  bool random_views = true;
  std::uint64_t seed = 0;
  std::int64_t cache_mib = 0;
  std::vector<std::string> labels;  // names in Study::labels; empty: CheXpert's 14

  static DatasetOptions from(const DataConfig& config, std::uint64_t seed, bool training);
};

// The chosen studies of a manifest as samples. Everything random is a pure function of (seed,
// epoch, study), so neither the order nor the thread matters. Decoded images (before the crop) and
// tokenised reports are kept up to cache_mib; where there is a file of decoded images of this size
// beside the manifest, images come from there and are not kept. The rest of a study is read from
// the manifest's file for every sample.
class StudyDataset {
 public:
  // `chosen`: indices into the manifest. Throws Error kUsage when there are none, or for bad
  // options.
  StudyDataset(std::shared_ptr<const Manifest> manifest, std::vector<std::int64_t> chosen,
               TextPipeline text, const DatasetOptions& options);
  ~StudyDataset();
  StudyDataset(const StudyDataset&) = delete;
  StudyDataset& operator=(const StudyDataset&) = delete;

  // The same studies, reports and random numbers with images of another size; its cache is empty.
  std::shared_ptr<const StudyDataset> at_size(const PreprocessOptions& image) const;

  std::int64_t size() const { return static_cast<std::int64_t>(chosen_.size()); }
  const StudySummary& summary(std::int64_t place) const;
  const Manifest& manifest() const { return *manifest_; }
  const TextPipeline& text() const { return text_; }
  const DatasetOptions& options() const { return options_; }

  // `place`: 0 .. size()-1. Safe to call from many threads. Throws Error naming study and file when
  // an image is missing or broken, or the study has neither a frontal nor a lateral view.
  StudySample sample(std::int64_t place, std::int64_t epoch) const;

 private:
  class Cache;
  FloatImage view(std::int64_t place, const Study& study, std::int64_t epoch, bool frontal) const;
  int shared_top(std::uint64_t study, std::int64_t epoch, int tops) const;

  std::shared_ptr<const Manifest> manifest_;
  std::vector<std::int64_t> chosen_;
  std::shared_ptr<const DecodedImages> decoded_;  // nullptr where the manifest has none of the size
  TextPipeline text_;
  DatasetOptions options_;
  std::unique_ptr<Cache> cache_;
};

}  // namespace biplane

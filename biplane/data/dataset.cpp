#include "biplane/data/dataset.h"

#include <mutex>
#include <utility>

#include "biplane/core/error.h"
#include "biplane/core/random.h"
#include "biplane/corpus/selection.h"

namespace biplane {
namespace {

// An image after fitting and before the crop. Area averaging works on 8 bits, so keeping 8 bits
// loses nothing; the interpolation of "shortest" gives real numbers.
struct FittedImage {
  GreyImage grey;
  FloatImage exact;

  std::size_t bytes() const {
    return sizeof(FittedImage) + grey.pixels.size() + exact.pixels.size() * sizeof(float);
  }
  int rows() const { return grey.rows > 0 ? grey.rows : exact.rows; }
  int cols() const { return grey.rows > 0 ? grey.cols : exact.cols; }
  FloatImage crop(CropOffset offset, int side) const {
    return grey.rows > 0
               ? crop_image(GreyView{grey.rows, grey.cols, grey.pixels.data()}, offset, side)
               : crop_image(exact, offset, side);
  }
};

FittedImage read_fitted(const ImageSource& source, const PreprocessOptions& options) {
  const DecodedImage decoded = read_image(source, decode_options(options));
  FittedImage fitted;
  if (options.fit == "longest") {
    fitted.grey = fit_to_grey(decoded, options);
  } else {
    fitted.exact = fit_image(decoded, options);
  }
  return fitted;
}

// Places in views of the frontals (or laterals) of a study.
std::vector<std::size_t> views_of(const Study& study, bool frontal) {
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < study.views.size(); ++i) {
    const ViewPosition position = study.views[i].view;
    if (frontal ? is_frontal(position) : position == ViewPosition::kLateral) places.push_back(i);
  }
  return places;
}

}  // namespace

// Slots filled at first use. Two threads may fill one slot at once: both make the same content, one
// of them wins.
class StudyDataset::Cache {
 public:
  Cache(const Manifest& manifest, const std::vector<std::int64_t>& chosen, std::int64_t mib)
      : budget_(static_cast<std::size_t>(mib) << 20), reports_(chosen.size()) {
    first_view_.reserve(chosen.size() + 1);
    first_view_.push_back(0);
    for (const std::int64_t i : chosen) {
      first_view_.push_back(first_view_.back() +
                            static_cast<std::size_t>(manifest.summary(i).views));
    }
    images_.resize(first_view_.back());
  }

  template <class Make>
  std::shared_ptr<const FittedImage> image(std::int64_t place, std::size_t view, const Make& make) {
    return get(images_[first_view_[static_cast<std::size_t>(place)] + view], make);
  }
  template <class Make>
  std::shared_ptr<const EncodedReport> report(std::int64_t place, const Make& make) {
    return get(reports_[static_cast<std::size_t>(place)], make);
  }

 private:
  template <class T, class Make>
  std::shared_ptr<const T> get(std::shared_ptr<const T>& slot, const Make& make) {
    {
      const std::lock_guard lock(mutex_);
      if (slot) return slot;
    }
    const auto made = std::make_shared<const T>(make());
    const std::lock_guard lock(mutex_);
    if (slot) return slot;
    if (used_ + made->bytes() <= budget_) {
      used_ += made->bytes();
      slot = made;
    }
    return made;
  }

  std::mutex mutex_;
  std::size_t budget_, used_ = 0;
  std::vector<std::size_t> first_view_;  // of each place, into images_
  std::vector<std::shared_ptr<const FittedImage>> images_;
  std::vector<std::shared_ptr<const EncodedReport>> reports_;
};

namespace {

std::vector<float> label_values(const Study& study, const std::vector<std::string>& names) {
  if (names.empty()) {
    const ChexpertValues values = chexpert_values(study);
    return {values.begin(), values.end()};
  }
  std::vector<float> values;
  for (const std::string& name : names) values.push_back(label_value(study.labels, name));
  return values;
}

}  // namespace

DatasetOptions DatasetOptions::from(const DataConfig& config, std::uint64_t seed, bool training) {
  DatasetOptions options;
  options.image = config.image;
  options.training = training;
  options.random_crop = config.random_crop;
  options.shared_crop = config.shared_crop;
  options.random_views = config.view_sampling == "random";
  options.seed = seed;
  options.cache_mib = config.cache_mib;
  options.labels = config.labels;
  return options;
}

StudyDataset::StudyDataset(std::shared_ptr<const Manifest> manifest,
                           std::vector<std::int64_t> chosen, TextPipeline text,
                           const DatasetOptions& options)
    : manifest_(std::move(manifest)),
      chosen_(std::move(chosen)),
      text_(std::move(text)),
      options_(options) {
  if (chosen_.empty()) {
    throw Error(
        ErrorKind::kUsage,
        manifest_->path().string() + ": no study is left by data.split, data.views and data.limit");
  }
  check_preprocess(options_.image);
  check_masking_options(text_.masking, "data.masking.");
  decoded_ = DecodedImages::open_beside(*manifest_, options_.image);
  cache_ = std::make_unique<Cache>(*manifest_, chosen_, options_.cache_mib);
}

StudyDataset::~StudyDataset() = default;

std::shared_ptr<const StudyDataset> StudyDataset::at_size(const PreprocessOptions& image) const {
  DatasetOptions options = options_;
  options.image = image;
  return std::make_shared<const StudyDataset>(manifest_, chosen_, text_, options);
}

const StudySummary& StudyDataset::summary(std::int64_t place) const {
  return manifest_->summary(chosen_.at(static_cast<std::size_t>(place)));
}

// Which of `tops` places a study's crops begin at: the same part of the way down in both views,
// also where "shortest" leaves them unequally high.
int StudyDataset::shared_top(std::uint64_t study, std::int64_t epoch, int tops) const {
  CounterRandom random(options_.seed, "crop height", {static_cast<std::uint64_t>(epoch), study});
  return static_cast<int>(random.uniform() * tops);
}

FloatImage StudyDataset::view(std::int64_t place, const Study& study, std::int64_t epoch,
                              bool frontal) const {
  const std::vector<std::size_t> views = views_of(study, frontal);
  if (views.empty()) return {};
  const auto key = static_cast<std::uint64_t>(chosen_[static_cast<std::size_t>(place)]);
  CounterRandom random(options_.seed, frontal ? "frontal view" : "lateral view",
                       {static_cast<std::uint64_t>(epoch), key});
  std::size_t pick = 0;
  if (options_.training && options_.random_views) {
    pick = static_cast<std::size_t>(random.below(static_cast<std::int64_t>(views.size())));
  }
  const int side = static_cast<int>(options_.image.crop);
  const auto offset = [&](int rows, int cols) {
    if (!options_.training || !options_.random_crop) return centre_crop(rows, cols, side);
    CropOffset drawn = random_crop(rows, cols, side, random);
    if (options_.shared_crop) drawn.top = shared_top(key, epoch, rows - side + 1);
    return drawn;
  };
  if (decoded_ != nullptr) {
    if (const auto grey = decoded_->image(static_cast<std::size_t>(key), views[pick]))
      return crop_image(*grey, offset(grey->rows, grey->cols), side);
  }
  const auto image = cache_->image(place, views[pick], [&] {
    return read_fitted(manifest_->image_source(study.views[views[pick]]), options_.image);
  });
  return image->crop(offset(image->rows(), image->cols()), side);
}

StudySample StudyDataset::sample(std::int64_t place, std::int64_t epoch) const {
  StudySample sample;
  sample.study_index = chosen_.at(static_cast<std::size_t>(place));
  const Study study = manifest_->study(sample.study_index);
  sample.study_id = study.study_id;
  if (!has_frontal(study) && !has_lateral(study)) {
    throw Error(ErrorKind::kBadContent,
                "study " + study.study_id + ": neither a frontal nor a lateral view");
  }
  sample.frontal = view(place, study, epoch, true);
  sample.lateral = view(place, study, epoch, false);
  sample.report = cache_->report(place, [&] { return encode_report(study.report.text, text_); });
  sample.labels = label_values(study, options_.labels);
  const std::uint64_t mask_epoch = options_.training ? static_cast<std::uint64_t>(epoch) : 0;
  CounterRandom random(options_.seed, "mask",
                       {mask_epoch, static_cast<std::uint64_t>(sample.study_index)});
  sample.masked = mask_report(sample.report->encoding, sample.report->words,
                              text_.tokenizer.vocabulary(), text_.masking, random);
  return sample;
}

}  // namespace biplane

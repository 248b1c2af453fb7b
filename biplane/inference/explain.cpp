#include "biplane/inference/explain.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "biplane/core/error.h"
#include "biplane/corpus/selection.h"
#include "biplane/imaging/heatmap.h"
#include "biplane/imaging/preprocess.h"
#include "biplane/inference/engine.h"
#include "biplane/model/model_card.h"
#include "biplane/text/unicode.h"

namespace biplane {
namespace {

constexpr std::int64_t kPictureSide = 448;  // about, of the pictures of the views
constexpr std::int64_t kMostPixels = 4096;  // check_preprocess allows no more
constexpr std::int64_t kPredictions = 3;

std::int64_t find_study(const Manifest& manifest, const std::string& study_id) {
  std::vector<std::string> ids;
  for (const StudySummary& study : manifest.summaries()) {
    if (study.study_id == study_id) return static_cast<std::int64_t>(ids.size());
    ids.push_back(study.study_id);
  }
  throw Error(ErrorKind::kUsage, manifest.path().string() + ": no study '" + study_id + "'" +
                                     did_you_mean(study_id, ids));
}

// The model's square a whole number of times, so that its patches stay whole pixels.
std::int64_t picture_side(const PreprocessOptions& options) {
  const std::int64_t wanted = (kPictureSide + options.crop / 2) / options.crop;
  return options.crop * std::max<std::int64_t>(1, std::min(wanted, kMostPixels / options.size));
}

GreyImage picture_of(const DecodedImage& decoded, const PreprocessOptions& model) {
  const int side = static_cast<int>(picture_side(model));
  // An original without more detail than the model's input is enlarged smoothly.
  const bool finer = std::max(decoded.original_rows, decoded.original_cols) > model.size;
  const PreprocessOptions options = finer ? display_options(model, side) : model;
  const FloatImage fitted = fit_image(decoded, options);
  const int crop = static_cast<int>(options.crop);
  const FloatImage seen = crop_image(fitted, centre_crop(fitted.rows, fitted.cols, crop), crop);
  return to_grey(upsample_bilinear(seen, side, side));
}

// Part [low, high) of the model's square in the original image, as far as that reaches: begin and
// length.
std::pair<double, double> original_range(double low, double high, std::int64_t most) {
  const double begin = std::clamp(low, 0.0, static_cast<double>(most));
  return {begin, std::clamp(high, 0.0, static_cast<double>(most)) - begin};
}

void place_patches(const PreprocessOptions& options, ViewSelection& view) {
  const int rows = static_cast<int>(view.original_rows),
            cols = static_cast<int>(view.original_cols);
  const InputMapping mapping = input_mapping(rows, cols, options, centre_crop(rows, cols, options));
  const double height = static_cast<double>(options.crop) / static_cast<double>(view.grid_rows);
  const double width = static_cast<double>(options.crop) / static_cast<double>(view.grid_columns);
  for (std::size_t i = 0; i < view.patches.size(); ++i) {
    PatchSelection& patch = view.patches[i];
    const auto row = static_cast<double>(static_cast<std::int64_t>(i) / view.grid_columns);
    const auto column = static_cast<double>(static_cast<std::int64_t>(i) % view.grid_columns);
    std::tie(patch.y, patch.h) =
        original_range(mapping.to_original_y(row * height),
                       mapping.to_original_y((row + 1) * height), view.original_rows);
    std::tie(patch.x, patch.w) =
        original_range(mapping.to_original_x(column * width),
                       mapping.to_original_x((column + 1) * width), view.original_cols);
  }
}

// The key set of one study in the host's memory; N candidates, M slots.
struct HostKeys {
  explicit HostKeys(const KeySet& set)
      : kept(set.kept[0].to(torch::kCPU).contiguous()),
        scores(host(set.scores.standard[0])),
        cosines(host(set.scores.raw[0])),
        aggregation(host(set.aggregation[0])),
        used(set.slot_used.sum().item<std::int64_t>()),
        mean(aggregation.sum(0) / static_cast<double>(std::max<std::int64_t>(1, used))) {
    std::tie(strongest, slots) = aggregation.max(0);
  }
  static torch::Tensor host(const torch::Tensor& values) {
    return values.to(torch::kCPU, torch::kFloat64).contiguous();
  }

  torch::Tensor kept, scores, cosines;  // (N)
  torch::Tensor aggregation;            // (M,N), unused slots are 0
  std::int64_t used = 0;
  torch::Tensor mean, strongest, slots;  // (N)
};

void read_patches(const HostKeys& keys, std::int64_t first, ViewSelection& view) {
  const std::int64_t count = view.grid_rows * view.grid_columns;
  for (std::int64_t i = first; i < first + count; ++i) {
    PatchSelection patch;
    patch.score = keys.scores.const_data_ptr<double>()[i];
    patch.cosines = keys.cosines.const_data_ptr<double>()[i];
    patch.kept = keys.kept.const_data_ptr<bool>()[i];
    patch.weight = keys.mean.const_data_ptr<double>()[i];
    if (patch.kept) {
      patch.slot = keys.slots.const_data_ptr<std::int64_t>()[i];
      patch.slot_weight = keys.strongest.const_data_ptr<double>()[i];
    }
    view.patches.push_back(patch);
    (patch.kept ? view.kept : view.discarded) += 1;
    view.weight += patch.weight;
  }
  const torch::Tensor cosines = keys.cosines.narrow(0, first, count);
  view.lowest_cosines = cosines.min().item<double>();
  view.mean_cosines = cosines.mean().item<double>();
  view.highest_cosines = cosines.max().item<double>();
  const torch::Tensor here = keys.aggregation.narrow(1, first, count).sum(1);
  view.slots = here.gt(keys.aggregation.sum(1) / 2).sum().item<std::int64_t>();
}

class Explainer {
 public:
  Explainer(const Engine& engine, const Manifest& manifest, std::int64_t index, std::uint64_t seed)
      : engine_(engine),
        manifest_(manifest),
        study_(manifest.study(index)),
        sample_(engine.read_studies(manifest, {index}, seed)->sample(0, 0)) {}

  void add_views(const MaskedReading& reading, SelectionExplanation& result) const {
    const HostKeys keys(reading.output.keys);
    result.slots = keys.used;
    result.slot_support = slot_diagnostics(slot_sums(reading.output.keys)).slot_support;
    const torch::Tensor kept = keys.scores.masked_select(keys.kept);
    result.lowest_kept = kept.min().item<double>();
    std::int64_t first = 0;
    for (const bool lateral : {false, true}) {
      const ViewFeatures& features = lateral ? reading.lateral : reading.frontal;
      const std::optional<std::int64_t> place = first_view(study_, lateral);
      if (place) result.views.push_back(make_view(*place, lateral, features));
      if (place) read_patches(keys, first, result.views.back());
      if (place) place_patches(options(), result.views.back());
      first += features.patches.size(1);
    }
  }

  void add_words(const MlmOutput& output, SelectionExplanation& result) const {
    const std::vector<MaskedPiece> pieces = read_pieces(output);
    const std::vector<std::size_t> bytes = code_point_places(study_.report.text);
    const Encoding& encoding = sample_.report->encoding;
    const std::vector<std::int32_t>& word_ids = sample_.report->words.word_ids;
    std::int32_t last = -1;
    std::size_t next = 0;
    for (std::size_t i = 0; i < encoding.size(); ++i) {
      if (word_ids[i] < 0) continue;
      const auto [begin, end] = encoding.offsets[i];
      if (word_ids[i] != last)
        result.words.push_back({bytes.at(static_cast<std::size_t>(begin)),
                                0,
                                sample_.report->words.word_class[i],
                                {}});
      last = word_ids[i];
      WordSelection& word = result.words.back();
      word.end = bytes.at(static_cast<std::size_t>(end));
      if (sample_.masked.labels[i] >= 0) word.pieces.push_back(pieces.at(next++));
    }
  }

  StudyBatch batch() const { return collate({sample_}, engine_.text(), options().crop); }
  const Study& study() const { return study_; }

 private:
  const PreprocessOptions& options() const { return engine_.description().preprocess; }

  ViewSelection make_view(std::int64_t place, bool lateral, const ViewFeatures& features) const {
    const View& source = study_.views[static_cast<std::size_t>(place)];
    const DecodedImage decoded = read_image(manifest_.image_source(source), {});
    ViewSelection view;
    view.view = lateral ? "lateral" : "frontal";
    view.path = source.path;
    view.original_rows = decoded.original_rows;
    view.original_cols = decoded.original_cols;
    view.grid_rows = features.grid_rows;
    view.grid_columns = features.grid_columns;
    view.image = picture_of(decoded, options());
    return view;
  }

  // Byte at which each code point of a text begins, and its length at the end.
  static std::vector<std::size_t> code_point_places(const std::string& text) {
    std::vector<std::size_t> places;
    for (std::size_t at = 0; at < text.size(); next_code_point(text, at)) places.push_back(at);
    places.push_back(text.size());
    return places;
  }

  // The masked places in the order of the report, as the rows of the logits are.
  std::vector<MaskedPiece> read_pieces(const MlmOutput& output) const {
    const Vocabulary& vocabulary = engine_.text().tokenizer.vocabulary();
    const torch::Tensor chance = HostKeys::host(output.logits.to(torch::kFloat64).softmax(1));
    const auto [best, ids] = chance.topk(std::min(kPredictions, vocabulary.size()), 1);
    std::vector<MaskedPiece> pieces;
    for (std::int64_t row = 0; row < chance.size(0); ++row) {
      const std::int64_t label = output.labels[row].item<std::int64_t>();
      const auto at = static_cast<std::size_t>(output.places[row].item<std::int64_t>());
      MaskedPiece piece;
      piece.token = vocabulary.token(label);
      piece.shown = vocabulary.token(sample_.masked.masked_ids.at(at));
      piece.probability = chance[row][label].item<double>();
      for (std::int64_t i = 0; i < best.size(1); ++i)
        piece.predictions.push_back(
            {vocabulary.token(ids[row][i].item<std::int64_t>()), best[row][i].item<double>()});
      pieces.push_back(std::move(piece));
    }
    return pieces;
  }

  const Engine& engine_;
  const Manifest& manifest_;
  const Study study_;
  StudySample sample_;
};

}  // namespace

SelectionExplanation explain_selection(const Engine& engine, const Manifest& manifest,
                                       const std::string& study_id, std::uint64_t seed) {
  const std::int64_t index = find_study(manifest, study_id);
  if (!manifest.summary(index).has_report)
    throw Error(ErrorKind::kUsage, manifest.path().string() + ": study " + study_id +
                                       " has no report, so there are no words to mask; choose a "
                                       "study with one");
  const Explainer explainer(engine, manifest, index, seed);
  MaskedReading reading;
  // One thread inside each operation: the same last digits on every machine with these kernels.
  engine.for_each(1, [&](std::int64_t) { reading = engine.read_masked(explainer.batch()); });
  SelectionExplanation result;
  result.study_id = study_id;
  result.seed = seed;
  result.report = explainer.study().report.text;
  const KeySemanticsConfig& config = engine.description().config.key_semantics;
  result.self_term = config.selection.self;
  result.text_term = config.selection.text;
  result.rho = config.rho;
  explainer.add_views(reading, result);
  explainer.add_words(reading.output, result);
  result.mlm_trained = engine.description().provenance.mlm_trained;
  result.trained_on = training_summary(engine.description().provenance);
  result.weights_sha256 = engine.package().weights_sha256;
  result.preprocess_sha256 = engine.package().preprocess_sha256;
  return result;
}

}  // namespace biplane

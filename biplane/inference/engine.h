#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "biplane/core/progress.h"
#include "biplane/corpus/manifest.h"
#include "biplane/data/loader.h"
#include "biplane/data/reports.h"
#include "biplane/model/multiview_model.h"
#include "biplane/model/package.h"
#include "biplane/nn/libtorch.h"
#include "biplane/text/prompts.h"

namespace biplane {

struct EngineOptions {
  int threads = 0;          // batches computed at the same time, one thread each; 0: one per core
  std::int64_t batch = 32;  // studies or texts of one batch; changes results by less than 1e-5
};

// Global features of N studies, not normalised. Rows of a missing view or report are zeros.
struct StudyFeatures {
  std::vector<std::int64_t> studies;                   // (N) indices into the manifest
  torch::Tensor frontal, lateral, text;                // (N,D) f32
  torch::Tensor has_frontal, has_lateral, has_report;  // (N) bool
  std::vector<BrokenStudy> broken;                     // left out: an image could not be read
  std::int64_t size() const { return static_cast<std::int64_t>(studies.size()); }
};

// Features of a prompt set, one row a class: the normalised mean of the normalised embeddings of
// its prompts.
struct PromptFeatures {
  torch::Tensor positive, negative;  // (C,D) f32
};

// A map over the patches of one view for one phrase.
struct PhraseMap {
  FloatImage attention;  // first cross-attention of the alignment decoder, mean over heads and the
                         // phrase's words
  FloatImage cosine;     // cosine of the phrase's global feature and each patch, in [-1, 1]
  FloatImage sentence;   // of the mean of its words and each patch, as L_local compares them
};

// A phrase's text features, ready for any number of images. With several wordings the map is their
// mean.
struct PhraseFeatures {
  torch::Tensor tokens;      // (P,T,D)
  torch::Tensor token_mask;  // (P,T) bool
  torch::Tensor word_mask;   // (P,T) bool, words without punctuation
  torch::Tensor global;      // (D) normalised mean of the normalised globals
  torch::Tensor sentence;    // (D) the same of the sentences of all wordings, each the mean of its
                             // words; zeros where there is no word
};

// What the masked-word decoder may see of a batch and what it reads at the masked places (method
// section 3).
struct MaskedReading {
  ViewFeatures frontal, lateral;  // zeros for a missing view; the grids are those of the patches
  MlmOutput output;
};

// A trained model ready for use: evaluation mode, no gradients, safe to call from many threads.
class Engine {
 public:
  explicit Engine(ModelPackage package, const EngineOptions& options = {});
  // load_model_package(path) and the above.
  static Engine open(const std::filesystem::path& path, const EngineOptions& options = {});

  // Global features of the given studies (indices into the manifest), centre crop, first view of
  // each kind, in their order. Studies with a broken image are left out and listed.
  StudyFeatures encode(const Manifest& manifest, const std::vector<std::int64_t>& studies,
                       Progress* progress = nullptr) const;
  // The studies as encode() reads them, masked as in the first epoch of a training with `seed`, or
  // by `masking` instead of the model's own. The manifest must outlive the data set.
  std::unique_ptr<StudyDataset> read_studies(const Manifest& manifest,
                                             std::vector<std::int64_t> studies,
                                             std::uint64_t seed = 0,
                                             const MaskingOptions* masking = nullptr) const;
  // Key semantics and predictions for the masked reports of a batch.
  MaskedReading read_masked(const StudyBatch& batch) const;
  // (N,D), not normalised.
  torch::Tensor encode_texts(const std::vector<std::string>& texts) const;
  PromptFeatures encode_prompts(const PromptSet& prompts) const;
  // One feature a study from both views, (N,D), not normalised; has_* (N) bool say which views
  // count.
  torch::Tensor fuse(const torch::Tensor& frontal, const torch::Tensor& lateral,
                     const torch::Tensor& has_frontal, const torch::Tensor& has_lateral) const;

  // Logits of the label head, (N,L) in the order of provenance.labels, for fused features (N,D).
  // Throws Error kUsage where the model has no label head.
  torch::Tensor label_logits(const torch::Tensor& fused) const;

  PhraseFeatures encode_phrase(const std::vector<std::string>& wordings) const;
  // Patches of one preprocessed image (crop, crop) in [0,1].
  ViewFeatures encode_view(const FloatImage& image, bool lateral) const;
  // Maps of a phrase over one view; `view` holds one image.
  PhraseMap ground(const PhraseFeatures& phrase, const ViewFeatures& view) const;

  // Calls body(i) for i = 0 .. count-1 on the engine's threads, each with one thread inside
  // LibTorch's operators.
  void for_each(std::int64_t count, const std::function<void(std::int64_t)>& body) const;

  const ModelDescription& description() const { return package_.description; }
  const ModelPackage& package() const { return package_; }  // without its weights
  const TextPipeline& text() const { return text_; }
  const MultiviewModel& model() const { return *model_; }  // callers switch gradients off
  int threads() const { return threads_; }

 private:
  struct BatchFeatures;
  BatchFeatures encode_batch(const StudyDataset& dataset, std::int64_t begin,
                             std::int64_t end) const;

  ModelPackage package_;
  TextPipeline text_;
  std::int64_t batch_ = 32;
  int threads_ = 1;
  std::shared_ptr<MultiviewModel> model_;
  std::shared_ptr<Linear> labels_;  // null without a label head
};

}  // namespace biplane

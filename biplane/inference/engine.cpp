#include "biplane/inference/engine.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "biplane/core/error.h"
#include "biplane/core/parallel.h"
#include "biplane/inference/model_text.h"
#include "biplane/inference/tensor_image.h"
#include "biplane/model/local_contrast.h"
#include "biplane/model/losses.h"
#include "biplane/model/mlm_input.h"
#include "biplane/model/objective_state.h"
#include "biplane/model/pretrain_objective.h"
#include "biplane/nn/one_thread.h"
#include "biplane/nn/weights.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

// The label head of a model that has one.
std::shared_ptr<Linear> make_label_head(const ModelPackage& package) {
  const auto count = static_cast<std::int64_t>(package.description.provenance.labels.size());
  if (count == 0) return nullptr;
  auto head = std::make_shared<Linear>(package.description.config.width, count);
  TensorMap weights;
  for (const auto& [name, tensor] : package.weights) {
    if (name.starts_with(kLabelHead))
      weights.emplace(name.substr(std::string_view(kLabelHead).size()), tensor);
  }
  try {
    assign_weights(*head, weights);
  } catch (const Error& error) {
    throw Error(error.kind(), package.folder.string() + ": label head: " + error.what());
  }
  head->eval();
  return head;
}

std::shared_ptr<MultiviewModel> make_model(ModelPackage& package) {
  ModelConfig config = package.description.config;
  // A frozen tower keeps no graph; phrase_gradient.h asks every one for its gradient.
  config.frontal.frozen = config.lateral.frozen = false;
  auto model = std::make_shared<MultiviewModel>(config, /*seed=*/0);
  std::erase_if(package.weights, [](const auto& entry) { return !is_model_state(entry.first); });
  try {
    assign_weights(*model, package.weights);
  } catch (const Error& error) {
    throw Error(error.kind(), package.folder.string() + ": " + error.what());
  }
  package.weights.clear();
  model->eval();
  return model;
}

// PhraseFeatures::sentence of these wordings.
torch::Tensor sentence_feature(const StudyBatch& batch, const torch::Tensor& tokens) {
  const ReportSentences sentences =
      report_sentences(batch, torch::arange(tokens.size(0)), tokens.scalar_type());
  const torch::Tensor pooled =
      at::bmm(sentences.pool, tokens)
          .index({sentences.places.select(1, 0), sentences.places.select(1, 1)});
  return pooled.size(0) > 0 ? unit(unit(pooled).mean(0)) : torch::zeros({tokens.size(2)});
}

}  // namespace

struct Engine::BatchFeatures {
  std::vector<std::int64_t> studies;
  torch::Tensor frontal, lateral, text, has_frontal, has_lateral, has_report;
  std::vector<BrokenStudy> broken;
};

Engine::Engine(ModelPackage package, const EngineOptions& options)
    : package_(std::move(package)),
      text_(model_text(package_.description)),
      batch_(options.batch),
      threads_(options.threads) {
  if (batch_ < 1)
    throw Error(ErrorKind::kUsage, "batch: " + std::to_string(batch_) + " is not 1 or more");
  if (threads_ < 0)
    throw Error(ErrorKind::kUsage,
                "threads: " + std::to_string(threads_) + " is neither 0 (one a core) nor more");
  threads_ = resolve_threads(threads_);
  check_preprocess(package_.description.preprocess);
  labels_ = make_label_head(package_);
  model_ = make_model(package_);
}

Engine Engine::open(const fs::path& path, const EngineOptions& options) {
  return Engine(load_model_package(path), options);
}

void Engine::for_each(std::int64_t count, const std::function<void(std::int64_t)>& body) const {
  const OneThreadPerOperation one_thread;
  parallel_for(count, threads_, [&](std::int64_t index) {
    const OneThreadPerOperation mine;  // the number is kept for each thread
    body(index);
  });
}

Engine::BatchFeatures Engine::encode_batch(const StudyDataset& dataset, std::int64_t begin,
                                           std::int64_t end) const {
  BatchFeatures features;
  std::vector<StudySample> samples;
  std::vector<std::uint8_t> has_report;
  for (std::int64_t place = begin; place < end; ++place) {
    try {
      samples.push_back(dataset.sample(place, 0));
    } catch (const Error& error) {
      if (!is_broken_content(error)) throw;
      features.broken.push_back({dataset.summary(place).study_id, error.what(), {}});
      continue;
    }
    features.studies.push_back(samples.back().study_index);
    has_report.push_back(dataset.summary(place).has_report);
  }
  if (samples.empty()) return features;
  const torch::NoGradGuard no_grad;
  const StudyBatch batch = collate(samples, text_, package_.description.preprocess.crop);
  features.frontal = model_->encode_frontal(batch.frontal, batch.has_frontal).global;
  features.lateral = model_->encode_lateral(batch.lateral, batch.has_lateral).global;
  features.has_frontal = batch.has_frontal;
  features.has_lateral = batch.has_lateral;
  features.has_report = torch::tensor(at::ArrayRef<std::uint8_t>(has_report)).to(torch::kBool);
  features.text = model_->encode_text(batch.input_ids, batch.attention_mask).global *
                  features.has_report.unsqueeze(1);
  return features;
}

std::unique_ptr<StudyDataset> Engine::read_studies(const Manifest& manifest,
                                                   std::vector<std::int64_t> studies,
                                                   std::uint64_t seed,
                                                   const MaskingOptions* masking) const {
  DatasetOptions options;
  options.image = package_.description.preprocess;
  options.training = false;
  options.seed = seed;
  TextPipeline text = text_;
  if (masking != nullptr) text.masking = *masking;
  // The data set shares the manifest; here it is only lent.
  return std::make_unique<StudyDataset>(
      std::shared_ptr<const Manifest>(std::shared_ptr<void>(), &manifest), std::move(studies),
      std::move(text), options);
}

StudyFeatures Engine::encode(const Manifest& manifest, const std::vector<std::int64_t>& studies,
                             Progress* progress) const {
  const std::unique_ptr<StudyDataset> lent = read_studies(manifest, studies);
  const StudyDataset& dataset = *lent;
  const std::int64_t batches = (dataset.size() + batch_ - 1) / batch_;
  std::vector<BatchFeatures> parts(static_cast<std::size_t>(batches));
  for_each(batches, [&](std::int64_t index) {
    const std::int64_t begin = index * batch_, end = std::min(begin + batch_, dataset.size());
    parts[static_cast<std::size_t>(index)] = encode_batch(dataset, begin, end);
    if (progress != nullptr) progress->advance(end - begin);
  });

  StudyFeatures features;
  std::vector<torch::Tensor> frontal, lateral, text, has_frontal, has_lateral, has_report;
  for (BatchFeatures& part : parts) {
    std::move(part.broken.begin(), part.broken.end(), std::back_inserter(features.broken));
    if (part.studies.empty()) continue;
    features.studies.insert(features.studies.end(), part.studies.begin(), part.studies.end());
    frontal.push_back(part.frontal);
    lateral.push_back(part.lateral);
    text.push_back(part.text);
    has_frontal.push_back(part.has_frontal);
    has_lateral.push_back(part.has_lateral);
    has_report.push_back(part.has_report);
  }
  if (features.studies.empty()) {
    throw Error(ErrorKind::kBadContent,
                "none of " + std::to_string(dataset.size()) +
                    " studies can be read; the first: " + features.broken.front().reason);
  }
  features.frontal = torch::cat(frontal);
  features.lateral = torch::cat(lateral);
  features.text = torch::cat(text);
  features.has_frontal = torch::cat(has_frontal);
  features.has_lateral = torch::cat(has_lateral);
  features.has_report = torch::cat(has_report);
  return features;
}

MaskedReading Engine::read_masked(const StudyBatch& batch) const {
  const torch::NoGradGuard no_grad;
  MaskedReading reading;
  reading.frontal = model_->encode_frontal(batch.frontal, batch.has_frontal);
  reading.lateral = model_->encode_lateral(batch.lateral, batch.has_lateral);
  const SelectionConfig& selection = package_.description.config.key_semantics.selection;
  MlmInput input = mlm_input(batch, reading.frontal, reading.lateral, selection);
  if (selection.text == "full")
    input.report_tokens = model_->encode_text(batch.input_ids, batch.attention_mask).tokens;
  reading.output = model_->mlm(input);
  return reading;
}

torch::Tensor Engine::encode_texts(const std::vector<std::string>& texts) const {
  const auto count = static_cast<std::int64_t>(texts.size());
  const std::int64_t batches = (count + batch_ - 1) / batch_;
  std::vector<torch::Tensor> parts(static_cast<std::size_t>(batches));
  for_each(batches, [&](std::int64_t index) {
    const torch::NoGradGuard no_grad;
    const auto begin = texts.begin() + index * batch_,
               end = texts.begin() + std::min((index + 1) * batch_, count);
    const StudyBatch batch = collate_texts({begin, end}, text_);
    parts[static_cast<std::size_t>(index)] =
        model_->encode_text(batch.input_ids, batch.attention_mask).global;
  });
  return parts.empty() ? torch::zeros({0, package_.description.config.width}) : torch::cat(parts);
}

PromptFeatures Engine::encode_prompts(const PromptSet& prompts) const {
  std::vector<torch::Tensor> positive, negative;
  for (const PromptClass& one : prompts.classes) {
    positive.push_back(unit(unit(encode_texts(one.positive)).mean(0)));
    negative.push_back(unit(unit(encode_texts(one.negative)).mean(0)));
  }
  return {torch::stack(positive), torch::stack(negative)};
}

torch::Tensor Engine::fuse(const torch::Tensor& frontal, const torch::Tensor& lateral,
                           const torch::Tensor& has_frontal,
                           const torch::Tensor& has_lateral) const {
  const torch::NoGradGuard no_grad;
  ViewFeatures front, side;
  front.global = frontal;
  side.global = lateral;
  return model_->fuse(front, side, has_frontal, has_lateral);
}

torch::Tensor Engine::label_logits(const torch::Tensor& fused) const {
  if (!labels_)
    throw Error(ErrorKind::kUsage, package_.folder.string() + ": the model has no label head");
  const torch::NoGradGuard no_grad;
  return labels_->forward(fused);
}

PhraseFeatures Engine::encode_phrase(const std::vector<std::string>& wordings) const {
  const torch::NoGradGuard no_grad;
  const StudyBatch batch = collate_texts(wordings, text_);
  const TextFeatures text = model_->encode_text(batch.input_ids, batch.attention_mask);
  PhraseFeatures phrase;
  phrase.tokens = text.tokens;
  phrase.token_mask = batch.attention_mask;
  phrase.word_mask =
      batch.word_mask & (batch.word_class != static_cast<std::int64_t>(WordClass::kPunctuation));
  phrase.global = unit(unit(text.global).mean(0));
  phrase.sentence = sentence_feature(batch, text.tokens);
  return phrase;
}

ViewFeatures Engine::encode_view(const FloatImage& image, bool lateral) const {
  const torch::NoGradGuard no_grad;
  const torch::Tensor pixels = grey_plane(image).expand({1, 3, image.rows, image.cols});
  return lateral ? model_->encode_lateral(pixels) : model_->encode_frontal(pixels);
}

PhraseMap Engine::ground(const PhraseFeatures& phrase, const ViewFeatures& view) const {
  const torch::NoGradGuard no_grad;
  TORCH_CHECK(view.patches.size(0) == 1, "ground: patches of one image are expected, not ",
              view.patches.size(0));
  AlignInput input;
  input.tokens = phrase.tokens;
  input.token_mask = phrase.token_mask;
  input.patches = view.patches.expand({phrase.tokens.size(0), -1, -1});
  torch::Tensor attention;  // (P,T,N)
  model_->align(input, &attention);
  const torch::Tensor words = phrase.word_mask.to(attention.dtype());  // (P,T)
  const torch::Tensor per_wording =
      torch::einsum("ptn,pt->pn", {attention, words}) / words.sum(1, /*keepdim=*/true).clamp_min(1);
  PhraseMap map;
  const auto as_map = [&](const torch::Tensor& patches) {
    return to_image(patches.view({view.grid_rows, view.grid_columns}));
  };
  map.attention = as_map(per_wording.mean(0));
  map.cosine = as_map(unit(view.patches[0]).matmul(phrase.global));
  map.sentence = as_map(unit(view.patches[0]).matmul(phrase.sentence));
  return map;
}

}  // namespace biplane

#include "biplane/inference/task_features.h"

#include <algorithm>
#include <iterator>
#include <numeric>

#include "biplane/core/error.h"
#include "biplane/core/parallel.h"
#include "biplane/data/loader.h"
#include "biplane/nn/one_thread.h"

namespace biplane {
namespace {

torch::Tensor part_of(const ViewFeatures& view, const ClassifierConfig& config) {
  return config.features == "tower" ? view.pooled : view.global;
}

struct BatchParts {
  std::vector<std::int64_t> studies;
  ViewParts parts;
  std::vector<BrokenStudy> broken;
};

BatchParts encode_places(const MultiviewModel& model, const StudyDataset& dataset,
                         const ClassifierConfig& config, std::int64_t begin, std::int64_t end) {
  BatchPlan plan;
  plan.studies.resize(static_cast<std::size_t>(end - begin));
  std::iota(plan.studies.begin(), plan.studies.end(), begin);
  SampleBatch read = read_batch(dataset, plan, /*training=*/false);
  BatchParts encoded;
  encoded.broken = std::move(read.broken);
  if (read.samples.empty()) return encoded;
  for (const StudySample& sample : read.samples) encoded.studies.push_back(sample.study_index);
  const torch::NoGradGuard no_grad;
  const StudyBatch batch = collate(read.samples, dataset.text(), dataset.options().image.crop);
  encoded.parts = view_parts(model, batch.to(model.prototypes.device()), config);
  return encoded;
}

torch::Tensor cat_defined(const std::vector<BatchParts>& batches, torch::Tensor ViewParts::*part) {
  std::vector<torch::Tensor> rows;
  for (const BatchParts& batch : batches) {
    if ((batch.parts.*part).defined()) rows.push_back(batch.parts.*part);
  }
  return rows.empty() ? torch::Tensor() : torch::cat(rows);
}

torch::Tensor select_defined(const torch::Tensor& part, const torch::Tensor& rows) {
  return part.defined() ? part.index_select(0, rows) : part;
}

}  // namespace

ViewParts view_parts(const MultiviewModel& model, const StudyBatch& batch,
                     const ClassifierConfig& config) {
  ViewParts parts;
  parts.has_frontal = batch.has_frontal;
  parts.has_lateral = batch.has_lateral;
  if (config.views != "lateral")
    parts.frontal = part_of(model.encode_frontal(batch.frontal, batch.has_frontal), config);
  if (config.views != "frontal")
    parts.lateral = part_of(model.encode_lateral(batch.lateral, batch.has_lateral), config);
  return parts;
}

torch::Tensor join_parts(const MultiviewModel& model, const ViewParts& parts,
                         const ClassifierConfig& config) {
  if (config.views == "frontal") return parts.frontal;
  if (config.views == "lateral") return parts.lateral;
  if (config.features == "tower") return at::cat({parts.frontal, parts.lateral}, 1);
  ViewFeatures frontal, lateral;
  frontal.global = parts.frontal;
  lateral.global = parts.lateral;
  return model.fuse(frontal, lateral, parts.has_frontal, parts.has_lateral);
}

ViewParts hide_lateral(const ViewParts& parts) {
  ViewParts hidden = parts;
  hidden.has_lateral = torch::zeros_like(parts.has_lateral);
  if (hidden.lateral.defined()) hidden.lateral = torch::zeros_like(parts.lateral);
  return hidden;
}

ViewParts select_parts(const ViewParts& parts, const torch::Tensor& rows) {
  return {select_defined(parts.frontal, rows), select_defined(parts.lateral, rows),
          select_defined(parts.has_frontal, rows), select_defined(parts.has_lateral, rows)};
}

StudyParts encode_parts(const MultiviewModel& model, const StudyDataset& dataset,
                        const ClassifierConfig& config, const EncodeOptions& options,
                        Progress* progress) {
  const std::int64_t batches = (dataset.size() + options.batch - 1) / options.batch;
  std::vector<BatchParts> encoded(static_cast<std::size_t>(batches));
  const OneThreadPerOperation one_thread;
  parallel_for(batches, resolve_threads(options.threads), [&](std::int64_t index) {
    const OneThreadPerOperation mine;  // the number is kept for each thread
    const std::int64_t begin = index * options.batch,
                       end = std::min(begin + options.batch, dataset.size());
    encoded[static_cast<std::size_t>(index)] = encode_places(model, dataset, config, begin, end);
    if (progress != nullptr) progress->advance(end - begin);
  });
  StudyParts all;
  for (BatchParts& batch : encoded) {
    all.studies.insert(all.studies.end(), batch.studies.begin(), batch.studies.end());
    std::move(batch.broken.begin(), batch.broken.end(), std::back_inserter(all.broken));
  }
  if (all.studies.empty())
    throw Error(ErrorKind::kBadContent,
                "none of " + std::to_string(dataset.size()) +
                    " studies can be read; the first: " + all.broken.front().reason);
  all.parts = {cat_defined(encoded, &ViewParts::frontal), cat_defined(encoded, &ViewParts::lateral),
               cat_defined(encoded, &ViewParts::has_frontal),
               cat_defined(encoded, &ViewParts::has_lateral)};
  return all;
}

}  // namespace biplane

#include "biplane/inference/task_features.h"

#include <string>

namespace biplane {
namespace {

// What the head reads of one view of a batch.
torch::Tensor encode_part(const MultiviewModel& model, const StudyBatch& batch, bool lateral,
                          const std::string& features) {
  const torch::Tensor& pixels = lateral ? batch.lateral : batch.frontal;
  const torch::Tensor& has = lateral ? batch.has_lateral : batch.has_frontal;
  if (features == "mean_patch") return model.mean_patch(pixels, has, lateral);
  const ViewFeatures view =
      lateral ? model.encode_lateral(pixels, has) : model.encode_frontal(pixels, has);
  return features == "tower" ? view.pooled : view.global;
}

struct BatchParts {
  std::vector<std::int64_t> studies;
  ViewParts parts;
};

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
    parts.frontal = encode_part(model, batch, /*lateral=*/false, config.features);
  if (config.views != "frontal")
    parts.lateral = encode_part(model, batch, /*lateral=*/true, config.features);
  return parts;
}

torch::Tensor join_parts(const MultiviewModel& model, const ViewParts& parts,
                         const ClassifierConfig& config) {
  if (config.views == "frontal") return parts.frontal;
  if (config.views == "lateral") return parts.lateral;
  if (config.features != "projected") return at::cat({parts.frontal, parts.lateral}, 1);
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
                        const ClassifierConfig& config, const StudyBatchOptions& options,
                        Progress* progress) {
  std::vector<BatchParts> encoded(static_cast<std::size_t>(batch_count(dataset, options)));
  const torch::Device device = model.prototypes.device();
  StudyParts all;
  all.broken = for_each_batch(
      dataset, options,
      [&](std::int64_t number, const StudyBatch& batch) {
        encoded[static_cast<std::size_t>(number)] = {studies_of(batch),
                                                     view_parts(model, batch.to(device), config)};
      },
      progress);
  for (const BatchParts& batch : encoded)
    all.studies.insert(all.studies.end(), batch.studies.begin(), batch.studies.end());
  all.parts = {cat_defined(encoded, &ViewParts::frontal), cat_defined(encoded, &ViewParts::lateral),
               cat_defined(encoded, &ViewParts::has_frontal),
               cat_defined(encoded, &ViewParts::has_lateral)};
  return all;
}

}  // namespace biplane

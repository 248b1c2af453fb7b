#include "biplane/eval/module_batch.h"

#include <algorithm>
#include <map>

#include "biplane/eval/columns.h"
#include "biplane/model/mlm_input.h"

namespace biplane {
namespace {

// f of every tensor of a view; undefined ones stay so.
template <class Change>
ViewFeatures change_view(const ViewFeatures& view, const Change& change) {
  const auto changed = [&](const torch::Tensor& x) { return x.defined() ? change(x) : x; };
  return {changed(view.global), changed(view.patches), changed(view.pooled),
          view.grid_rows,       view.grid_columns,     changed(view.global_attention)};
}

StudySide rows_of(const StudySide& all, const torch::Tensor& rows) {
  const auto take = [&](const torch::Tensor& x) { return x.index_select(0, rows); };
  return {change_view(all.frontal, take),
          change_view(all.lateral, take),
          {take(all.report.whole), take(all.report.masked), take(all.report.words),
           take(all.report.visible)}};
}

}  // namespace

ModuleStudies module_studies(const EvaluationInput& input) {
  const StudyFeatures& features = input.features;
  ModuleStudies studies;
  studies.rows = rows_where(features.has_frontal & features.has_lateral & features.has_report);
  const auto others = other_patients(studies.rows, input);
  if (!others) return {};
  for (std::size_t i = 0; i < studies.rows.size(); ++i) {
    const auto place = std::lower_bound(studies.rows.begin(), studies.rows.end(), (*others)[i]);
    studies.partner.push_back(place - studies.rows.begin());
    studies.patients.push_back(study_of(input, studies.rows[i]).patient_id);
  }
  return studies;
}

ModuleReader::ModuleReader(const EvaluationInput& input, const ModuleStudies& studies)
    : input_(input), studies_(studies) {
  std::vector<std::int64_t> indices;
  for (const std::int64_t row : studies.rows)
    indices.push_back(input.features.studies[static_cast<std::size_t>(row)]);
  const MaskingOptions masking;
  dataset_ = input.engine.read_studies(input.manifest, std::move(indices), /*seed=*/0, &masking);
  // One thread inside each operation, as for the studies.
  input.engine.for_each(1, [&](std::int64_t) {
    const torch::NoGradGuard no_grad;
    const std::int64_t side = input.engine.description().preprocess.crop;
    const torch::Tensor black = torch::zeros({1, 1, side, side}).expand({1, 3, side, side});
    blank_.frontal = input.engine.model().encode_frontal(black);
    blank_.lateral = input.engine.model().encode_lateral(black);
  });
}

StudySide ModuleReader::blank(std::int64_t count) const {
  const auto repeat = [&](const torch::Tensor& x) {
    std::vector<std::int64_t> sizes(static_cast<std::size_t>(x.dim()), -1);
    sizes[0] = count;
    return x.expand(sizes);
  };
  return {change_view(blank_.frontal, repeat), change_view(blank_.lateral, repeat), {}};
}

StudySide ModuleReader::encode(const StudyBatch& batch) const {
  const MultiviewModel& model = input_.engine.model();
  StudySide side;
  side.frontal = model.encode_frontal(batch.frontal, {}, /*global_attention=*/true);
  side.lateral = model.encode_lateral(batch.lateral, {}, /*global_attention=*/true);
  side.report.whole = model.encode_text(batch.input_ids, batch.attention_mask).tokens;
  side.report.masked = model.encode_text(batch.masked_ids, batch.attention_mask).tokens;
  const auto scoring = [&](const char* text) {
    return mlm_input(batch, side.frontal, side.lateral, {.text = text}).score_words;
  };
  side.report.words = scoring("full");
  side.report.visible = scoring("visible");
  return side;
}

ModuleBatch ModuleReader::read(std::int64_t begin, std::int64_t end) const {
  const torch::NoGradGuard no_grad;
  std::vector<StudySample> samples;
  std::map<std::int64_t, std::int64_t> at;  // place -> row of the batch
  std::vector<std::int64_t> partners;
  const auto row_of = [&](std::int64_t place) {
    const auto [found, added] = at.emplace(place, static_cast<std::int64_t>(samples.size()));
    if (added) samples.push_back(dataset_->sample(place, 0));
    return found->second;
  };
  for (std::int64_t place = begin; place < end; ++place) row_of(place);
  for (std::int64_t place = begin; place < end; ++place)
    partners.push_back(row_of(studies_.partner[static_cast<std::size_t>(place)]));
  const StudyBatch all =
      collate(samples, input_.engine.text(), input_.engine.description().preprocess.crop);
  const StudySide side = encode(all);
  ModuleBatch result;
  result.first = begin;
  result.batch = all.rows(0, end - begin);
  result.own = rows_of(side, torch::arange(end - begin));
  result.other = rows_of(side, index_tensor(partners));
  return result;
}

}  // namespace biplane

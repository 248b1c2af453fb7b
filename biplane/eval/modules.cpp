#include "biplane/eval/modules.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "biplane/eval/columns.h"
#include "biplane/eval/counterfactuals.h"
#include "biplane/eval/module_tables.h"
#include "biplane/model/losses.h"

namespace biplane {
namespace {

// Everything that one pass over the studies gives.
struct Measured {
  std::vector<SelectionItem> selection;
  std::int64_t unmarked = 0;
  AlignmentItems alignment;
  std::vector<WordCounts> words;
  std::vector<std::string> scores;
};

template <class Item>
void append(std::vector<Item>& to, std::vector<Item>& from) {
  std::move(from.begin(), from.end(), std::back_inserter(to));
}

void append(Measured& to, Measured& from) {
  append(to.selection, from.selection);
  append(to.alignment.regions, from.alignment.regions);
  append(to.alignment.gaps, from.alignment.gaps);
  append(to.words, from.words);
  to.unmarked += from.unmarked;
  to.alignment.unnamed += from.alignment.unnamed;
  if (to.scores.empty()) to.scores = from.scores;
}

// Measures one batch of studies after the other.
class Pass {
 public:
  Pass(const EvaluationInput& input, const ModuleStudies& studies)
      : input_(input), studies_(studies), reader_(input, studies) {
    const ModelProvenance& provenance = input.engine.description().provenance;
    trained_ = {provenance.frontal_trained, provenance.lateral_trained};
    if (input.prompts != nullptr) words_ = finding_words(*input.prompts, input.engine.text());
  }

  Measured run() const {
    const std::int64_t batches =
        (studies_.size() + ModuleReader::kBatch - 1) / ModuleReader::kBatch;
    std::vector<Measured> parts(static_cast<std::size_t>(batches));
    input_.engine.for_each(batches, [&](std::int64_t i) {
      const std::int64_t begin = i * ModuleReader::kBatch;
      const std::int64_t end = std::min(begin + ModuleReader::kBatch, studies_.size());
      parts[static_cast<std::size_t>(i)] = measure(reader_.read(begin, end));
    });
    Measured all;
    for (Measured& part : parts) append(all, part);
    return all;
  }

 private:
  Measured measure(const ModuleBatch& batch) const {
    const torch::NoGradGuard no_grad;
    const MultiviewModel& model = input_.engine.model();
    const SelectionConfig& selection = model.config().key_semantics.selection;
    const std::vector<StudyRegions> regions = batch_regions(input_, studies_, batch);
    Measured part;
    const std::vector<PatchScore> scores = patch_scores(batch, selection, trained_);
    for (const PatchScore& score : scores) part.scores.push_back(score.name);
    part.selection = selection_items(batch.first, regions, scores, part.unmarked);
    part.alignment = alignment_items(model, batch, regions, words_, trained_);
    part.words = count_words(
        batch, reader_.blank(batch.batch.size()),
        [&](const StudySide& images, const ReportSide& report) {
          return selection_scores(images, report, selection, trained_);
        },
        masked_word_decoder(model, batch, trained_));
    return part;
  }

  const EvaluationInput& input_;
  const ModuleStudies& studies_;
  ModuleReader reader_;
  TrainedViews trained_;
  FindingWords words_;
};

void add_rows(const EvaluationInput& input, const ModuleStudies& studies,
              const FigureTable& figures, std::vector<ResultRow>& rows) {
  for (ResultRow& row : figures.measure(studies.patients, input.bootstrap, input.engine.threads()))
    rows.push_back(std::move(row));
}

void add_notes(const EvaluationInput& input, const Measured& measured,
               std::vector<std::string>& notes) {
  if (measured.selection.empty())
    notes.emplace_back(
        "modules/selection: skipped, no study has a mask or box that covers a patch");
  if (measured.unmarked > 0)
    notes.push_back("modules/selection: " + std::to_string(measured.unmarked) +
                    " regions cover a tenth of no patch and were left out");
  if (input.prompts == nullptr)
    notes.emplace_back(
        "modules/alignment: no maps, there is no prompt file whose words name the findings");
  if (measured.alignment.unnamed > 0)
    notes.push_back("modules/alignment: " + std::to_string(measured.alignment.unnamed) +
                    " regions were left out, their report has none of the finding's words");
}

void add_contrast(const EvaluationInput& input, const ModuleStudies& studies,
                  std::vector<ResultRow>& rows) {
  ContrastInput contrast;
  contrast.patients = studies.patients;
  contrast.texts = unit(input.features.text.index_select(0, index_tensor(studies.rows)));
  std::vector<std::uint8_t> normal;
  for (const std::int64_t row : studies.rows) {
    std::string findings;
    for (const auto& [label, value] : study_of(input, row).labels)
      if (value == 1) findings += label + " ";
    normal.push_back(findings.empty() ? 1 : 0);
    contrast.findings.push_back(std::move(findings));
  }
  const torch::Tensor flags = input.features.has_report.to(torch::kUInt8).contiguous();
  const std::vector<std::uint8_t> reports(flags.data_ptr<std::uint8_t>(),
                                          flags.data_ptr<std::uint8_t>() + flags.numel());
  std::vector<ContrastColumn> columns;
  for (const ViewColumn& whole : view_columns(input)) {
    const bool wanted =
        whole.views == "frontal" || whole.views == "lateral" || whole.views == "both";
    if (!whole.population.empty() || !wanted) continue;
    const ViewColumn column = filter_column(whole, reports);
    columns.push_back({column.views, column.note, {}, normal});
    if (!column.features.defined()) continue;
    contrast.images = column.features;
    columns.back().items = contrast_items(contrast, input.engine.threads());
  }
  add_rows(input, studies, contrast_figures(columns), rows);
}

}  // namespace

void ModulesEvaluator::run(const EvaluationInput& input, EvaluationOutput& output) const {
  const ModuleStudies studies = module_studies(input);
  if (studies.size() == 0) {
    output.notes.emplace_back(
        "modules: skipped, fewer than two patients have a study with both views and a report");
    return;
  }
  const ModelProvenance& provenance = input.engine.description().provenance;
  const Measured measured = Pass(input, studies).run();
  const auto add = [&](const FigureTable& figures) {
    if (!figures.empty()) add_rows(input, studies, figures, output.rows);
  };
  if (!measured.selection.empty()) add(selection_figures(measured.selection, measured.scores));
  add(alignment_figures(measured.alignment, provenance.alignment_trained));
  add(masked_word_figures(measured.words, provenance.mlm_trained));
  add_notes(input, measured, output.notes);
  add_contrast(input, studies, output.rows);
  add_counterfactuals(input, output);
}

}  // namespace biplane

#include "biplane/eval/class_retrieval.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <string>

#include "biplane/eval/columns.h"
#include "biplane/eval/drawn_rows.h"
#include "biplane/eval/module_figures.h"
#include "biplane/eval/ranked_matches.h"
#include "biplane/eval/study_classes.h"
#include "biplane/model/losses.h"

namespace biplane {
namespace {

constexpr std::array<std::int64_t, 4> kDepths{1, 5, 10, 100};

// What is searched with or for: normalised features (N,D) f64, what each shows, whose it is (empty:
// nobody's).
struct Items {
  torch::Tensor features;
  std::vector<std::int64_t> group;
  std::vector<std::string> patient;
  std::size_t size() const { return group.size(); }
};

Items with_groups(const torch::Tensor& features, std::vector<std::int64_t> group,
                  std::vector<std::string> patient) {
  return {features.to(torch::kFloat64).contiguous(), std::move(group), std::move(patient)};
}

// The candidates of one query in their order; those of its own patient are left out where
// `others_only`.
RankedMatches rank(const Items& queries, std::size_t query, const Items& candidates,
                   bool others_only) {
  const torch::Tensor similarity =
      candidates.features.mv(queries.features[static_cast<std::int64_t>(query)]).contiguous();
  const double* values = similarity.const_data_ptr<double>();
  std::vector<double> score;
  std::vector<std::uint8_t> match;
  for (std::size_t c = 0; c < candidates.size(); ++c) {
    if (others_only && candidates.patient[c] == queries.patient[query]) continue;
    score.push_back(values[c]);
    match.push_back(candidates.group[c] == queries.group[query] ? 1 : 0);
  }
  return RankedMatches(score, match);
}

ResultRow make_row(const ViewColumn& column, const std::string& metric,
                   const std::string& direction, const std::string& candidates) {
  ResultRow row;
  row.task = "retrieval";
  row.views = column.views;
  row.population = column.population;
  row.metric = metric;
  row.direction = direction;
  row.candidates = candidates;
  return row;
}

// Candidates of the query that has the fewest.
std::int64_t smallest_pool(const Items& queries, const Items& candidates, bool others_only) {
  const auto all = static_cast<std::int64_t>(candidates.size());
  if (!others_only) return all;
  std::map<std::string, std::int64_t> own;
  for (const std::string& patient : candidates.patient) ++own[patient];
  std::int64_t smallest = all;
  for (const std::string& patient : queries.patient)
    smallest = std::min(smallest, all - own[patient]);
  return smallest;
}

// Figures of images as queries: means over those that have a match.
FigureTable image_figures(const ResultRow& model, const Items& queries, const Items& candidates,
                          bool others_only, const Engine& engine) {
  std::vector<std::vector<std::optional<double>>> of(queries.size());
  engine.for_each(static_cast<std::int64_t>(queries.size()), [&](std::int64_t i) {
    const auto place = static_cast<std::size_t>(i);
    const RankedMatches ranked = rank(queries, place, candidates, others_only);
    if (ranked.matches() == 0) return;
    for (const std::int64_t depth : kDepths) of[place].push_back(ranked.precision_at(depth));
    of[place].push_back(ranked.average_precision());
  });
  const std::int64_t pool = smallest_pool(queries, candidates, others_only);
  FigureTable figures;
  for (std::size_t metric = 0; metric <= kDepths.size(); ++metric) {
    ResultRow row = model;
    if (metric < kDepths.size()) row.k = kDepths[metric];
    row.metric = metric < kDepths.size() ? "precision_at_k" : "map";
    row.pool = pool;
    if (row.k > row.pool) continue;
    std::vector<FigurePart> parts;
    for (std::size_t query = 0; query < of.size(); ++query) {
      if (of[query].empty() || !of[query][metric]) continue;
      parts.push_back({static_cast<std::int64_t>(query), *of[query][metric], 1});
    }
    figures.add(std::move(row), std::move(parts), "no study has a match");
  }
  return figures;
}

void add_figures(const EvaluationInput& input, const FigureTable& figures,
                 const std::vector<std::string>& patients, std::vector<ResultRow>& rows) {
  for (ResultRow& row : figures.measure(patients, input.bootstrap, input.engine.threads()))
    rows.push_back(std::move(row));
}

// Prompts as queries, images as candidates: of each class the mean over its prompts, then their
// mean. The repeats draw the images' patients.
void add_prompt_queries(const EvaluationInput& input, const ResultRow& model, const Items& prompts,
                        const Items& images, std::vector<ResultRow>& rows) {
  const PatientBootstrap bootstrap(images.patient, input.bootstrap);
  std::vector<RankedMatches> ranked;
  for (std::size_t query = 0; query < prompts.size(); ++query)
    ranked.push_back(rank(prompts, query, images, /*others_only=*/false));
  for (const std::int64_t depth : kDepths) {
    if (depth > static_cast<std::int64_t>(images.size())) continue;
    const auto mean_of_classes = [&](Values weight) -> std::optional<double> {
      std::vector<double> sum(input.prompts->classes.size(), 0.0), count = sum;
      for (std::size_t query = 0; query < ranked.size(); ++query) {
        const auto precision = ranked[query].precision_at(depth, weight);
        if (!precision || ranked[query].matches() == 0) continue;
        sum[static_cast<std::size_t>(prompts.group[query])] += *precision;
        count[static_cast<std::size_t>(prompts.group[query])] += 1;
      }
      double total = 0, defined = 0;
      for (std::size_t c = 0; c < sum.size(); ++c) {
        if (count[c] == 0) continue;
        total += sum[c] / count[c];
        defined += 1;
      }
      return defined > 0 ? std::optional<double>(total / defined) : std::nullopt;
    };
    ResultRow row = model;
    row.label = "macro";
    row.k = depth;
    row.pool = static_cast<std::int64_t>(images.size());
    row.n = static_cast<std::int64_t>(prompts.size());
    row.value = mean_of_classes({});
    set_repeats(row, bootstrap.replicate(mean_of_classes));
    rows.push_back(std::move(row));
  }
}

// Every positive prompt of every class.
Items prompt_items(const EvaluationInput& input) {
  std::vector<std::string> texts;
  std::vector<std::int64_t> group;
  for (std::size_t c = 0; c < input.prompts->classes.size(); ++c) {
    for (const std::string& prompt : input.prompts->classes[c].positive) {
      texts.push_back(prompt);
      group.push_back(static_cast<std::int64_t>(c));
    }
  }
  return with_groups(unit(input.engine.encode_texts(texts)), std::move(group), {});
}

// Images and the prompts of exclusive classes.
void add_prompts(const EvaluationInput& input, const ViewColumn& column, const Items& images,
                 const Items& prompts, std::vector<ResultRow>& rows) {
  add_figures(input,
              image_figures(make_row(column, {}, "image_to_text", "class_prompts"), images, prompts,
                            false, input.engine),
              images.patient, rows);
  add_prompt_queries(input, make_row(column, "precision_at_k", "text_to_image", "class_prompts"),
                     prompts, images, rows);
}

Items picked_items(const Items& items, const std::vector<std::int64_t>& places) {
  Items some = with_groups(items.features.index_select(0, index_tensor(places)),
                           picked(items.group, places), {});
  for (const std::int64_t place : places)
    some.patient.push_back(items.patient[static_cast<std::size_t>(place)]);
  return some;
}

Items image_items(const EvaluationInput& input, const ViewColumn& column,
                  const std::vector<std::int64_t>& of_row) {
  return with_groups(column.features, picked(of_row, column.rows), patients_of(column, input));
}

// Images and reports of exclusive classes, of the studies that have a report.
void add_reports(const EvaluationInput& input, const ViewColumn& column,
                 const std::vector<std::int64_t>& of_row, std::vector<ResultRow>& rows) {
  if (column.rows.size() < 2) return;
  const Items images = image_items(input, column, of_row);
  const Items reports =
      with_groups(unit(input.features.text.index_select(0, index_tensor(column.rows))),
                  images.group, images.patient);
  for (const bool forward : {true, false}) {
    const ResultRow model =
        make_row(column, {}, forward ? "image_to_text" : "text_to_image", "all");
    add_figures(input,
                image_figures(model, forward ? images : reports, forward ? reports : images, false,
                              input.engine),
                images.patient, rows);
  }
}

// Images among those of all other patients.
void add_same_findings(const EvaluationInput& input, const ViewColumn& column, const Items& images,
                       std::vector<ResultRow>& rows) {
  const Items queries = picked_items(images, drawn_places(input, column.rows, input.most_queries));
  const auto first = static_cast<std::ptrdiff_t>(rows.size());
  add_figures(input,
              image_figures(make_row(column, {}, "image_to_image", "all"), queries, images,
                            /*others_only=*/true, input.engine),
              queries.patient, rows);
  if (queries.size() == images.size()) return;
  for (auto row = rows.begin() + first; row != rows.end(); ++row)
    row->note = fmt::format("{} of {} studies search, drawn by a hash of their names",
                            queries.size(), images.size());
}

// One entry a row of the features.
std::vector<std::uint8_t> flags_of(const torch::Tensor& flags) {
  const torch::Tensor bytes = flags.to(torch::kUInt8).contiguous();
  return {bytes.data_ptr<std::uint8_t>(), bytes.data_ptr<std::uint8_t>() + bytes.numel()};
}

std::string missing_reports_note(const std::vector<std::uint8_t>& known,
                                 const std::vector<std::uint8_t>& told) {
  std::int64_t all = 0, without = 0;
  for (std::size_t i = 0; i < known.size(); ++i) {
    all += known[i];
    without += known[i] != 0 && told[i] == 0 ? 1 : 0;
  }
  if (without == 0 || without == all) return "";
  return std::to_string(without) + " of " + std::to_string(all) +
         " studies have no report and are left out where reports of the same class are sought";
}

}  // namespace

void add_class_retrieval(const EvaluationInput& input, EvaluationOutput& output) {
  const ExclusiveClasses classes = exclusive_classes(input);
  if (!classes.note.empty()) output.notes.push_back("retrieval: " + classes.note);
  const std::vector<std::int64_t> of_row = classes.hold() ? classes.of_row : finding_sets(input);
  const std::vector<std::uint8_t> known = known_groups(of_row),
                                  told = flags_of(input.features.has_report);
  const std::string missing = missing_reports_note(known, told);
  if (classes.hold() && !missing.empty()) output.notes.push_back("retrieval: " + missing);
  const Items prompts = classes.hold() ? prompt_items(input) : Items{};
  for (const ViewColumn& whole : view_columns(input)) {
    if (whole.views == "both_lateral_swapped") continue;
    const ViewColumn column = filter_column(whole, known);
    const std::string note = undefined_note(column, 2);
    if (!note.empty()) {
      output.rows.push_back(make_row(column, "map", "image_to_image", "all"));
      output.rows.back().note = note;
      continue;
    }
    const Items images = image_items(input, column, of_row);
    add_same_findings(input, column, images, output.rows);
    if (!classes.hold()) continue;
    add_prompts(input, column, images, prompts, output.rows);
    add_reports(input, filter_column(column, told), of_row, output.rows);
  }
}

}  // namespace biplane

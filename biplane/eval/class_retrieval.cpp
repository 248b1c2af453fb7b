#include "biplane/eval/class_retrieval.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "biplane/eval/item_search.h"
#include "biplane/eval/ranked_matches.h"
#include "biplane/eval/study_classes.h"
#include "biplane/model/losses.h"

namespace biplane {
namespace {

constexpr const char* kSides = "sides";  // the condition of what also lies on the same side

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

// Prompts as queries, images as candidates: of each class the mean over its prompts, then their
// mean. The repeats draw the images' patients.
void add_prompt_queries(const EvaluationInput& input, const ResultRow& model, const Items& prompts,
                        const Items& images, std::vector<ResultRow>& rows) {
  const PatientBootstrap bootstrap(images.patient, input.bootstrap);
  std::vector<RankedMatches> ranked;
  for (std::size_t query = 0; query < prompts.size(); ++query)
    ranked.push_back(ranked_candidates(prompts, query, images, /*others_only=*/false));
  for (const std::int64_t depth : kPrecisionDepths) {
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
  return make_items(unit(input.engine.encode_texts(texts)), std::move(group), {});
}

// Images and the prompts of exclusive classes.
void add_prompts(const EvaluationInput& input, const ViewColumn& column, const Items& images,
                 const Items& prompts, std::vector<ResultRow>& rows) {
  add_search(input, column,
             {make_row(column, {}, "image_to_text", "class_prompts"), images, prompts}, rows);
  add_prompt_queries(input, make_row(column, "precision_at_k", "text_to_image", "class_prompts"),
                     prompts, images, rows);
}

Items image_items(const EvaluationInput& input, const ViewColumn& column,
                  const std::vector<std::int64_t>& of_row) {
  return make_items(column.features, picked(of_row, column.rows), patients_of(column, input));
}

// Rows of what the groups stand for: "" findings or classes, kSides.
ResultRow group_row(const ViewColumn& column, const std::string& direction,
                    const std::string& condition) {
  ResultRow row = make_row(column, "map", direction, "all");
  row.condition = condition;
  return row;
}

// Images and reports, of the studies that have a report.
void add_reports(const EvaluationInput& input, const ViewColumn& column,
                 const std::vector<std::int64_t>& of_row, const std::string& condition,
                 std::vector<ResultRow>& rows) {
  if (column.rows.size() < 2) return;
  const Items images = image_items(input, column, of_row);
  const Items reports =
      make_items(unit(input.features.text.index_select(0, index_tensor(column.rows))), images.group,
                 images.patient);
  add_search(input, column, {group_row(column, "image_to_text", condition), images, reports}, rows);
  add_search(input, column, {group_row(column, "text_to_image", condition), reports, images}, rows);
}

// Images among those of all other patients.
void add_same_findings(const EvaluationInput& input, const ViewColumn& column, const Items& images,
                       const std::string& condition, std::vector<ResultRow>& rows) {
  add_search(input, column,
             {group_row(column, "image_to_image", condition), images, images,
              /*others_only=*/true},
             rows);
}

// A row without a value where a column says nothing, and then true.
bool add_null_row(const ViewColumn& column, const std::string& condition,
                  std::vector<ResultRow>& rows) {
  const std::string note = undefined_note(column, 2);
  if (note.empty()) return false;
  rows.push_back(group_row(column, "image_to_image", condition));
  rows.back().note = note;
  return true;
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

// Equal findings on equal sides, where the manifest tells them.
void add_sides(const EvaluationInput& input, const std::vector<ViewColumn>& columns,
               EvaluationOutput& output) {
  const std::vector<std::int64_t> of_row = sided_finding_sets(input);
  if (of_row.empty()) return;
  const std::vector<std::uint8_t> known = known_groups(of_row),
                                  told = flags_of(input.features.has_report);
  const std::int64_t untold = std::count(known.begin(), known.end(), 0);
  if (untold > 0)
    output.notes.push_back(fmt::format(
        "retrieval: {} of {} studies do not tell all their findings and where they are; "
        "they are left out where equal sides are sought",
        untold, known.size()));
  for (const ViewColumn& whole : columns) {
    const ViewColumn column = filter_column(whole, known);
    if (add_null_row(column, kSides, output.rows)) continue;
    add_same_findings(input, column, image_items(input, column, of_row), kSides, output.rows);
    add_reports(input, filter_column(column, told), of_row, kSides, output.rows);
  }
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
  std::vector<ViewColumn> columns = view_columns(input);
  std::erase_if(columns,
                [](const ViewColumn& column) { return column.views == "both_lateral_swapped"; });
  for (const ViewColumn& whole : columns) {
    const ViewColumn column = filter_column(whole, known);
    if (add_null_row(column, {}, output.rows)) continue;
    const Items images = image_items(input, column, of_row);
    add_same_findings(input, column, images, {}, output.rows);
    if (!classes.hold()) continue;
    add_prompts(input, column, images, prompts, output.rows);
    add_reports(input, filter_column(column, told), of_row, {}, output.rows);
  }
  if (!classes.hold()) add_sides(input, columns, output);
}

}  // namespace biplane

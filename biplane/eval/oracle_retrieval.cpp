#include "biplane/eval/oracle_retrieval.h"

#include <algorithm>
#include <optional>
#include <set>
#include <span>

#include "biplane/core/random.h"
#include "biplane/eval/column_pools.h"
#include "biplane/eval/report_groups.h"
#include "biplane/eval/study_findings.h"

namespace biplane {
namespace {

constexpr std::uint64_t kTieSeed = 0;  // of the protocol, not of a run

// What is known of the rows of the features.
struct Oracle {
  std::vector<StudyFindings> truth, said;
  std::vector<std::uint8_t> known;  // whether the findings are
};

// Those that the other side could know of, too.
StudyFindings only(const StudyFindings& findings, const std::set<std::string>& names) {
  StudyFindings some;
  for (const auto& finding : findings)
    if (names.contains(finding.first)) some.insert(finding);
  return some;
}

Oracle ask_oracle(const EvaluationInput& input) {
  const Labeler labeler = Labeler::named("phantom");
  const std::set<std::string> readable(labeler.labels().begin(), labeler.labels().end());
  const std::size_t studies = input.studies.size();
  Oracle oracle{std::vector<StudyFindings>(studies), std::vector<StudyFindings>(studies),
                std::vector<std::uint8_t>(studies, 0)};
  input.engine.for_each(static_cast<std::int64_t>(studies), [&](std::int64_t row) {
    const Study& study = study_of(input, row);
    const std::optional<StudyFindings> truth = true_findings(study);
    if (!truth) return;
    std::set<std::string> labelled;
    for (const auto& label : study.labels) labelled.insert(label.first);
    const auto place = static_cast<std::size_t>(row);
    oracle.truth[place] = only(*truth, readable);
    oracle.said[place] = only(read_findings(study, labeler), labelled);
    oracle.known[place] = 1;
  });
  return oracle;
}

// Agreement in whole numbers; what is added stays below one and orders those that are equal.
double agreement(const Oracle& oracle, std::int64_t image, std::int64_t report) {
  CounterRandom chance(kTieSeed, "oracle ties",
                       {static_cast<std::uint64_t>(image), static_cast<std::uint64_t>(report)});
  return chance.uniform() -
         static_cast<double>(disagreement(oracle.truth[static_cast<std::size_t>(image)],
                                          oracle.said[static_cast<std::size_t>(report)]));
}

PoolTable oracle_table(const EvaluationInput& input, const Oracle& oracle,
                       const std::vector<std::int64_t>& rows) {
  PoolTable table;
  table.group = report_groups(input, rows);
  table.text_to_image.resize(rows.size() * rows.size());
  for (std::size_t image = 0; image < rows.size(); ++image) {
    for (std::size_t report = 0; report < rows.size(); ++report) {
      table.image_to_text.push_back(agreement(oracle, rows[image], rows[report]));
      table.text_to_image[report * rows.size() + image] = table.image_to_text.back();
    }
  }
  return table;
}

}  // namespace

void add_oracle_retrieval(const EvaluationInput& input, const std::vector<ViewColumn>& columns,
                          EvaluationOutput& output) {
  const bool is_truth = std::any_of(input.studies.begin(), input.studies.end(),
                                    [](const Study& study) { return !study.visible_in.empty(); });
  const auto whole = std::find_if(columns.begin(), columns.end(), is_whole);
  if (!is_truth || whole == columns.end()) return;
  const Oracle oracle = ask_oracle(input);
  const ViewColumn column = filter_column(*whole, oracle.known);
  PoolSearch search = column_search(input, column, draw_pools(std::ssize(column.rows), input.pool));
  if (search.pools.size == 0) return;
  search.model.views = "truth";
  search.model.condition = "oracle";
  search.table = [&](std::span<const std::int64_t> places) {
    std::vector<std::int64_t> rows;
    for (const std::int64_t place : places)
      rows.push_back(column.rows[static_cast<std::size_t>(place)]);
    return oracle_table(input, oracle, rows);
  };
  add_pool_rows(search, input.bootstrap, output.rows);
}

}  // namespace biplane

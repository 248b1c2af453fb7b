#include "biplane/eval/suite_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "biplane/eval/report_html.h"
#include "biplane/eval/report_tables.h"
#include "biplane/formats/csv.h"
#include "biplane/imaging/html.h"

namespace biplane {
namespace {

constexpr const char* kIntervals =
    "Measured here, with 95 % intervals over patients (over seeds and patients where a head was "
    "trained with several seeds)";

// What a reader looks at first: means and figures over everything.
bool is_main(const ResultRow& row) {
  const bool whole = row.label.empty() || row.label == "all" || row.label == "macro" ||
                     row.task == "minimal_pairs";
  const bool part = !row.subgroup.empty() || !row.against.empty() || row.views.ends_with("swapped");
  const bool condition = !row.condition.empty() && row.task != "calibration";
  return whole && !part && !condition && !row.task.starts_with("modules/");
}

// What a figure is called: "precision_at_k" with its k, an operating point, a direction ...
std::string figure_name(const ResultRow& row) {
  std::string name = row.k > 0 ? fmt::format("precision_at_{}", row.k) : row.metric;
  for (const std::string* more :
       {&row.direction, &row.candidates, &row.map, &row.condition, &row.operating_point})
    if (!more->empty() && *more != "all") name += ", " + *more;
  if (row.task == "minimal_pairs") name += ", " + row.label;
  if (row.pool > 0) name += fmt::format(", of {}", row.pool);
  return row.population.empty() ? name : name + ", " + row.population + " studies";
}

std::vector<std::string> corpora_of(std::span<const ResultRow> rows) {
  std::vector<std::string> names;
  for (const ResultRow& row : rows)
    if (std::find(names.begin(), names.end(), row.corpus) == names.end())
      names.push_back(row.corpus);
  return names;
}

// Whether a published retrieval is among as many candidates as one of ours; other figures have
// none.
bool has_pool(const ReferenceFigure& figure, std::span<const ResultRow> rows,
              const std::string& corpus) {
  if (figure.protocol != "retrieval") return true;
  return std::any_of(rows.begin(), rows.end(), [&](const ResultRow& row) {
    return row.corpus == corpus && row.task == figure.protocol && row.pool == figure.pool;
  });
}

// Published figures that belong below a corpus's rows.
std::vector<const ReferenceFigure*> references_of(const SuiteContent& content,
                                                  const std::string& corpus) {
  std::vector<const ReferenceFigure*> found;
  for (const ReferenceFigure& figure : content.references)
    if (is_of_corpus(figure, corpus) && has_pool(figure, content.rows, corpus))
      found.push_back(&figure);
  return found;
}

// One figure in the columns of views that have it.
struct FigureLine {
  const ResultRow* first = nullptr;
  std::map<std::string, const ResultRow*> of_views;
};

// The main figures of a corpus, in the order of the rows.
std::vector<FigureLine> figure_lines(std::span<const ResultRow> rows, const std::string& corpus) {
  std::vector<FigureLine> lines;
  for (const ResultRow& row : rows) {
    if (row.corpus != corpus || !is_main(row)) continue;
    auto line = std::find_if(lines.begin(), lines.end(), [&](const FigureLine& one) {
      return one.first->task == row.task && training_text(*one.first) == training_text(row) &&
             figure_name(*one.first) == figure_name(row) && !one.of_views.contains(row.views);
    });
    if (line == lines.end()) line = lines.insert(line, {&row, {}});
    line->of_views.emplace(row.views, &row);
  }
  return lines;
}

// Columns of the main figures, the usual ones first.
std::vector<std::string> views_of(std::span<const ResultRow> rows) {
  std::vector<std::string> views;
  for (const char* usual : {"frontal", "lateral", "both", "lateral_missing"})
    if (std::any_of(rows.begin(), rows.end(),
                    [&](const ResultRow& row) { return is_main(row) && row.views == usual; }))
      views.emplace_back(usual);
  for (const ResultRow& row : rows)
    if (is_main(row) && std::find(views.begin(), views.end(), row.views) == views.end())
      views.push_back(row.views);
  return views;
}

const ResultRow* in_column(const FigureLine& line, const std::string& views) {
  const auto found = line.of_views.find(views);
  return found == line.of_views.end() ? nullptr : found->second;
}

// Columns of views may stand on different studies.
std::string studies_text(const FigureLine& line) {
  std::int64_t least = line.first->n, most = line.first->n;
  for (const auto& [views, row] : line.of_views) {
    least = std::min(least, row->n);
    most = std::max(most, row->n);
  }
  return least == most ? std::to_string(least) : fmt::format("{} to {}", least, most);
}

std::string own_line(const FigureLine& line, const std::vector<std::string>& views) {
  const ResultRow& row = *line.first;
  const std::string training = training_text(row);
  std::string html =
      fmt::format("<tr><th scope=\"row\">{}{}</th><td class=\"text\">{}</td>", label_text(row.task),
                  training.empty() ? "" : " <small>" + html_escape(training) + "</small>",
                  html_escape(figure_name(row)));
  for (const std::string& column : views) {
    const ResultRow* own = in_column(line, column);
    html += own == nullptr ? "<td></td>" : value_cell(own);
  }
  return html + fmt::format("<td>{}</td><td class=\"text\">{}</td></tr>", studies_text(line),
                            html_escape(row.exposed));
}

std::string published_line(const ReferenceFigure& figure, std::size_t views) {
  const std::string fraction =
      figure.fraction.empty() ? "" : ", " + figure.fraction + " % of the labels";
  return fmt::format(
      "<tr class=\"published\"><th scope=\"row\">{}</th><td class=\"text\">{}{}</td><td "
      "class=\"text\" colspan=\"{}\">{} {}</td><td class=\"text\" colspan=\"2\">published: {}, "
      "split: {}. "
      "{}</td></tr>",
      label_text(figure.protocol), html_escape(figure.metric), html_escape(fraction), views,
      html_escape(figure.method), number_text(figure.value, 3, false), html_escape(figure.corpus),
      html_escape(figure.split), html_escape(figure.source));
}

std::string exposed_mark(const std::string& exposed) {
  return exposed.empty() ? "" : " (exposed: " + exposed + ")";
}

std::string number_field(const std::optional<double>& value) {
  return value ? fmt::format("{}", *value) : std::string();
}

std::string count_field(std::int64_t value) {
  return value > 0 ? std::to_string(value) : std::string();
}

const std::vector<std::string>& csv_columns() {
  static const std::vector<std::string> kColumns{
      "kind",       "corpus", "split",     "task",     "views",
      "population", "metric", "class",     "value",    "low",
      "high",       "n",      "exposed",   "subgroup", "map",
      "pool",       "k",      "direction", "against",  "candidates",
      "condition",  "method", "source",    "fraction", "operating_point",
      "protocol",   "seeds",  "p",         "note"};
  return kColumns;
}

std::vector<std::string> own_fields(const ResultRow& row, const std::string& model) {
  return {"measured",
          row.corpus,
          row.split,
          row.task,
          row.views,
          row.population,
          row.metric,
          row.label,
          number_field(row.value),
          number_field(row.interval.low),
          number_field(row.interval.high),
          std::to_string(row.n),
          row.exposed,
          row.subgroup,
          row.map,
          count_field(row.pool),
          count_field(row.k),
          row.direction,
          row.against,
          row.candidates,
          row.condition,
          model,
          "",
          row.fraction ? number_field(100 * *row.fraction) : std::string(),
          row.operating_point,
          row.protocol,
          fmt::format("{}", fmt::join(row.seeds, " ")),
          number_field(row.p),
          row.note};
}

std::vector<std::string> published_fields(const ReferenceFigure& figure) {
  std::vector<std::string> fields(csv_columns().size());
  const auto set = [&](std::string_view column, const std::string& value) {
    const auto place = std::find(csv_columns().begin(), csv_columns().end(), column);
    fields[static_cast<std::size_t>(place - csv_columns().begin())] = value;
  };
  set("kind", "published");
  set("corpus", figure.corpus);
  set("split", figure.split);
  set("task", figure.protocol);
  set("metric", figure.metric);
  set("value", number_field(figure.value));
  set("fraction", figure.fraction);
  set("method", figure.method);
  set("source", figure.source);
  return fields;
}

std::string tex(const std::string& text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (text.compare(i, 2, ">=") == 0) {
      result += "$\\geq$";
      ++i;
    } else if (c == '<' || c == '>') {
      result += fmt::format("${}$", c);
    } else if (c == '\\' || c == '~' || c == '^') {
      result += ' ';
    } else {
      if (std::string_view("&%$#_{}").find(c) != std::string_view::npos) result += '\\';
      result += c;
    }
  }
  return result;
}

std::string tex_value(const ResultRow& row) {
  if (!row.value) return "--";
  if (!row.interval.low || !row.interval.high) return fmt::format("{:.3f}", *row.value);
  return fmt::format("{:.3f} [{:.3f}, {:.3f}]", *row.value, *row.interval.low, *row.interval.high);
}

// `sources`: what the footnote marks stand for; grows.
std::string tex_published(const ReferenceFigure& figure, std::size_t views,
                          std::vector<std::string>& sources) {
  auto source = std::find(sources.begin(), sources.end(), figure.source);
  const std::ptrdiff_t mark = source - sources.begin() + 1;
  if (source == sources.end()) sources.push_back(figure.source);
  const std::string fraction = figure.fraction.empty() ? "" : ", " + figure.fraction + "%";
  return fmt::format(
      "\\textit{{{}}} & \\textit{{{}}} & \\textit{{{}, published, {}}} & "
      "\\multicolumn{{{}}}{{l}}{{\\textit{{{} {:.3f}}}$^{{{}}}$}} \\\\\n",
      tex(figure.corpus), tex(figure.protocol), tex(figure.metric + fraction), tex(figure.split),
      views, tex(figure.method), figure.value, mark);
}

}  // namespace

std::string suite_page(const SuiteContent& content) {
  const std::vector<std::string> views = views_of(content.rows);
  std::vector<std::string> names{"Task", "Figure"};
  for (const std::string& column : views) names.push_back(column_title(column));
  names.insert(names.end(), {"Studies", "Exposed"});
  std::string html;
  for (const std::string& corpus : corpora_of(content.rows)) {
    std::string body;
    for (const FigureLine& line : figure_lines(content.rows, corpus)) body += own_line(line, views);
    const auto published = references_of(content, corpus);
    for (const ReferenceFigure* figure : published) body += published_line(*figure, views.size());
    if (body.empty()) continue;
    html += html_section(
        fmt::format("corpus-{}", html_escape(corpus)), html_escape(corpus),
        published.empty()
            ? std::string(kIntervals) + "."
            : std::string(kIntervals) +
                  "; then published figures as the "
                  "named source gives them, on the split that is named. They do not compare where "
                  "splits, labels or pools differ.",
        html_table(names, body));
  }
  std::string notes;
  for (const std::string& note : content.notes) notes += "<li>" + html_escape(note) + "</li>";
  if (!notes.empty()) notes = "<ul class=\"notes\">" + notes + "</ul>";
  html += html_section("notes", "Notes and provenance",
                       "What was skipped, and with what it was measured.",
                       notes + html_hashes({{"weights", content.origin.weights_sha256},
                                            {"preprocessing", content.origin.preprocess_sha256},
                                            {"program", content.origin.code}}));
  return html_page({"biplane suite", content.model, {{"Model", content.model}}}, html);
}

std::vector<std::string> reference_notes(const SuiteContent& content) {
  std::set<const ReferenceFigure*> shown;
  const std::vector<std::string> corpora = corpora_of(content.rows);
  for (const std::string& corpus : corpora)
    for (const ReferenceFigure* figure : references_of(content, corpus)) shown.insert(figure);
  std::int64_t elsewhere = 0, pools = 0, small = 0;
  std::set<std::string> others;  // corpora that are not measured
  for (const ReferenceFigure& figure : content.references) {
    if (shown.contains(&figure)) continue;
    const bool measured = std::any_of(corpora.begin(), corpora.end(), [&](const auto& corpus) {
      return is_of_corpus(figure, corpus);
    });
    ++(measured ? pools : elsewhere);
    if (!measured) others.insert(figure.corpus);
  }
  for (const ReferenceFigure* figure : shown) small += figure->value <= 0.01;
  std::vector<std::string> notes;
  if (elsewhere > 0)
    notes.push_back(
        fmt::format("{} published figures are of corpora that are not measured here: {}", elsewhere,
                    fmt::join(others, ", ")));
  if (small > 0)
    notes.push_back(
        fmt::format("{} published figures are 1 or less; the column value is in percent", small));
  if (pools > 0)
    notes.push_back(
        fmt::format("{} published retrievals are left out: none here is among as many "
                    "candidates (column pool)",
                    pools));
  return notes;
}

std::string suite_csv(const SuiteContent& content) {
  std::string text = csv_line(csv_columns()) + "\n";
  for (const ResultRow& row : content.rows) text += csv_line(own_fields(row, content.model)) + "\n";
  for (const std::string& corpus : corpora_of(content.rows))
    for (const ReferenceFigure* figure : references_of(content, corpus))
      text += csv_line(published_fields(*figure)) + "\n";
  return text;
}

std::string suite_latex(const SuiteContent& content) {
  const std::vector<std::string> views = views_of(content.rows);
  std::string text =
      "% 95 % intervals over patients (means of seeds: over seeds and patients); a figure without "
      "a "
      "class is the mean over findings. Rows in italics are published figures, on the split "
      "named.\n"
      "\\begin{tabular}{lll" +
      std::string(views.size(), 'r') + "}\n\\hline\nCorpus & Task & Figure";
  for (const std::string& column : views) text += " & " + tex(column);
  text += " \\\\\n\\hline\n";
  std::vector<std::string> sources;
  for (const std::string& corpus : corpora_of(content.rows)) {
    for (const FigureLine& line : figure_lines(content.rows, corpus)) {
      const std::string training = training_text(*line.first);
      text += fmt::format("{} & {} & {}", tex(corpus),
                          tex(line.first->task + (training.empty() ? "" : ", " + training)),
                          tex(figure_name(*line.first) + exposed_mark(line.first->exposed)));
      for (const std::string& column : views) {
        const ResultRow* own = in_column(line, column);
        text += own == nullptr ? " &" : " & " + tex_value(*own);
      }
      text += " \\\\\n";
    }
    for (const ReferenceFigure* figure : references_of(content, corpus))
      text += tex_published(*figure, views.size(), sources);
    text += "\\hline\n";
  }
  text += "\\end{tabular}\n";
  for (std::size_t i = 0; i < sources.size(); ++i)
    text += fmt::format("\n$^{{{}}}$ {}\n", i + 1, tex(sources[i]));
  return text;
}

}  // namespace biplane

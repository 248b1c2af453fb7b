#include "biplane/eval/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "biplane/eval/report_html.h"
#include "biplane/eval/report_modules.h"
#include "biplane/eval/report_plots.h"
#include "biplane/eval/report_tables.h"
#include "biplane/eval/report_task_sections.h"

namespace biplane {
namespace {

std::string legend(std::span<const ResultRow> rows) {
  std::string html = "<p class=\"legend\">";
  for (const std::string& views : shown_columns(rows)) {
    html += fmt::format("<span><i class=\"key s-{}\"></i>{}</span>", html_escape(views),
                        html_escape(column_title(views)));
  }
  return html + "</p>";
}

// `id` and `of`: of the section, and whose curves these are.
std::string curves_section(const std::string& id, const std::string& of,
                           std::span<const FindingCurves> findings,
                           std::span<const ResultRow> rows) {
  std::string plots;
  for (const FindingCurves& finding : findings) {
    const bool defined = std::any_of(finding.roc.begin(), finding.roc.end(),
                                     [](const CurveSeries& s) { return !s.points.empty(); });
    if (!defined) continue;
    plots += fmt::format(
        "<figure><figcaption>{}<small>{} of {} studies</small></figcaption>{}{}</figure>",
        label_text(finding.finding), finding.positives, finding.studies, roc_plot(finding),
        precision_recall_plot(finding));
  }
  if (plots.empty()) return {};
  return html_section(id, "Curves: " + of,
                      "First true positive rate (up) against false positive rate (across), then "
                      "precision (up) against recall (across). The dotted lines are chance.",
                      legend(rows) + "<div class=\"grid4\">" + plots + "</div>");
}

std::string all_curves(const ReportContent& content) {
  std::string html = curves_section("curves", "zero-shot", content.data.findings, content.rows);
  for (const HeadCurves& head : content.data.heads)
    html += curves_section("curves-" + html_escape(head.task), label_text(head.task), head.classes,
                           content.rows);
  return html;
}

std::string image_or_gap(const GreyImage& image, const char* view) {
  if (image.pixels.empty())
    return fmt::format("<figure class=\"film missing\"><div>no {}</div></figure>", view);
  return fmt::format("<figure class=\"film\">{}<figcaption>{}</figcaption></figure>",
                     inline_image(image, std::string(view) + " radiograph"), view);
}

std::string retrieval_example(const RetrievalExample& example) {
  std::string html = "<article class=\"study\"><div class=\"films\">" +
                     image_or_gap(example.frontal, "frontal") +
                     image_or_gap(example.lateral, "lateral") + "</div>";
  html += fmt::format(
      "<div class=\"text\"><h3>Study {} <span class=\"badge {}\">rank {} of {}</span></h3>",
      html_escape(example.study_id),
      example.rank == 1   ? "good"
      : example.rank <= 5 ? "fair"
                          : "poor",
      example.rank, example.pool);
  html += "<p class=\"own\"><b>Its report.</b> " + html_escape(example.report) +
          "</p><ol class=\"ranked\">";
  for (const RetrievedReport& report : example.best) {
    html += fmt::format("<li class=\"{}\"><span class=\"score\">{:.3f}</span>{}{}</li>",
                        report.matches ? "match" : "other", report.similarity,
                        report.matches ? "<b>its own report.</b> " : "", html_escape(report.text));
  }
  return html + "</ol></div></article>";
}

std::string retrieval_section(const ReportContent& content) {
  std::string html = retrieval_table_html(content.rows);
  if (html.empty()) return {};
  if (!content.data.retrieval.empty()) {
    html +=
        "<h3>Reports found for a study</h3><p class=\"quiet\">Both views as the query; the five "
        "nearest reports of the pool with their "
        "cosine similarity. The studies were drawn by chance, not picked.</p>";
  }
  for (const RetrievalExample& example : content.data.retrieval) html += retrieval_example(example);
  return html_section("retrieval", "Image-text retrieval",
                      "How often a study finds its own report, and a report its study, among the "
                      "candidates of a pool. Ties count against the model.",
                      html);
}

std::string grounding_example(const GroundingExample& example) {
  std::string html = fmt::format(
      "<article class=\"study wide\"><h3>{}<small>study {}</small></h3><div class=\"films\">",
      label_text(example.finding), html_escape(example.study_id));
  for (const GroundingView& view : example.views) {
    const char* verdict = !view.hit   ? "<span class=\"badge quiet\">not marked in this view</span>"
                          : *view.hit ? "<span class=\"badge good\">maximum inside</span>"
                                      : "<span class=\"badge poor\">maximum outside</span>";
    html += fmt::format("<figure class=\"film\">{}<figcaption>{}{}</figcaption></figure>",
                        inline_image(view.image, view.view + " radiograph, truth outlined"),
                        view.view, view.hit ? ", truth outlined" : "");
    html += fmt::format("<figure class=\"film\">{}<figcaption>{} map {}</figcaption></figure>",
                        inline_image(view.overlay, view.view + " heat map"), html_escape(view.map),
                        verdict);
  }
  return html + "</div><p class=\"own\">" + html_escape(example.report) + "</p></article>";
}

std::string grounding_section(const ReportContent& content) {
  const std::string table = grounding_table_html(content.rows);
  if (table.empty()) return {};
  std::string html;
  for (const GroundingExample& example : content.data.grounding) html += grounding_example(example);
  html += "<details><summary>Figures per finding and view</summary>" + table + "</details>";
  return html_section(
      "grounding", "Where the model looks",
      "The map of a finding's prompts, or of a box's own words, over both views. Truth is outlined "
      "in turquoise; bright is "
      "what the likeness of words and image rests on. The first marked study of each finding is "
      "shown. A map below chance is reported as it is.",
      html);
}

// The curves a reader looks at first; the others fold away.
bool is_main_curve(const std::string& name) {
  static constexpr std::array kMain{"fla/shuffle_gap", "proto/code_perplexity", "mlm/accuracy",
                                    "lr", "grad_norm"};
  return name == "loss" || name.starts_with("loss/") ||
         std::find(kMain.begin(), kMain.end(), name) != kMain.end();
}

std::string learning_section(const ReportContent& content) {
  std::string main, others;
  for (const CurveSeries& series : content.data.learning) {
    const std::string plot = "<figure><figcaption>" + html_escape(series.name) + "</figcaption>" +
                             learning_plot(series) + "</figure>";
    (is_main_curve(series.name) ? main : others) += plot;
  }
  if (main.empty() && others.empty()) return {};
  std::string html = "<div class=\"grid3\">" + main + "</div>";
  if (!others.empty())
    html += "<details><summary>Everything else that was logged</summary><div class=\"grid3\">" +
            others + "</div></details>";
  return html_section("learning", "Training",
                      "Loss terms and what was logged beside them, over optimizer steps.", html);
}

std::string notes_section(const ReportContent& content) {
  std::string html = "<ul class=\"notes\">";
  for (const std::string& note : content.notes) html += "<li>" + html_escape(note) + "</li>";
  html +=
      "<li><b>frontal, lateral</b>: that view alone. <b>both views</b>: the fused feature. "
      "<b>lateral missing</b>: the fused feature of the same "
      "studies, told that there is no lateral. <b>another patient's lateral</b>: a check; a model "
      "that reads the lateral must lose by it.</li>"
      "<li>Intervals are 95 % percentile intervals of a bootstrap over patients. They describe "
      "this model, not the method.</li>"
      "<li>Undefined figures (a finding without a positive or a negative study) are left out of "
      "means.</li>"
      "<li>For research. These figures do not show that the model is fit for clinical "
      "use.</li></ul>";
  const ResultOrigin& origin = content.origin;
  html += html_hashes({{"weights", origin.weights_sha256},
                       {"prompts", origin.prompts_sha256},
                       {"preprocessing", origin.preprocess_sha256},
                       {"studies", origin.split_sha256},
                       {"program", origin.code}});
  return html_section("notes", "Notes and provenance", "What was measured, with what.", html);
}

// Learning curves worth a drawing: not the clock, not the position.
bool is_drawn(const std::string& name) {
  return name != "step" && name != "epoch" && !name.starts_with("time/");
}

// Losses first, then the rest by name.
int order_of(const std::string& name) {
  return name == "loss" ? 0 : name.starts_with("loss/") ? 1 : 2;
}

}  // namespace

std::string render_report(const ReportContent& content) {
  std::string html = headline_cards(content.rows);
  html += html_section("summary", "What each view contributes",
                       "The same studies in every line; only what the model was shown differs.",
                       summary_table(content.rows));
  html += html_section("population", "All studies",
                       "Every study that has what the line needs, also those with one view only.",
                       population_table(content.rows));
  html += html_section("findings", "Zero-shot classification by finding",
                       "AUROC with its 95 % interval. \"Seen\" is the share of positive studies in "
                       "which the finding can be seen in that view at all.",
                       finding_table(content.rows, content.data.findings));
  html += all_curves(content) + head_sections(content.rows) +
          confusion_section(content.data.confusions) + comparison_section(content.rows) +
          calibration_section(content.rows, content.data.reliability) +
          subgroup_section(content.rows) + retrieval_section(content) +
          minimal_pair_section(content.rows) + grounding_section(content) +
          modules_section(content.rows) + learning_section(content) + notes_section(content);
  return html_page({"biplane evaluation", content.data.title, content.data.facts}, html);
}

std::vector<CurveSeries> read_learning_curves(const std::filesystem::path& run) {
  std::ifstream file(run / "metrics.jsonl");
  std::map<std::string, std::vector<CurvePoint>> curves;
  for (std::string line; std::getline(file, line);) {
    const nlohmann::json json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object() || !json.contains("step") || !json["step"].is_number()) continue;
    for (const auto& [name, value] : json.items()) {
      if (value.is_number() && is_drawn(name))
        curves[name].push_back({json["step"].get<double>(), value.get<double>()});
    }
  }
  std::vector<CurveSeries> series;
  for (auto& [name, points] : curves) {
    if (points.size() > 1) series.push_back({name, std::move(points)});
  }
  std::stable_sort(series.begin(), series.end(), [](const auto& a, const auto& b) {
    return order_of(a.name) < order_of(b.name);
  });
  return series;
}

}  // namespace biplane

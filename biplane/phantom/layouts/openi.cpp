// OpenI (Indiana University): reports as XML, and the CSV pair of the Kaggle release.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <pugixml.hpp>
#include <sstream>

#include "biplane/formats/csv.h"
#include "biplane/phantom/label_maps.h"
#include "biplane/phantom/layouts/layout.h"
#include "biplane/phantom/layouts/names.h"

namespace biplane {
namespace {

enum Table : std::size_t { kReports, kProjections, kDicomFields };

// "12_IM-0444-1001" of the CSV form; "CXR12_IM-0444-1001" in the XML.
std::string image_stem(const StudyPlace& place, std::size_t view) {
  const std::int64_t uid = study_number(place);
  return fmt::format("{}_IM-{}-{}", uid, padded(uid * 37 % 10000, 4), 1001 + 1000 * view);
}

void name_views(const StudyPlace& place, const std::string& ending, std::int64_t, Study& study) {
  for (std::size_t i = 0; i < study.views.size(); ++i)
    study.views[i].path = "NLMCXR_png/CXR" + image_stem(place, i) + ending;
}

std::string kaggle_name(const StudyPlace& place, std::size_t view) {
  return image_stem(place, view) + ".dcm.png";
}

// What is written about a study: the sections, and headings of the findings, "normal" without any.
struct Entry {
  std::string indication, comparison, findings, impression;
  std::vector<std::string> headings;
};

// One word in a hundred is taken out as if it named somebody.
std::string anonymised(const std::string& text, NoiseStream& noise) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const bool removed = noise.rates().any() && noise.random().bernoulli(0.01);
    out += (out.empty() ? "" : " ") + (removed ? "XXXX" : text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

Entry entry_of(const LayoutStudy& made) {
  const Report& report = made.study.report;
  NoiseStream noise = made.stream("openi-report");
  Entry entry;
  const bool no_findings = noise.quirk();  // every tenth report has no findings section
  entry.indication = anonymised(report_part(report, "INDICATION"), noise);
  entry.comparison = anonymised(report_part(report, "COMPARISON"), noise);
  entry.findings = no_findings ? "" : anonymised(report.findings, noise);
  entry.impression = anonymised(report.impression, noise);
  NoiseStream labels = made.stream("openi-mesh");
  for (const auto& [finding, value] : made.study.labels)
    if (labels.label(value) == 1) entry.headings.emplace_back(corpus_labels(finding).mesh);
  if (entry.headings.empty()) entry.headings.emplace_back("normal");
  return entry;
}

const char* caption_of(const Study& study) {
  for (const View& view : study.views)
    if (view.view == ViewPosition::kLateral) return "Xray Chest PA and Lateral";
  return "Xray Chest PA";
}

void add_text(pugi::xml_node parent, const char* name, const std::string& text) {
  parent.append_child(name).text().set(text.c_str());
}

std::string xml_of(const LayoutStudy& made, const Entry& entry) {
  const std::string uid = std::to_string(study_number(made.place));
  pugi::xml_document document;
  pugi::xml_node head = document.append_child(pugi::node_declaration);
  head.append_attribute("version") = "1.0";
  head.append_attribute("encoding") = "utf-8";
  pugi::xml_node root = document.append_child("eCitation");
  root.append_child("meta").append_attribute("type") = "rr";
  root.append_child("uId").append_attribute("id") = ("CXR" + uid).c_str();
  root.append_child("pmcId").append_attribute("id") = uid.c_str();
  add_text(root, "docSource", "CXR");
  root.append_child("IUXRId").append_attribute("id") = uid.c_str();
  pugi::xml_node article = root.append_child("MedlineCitation").append_child("Article");
  add_text(article, "ArticleTitle", "Phantom Chest X-ray Collection");
  pugi::xml_node abstract = article.append_child("Abstract");
  const std::pair<const char*, const std::string&> sections[] = {{"COMPARISON", entry.comparison},
                                                                 {"INDICATION", entry.indication},
                                                                 {"FINDINGS", entry.findings},
                                                                 {"IMPRESSION", entry.impression}};
  for (const auto& [label, text] : sections) {
    pugi::xml_node section = abstract.append_child("AbstractText");
    section.append_attribute("Label") = label;
    if (!text.empty()) section.text().set(text.c_str());
  }
  pugi::xml_node mesh = root.append_child("MeSH");
  for (const std::string& heading : entry.headings) add_text(mesh, "major", heading);
  for (std::size_t i = 0; i < made.study.views.size(); ++i) {
    const std::string id = "CXR" + image_stem(made.place, i);
    pugi::xml_node image = root.append_child("parentImage");
    image.append_attribute("id") = id.c_str();
    add_text(image, "figureId", fmt::format("F{}", i + 1));
    add_text(image, "caption", caption_of(made.study));
    pugi::xml_node panel = image.append_child("panel");
    panel.append_attribute("type") = "single";
    add_text(panel, "url", "/hadoop/storage/radiology/extract/" + id + ".jpg");
  }
  std::ostringstream text;
  document.save(text, "   ", pugi::format_indent, pugi::encoding_utf8);
  return text.str();
}

// The headers of the originals say of two laterals in three that they are frontals, or nothing.
std::string dicom_position(const View& view, NoiseStream& noise) {
  const bool lateral = view.view == ViewPosition::kLateral;
  const double u = noise.random().uniform();
  if (noise.rates().any() && u < (lateral ? 0.44 : 0.30)) return "";
  if (noise.rates().any() && lateral && u < 0.78) return "PA";
  return lateral ? "LL" : view_name(view.view);
}

LayoutEntry describe(const LayoutStudy& made) {
  const std::string uid = std::to_string(study_number(made.place));
  const Entry entry = entry_of(made);
  std::vector<std::string> problems;
  for (const std::string& heading : entry.headings)
    problems.push_back(heading.substr(0, heading.find('/')));
  LayoutEntry out;
  out.files.emplace_back("ecgen-radiology/" + uid + ".xml", xml_of(made, entry));
  out.rows.emplace_back(
      kReports, csv_line({uid, fmt::format("{}", fmt::join(entry.headings, ";")),
                          fmt::format("{}", fmt::join(problems, ";")), caption_of(made.study),
                          entry.indication, entry.comparison, entry.findings, entry.impression}));
  NoiseStream noise = made.stream("openi-views");
  for (std::size_t i = 0; i < made.study.views.size(); ++i) {
    const View& view = made.study.views[i];
    const std::string name = kaggle_name(made.place, i);
    out.rows.emplace_back(
        kProjections,
        csv_line({uid, name, view.view == ViewPosition::kLateral ? "Lateral" : "Frontal"}));
    out.rows.emplace_back(kDicomFields,
                          csv_line({"CXR" + image_stem(made.place, i), dicom_position(view, noise),
                                    std::to_string(view.rows), std::to_string(view.cols)}));
    out.links.emplace_back("images/images_normalized/" + name, view.path);
  }
  return out;
}

}  // namespace

Layout openi_layout() {
  return {.name = "openi",
          .summary = "OpenI: ecgen-radiology/*.xml, and indiana_reports.csv as on Kaggle",
          .formats = {"png"},
          .second_frontal = 0.05,
          .styles = {"soft", "standard"},
          .noise = {.flip = 0.02, .quirk = 0.1},
          .tables = {{"indiana_reports.csv",
                      "uid,MeSH,Problems,image,indication,comparison,findings,impression"},
                     {"indiana_projections.csv", "uid,filename,projection"},
                     {"nlmcxr_dicom_metadata.csv", "imageid,ViewPosition,Rows,Columns"}},
          .name_views = &name_views,
          .describe = &describe};
}

}  // namespace biplane

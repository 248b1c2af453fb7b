#include "biplane/corpus/corpora/openi_files.h"

#include <initializer_list>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/corpus/corpora/fields.h"
#include "biplane/corpus/corpora/tables.h"
#include "biplane/formats/csv.h"
#include "biplane/formats/xml.h"
#include "biplane/text/unicode.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

constexpr const char* kUidPrefix = "CXR";

std::string without_prefix(const std::string& text, const std::string& prefix) {
  return text.starts_with(prefix) ? text.substr(prefix.size()) : text;
}

void append(std::string& text, const std::string& part) {
  if (!text.empty() && !part.empty()) text += '\n';
  text += part;
}

void add_section(const XmlElement& element, ReportSections& sections) {
  const std::string label = lower_case(trimmed(element.attribute("Label")));
  const std::string text = trimmed(element.text);
  if (label == "findings") {
    append(sections.findings, text);
  } else if (label == "impression") {
    append(sections.impression, text);
  } else if (label == "indication") {
    append(sections.indication, text);
  } else if (label == "comparison") {
    append(sections.comparison, text);
  } else if (!text.empty()) {
    sections.other.emplace_back(label, text);
  }
}

std::optional<ViewPosition> view_of(const std::string& text) {
  const std::string name = lower_case(trimmed(text));
  if (name == "pa" || name == "frontal") return ViewPosition::kPA;
  if (name == "ap") return ViewPosition::kAP;
  if (name == "l" || name == "ll" || name == "rl" || name == "lateral")
    return ViewPosition::kLateral;
  return std::nullopt;
}

// The first of these columns that a table has. Throws Error kBadContent naming the first.
std::size_t one_of(const CsvReader& csv, std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (const auto column = csv.find_column(name)) return *column;
  return csv.column(*names.begin());
}

std::size_t image_column(const CsvReader& csv) {
  return one_of(csv, {"filename", "image_id", "imageid", "image"});
}

}  // namespace

OpeniReport read_openi_xml(const fs::path& path) {
  constexpr std::uint64_t kMostBytes = std::uint64_t{4} << 20;  // the largest has 20,000
  const XmlElement root = parse_xml(read_file(path, kMostBytes), path.filename().string());
  if (root.name != "eCitation")
    throw Error(ErrorKind::kBadContent, path.filename().string() + ": the root element is " +
                                            root.name + "; in a report of OpenI it is eCitation");
  OpeniReport report;
  root.each("uId", [&](const XmlElement& element) {
    if (report.uid.empty())
      report.uid = without_prefix(trimmed(element.attribute("id")), kUidPrefix);
  });
  root.each("AbstractText",
            [&](const XmlElement& element) { add_section(element, report.sections); });
  root.each("MeSH", [&](const XmlElement& mesh) {
    mesh.each("major", [&](const XmlElement& heading) {
      if (!trimmed(heading.text).empty()) report.headings.push_back(trimmed(heading.text));
    });
  });
  root.each("parentImage", [&](const XmlElement& image) {
    const std::string id = trimmed(image.attribute("id"));
    if (!id.empty()) report.images.push_back(id);
  });
  return report;
}

std::string openi_image_key(const std::string& name) {
  std::string key = fs::path(trimmed(name)).filename().string();
  for (const char* ending : {".png", ".jpg", ".jpeg", ".dcm"})
    if (lower_case(key).ends_with(ending)) key.resize(key.size() - std::string(ending).size());
  const std::size_t mark = key.find("_IM-");
  if (mark == std::string::npos) return key;
  const std::size_t before = key.substr(0, mark).rfind('_');
  if (before != std::string::npos) key = key.substr(before + 1);
  return without_prefix(key, kUidPrefix);
}

void OpeniViews::read_table(const fs::path& table, FunnelStage& stage) {
  CsvReader csv(table);
  const std::size_t image = image_column(csv),
                    view = one_of(csv, {"projection", "view", "tsne_view", "tsne-view"});
  each_row(csv, stage, [&](const CsvRow& row, const std::string& place) {
    const std::string text = field(row, view);
    if (text.empty()) return stage.drop("no view given", place);
    if (!add(row.fields[image], text)) return stage.reject("unknown view", place + ": " + text);
    stage.pass();
  });
}

void OpeniViews::read_headers(const fs::path& table, FunnelStage& stage) {
  CsvReader csv(table);
  const std::size_t image = image_column(csv), view = csv.column("ViewPosition");
  each_row(csv, stage, [&](const CsvRow& row, const std::string&) {
    if (field(row, view) == "AP") ap_.insert(openi_image_key(row.fields[image]));
    stage.pass();
  });
}

bool OpeniViews::add(const std::string& image, const std::string& text) {
  const std::optional<ViewPosition> view = view_of(text);
  if (view) views_.emplace(openi_image_key(image), *view);
  return view.has_value();
}

std::optional<ViewPosition> OpeniViews::of(const std::string& image) const {
  const std::string key = openi_image_key(image);
  const auto view = views_.find(key);
  if (view == views_.end()) return std::nullopt;
  const bool other = view->second == ViewPosition::kPA && ap_.contains(key);
  return other ? ViewPosition::kAP : view->second;
}

}  // namespace biplane

#include "biplane/corpus/json_fields.h"
#include "biplane/corpus/manifest.h"
#include "biplane/corpus/manifest_lines.h"
#include "biplane/corpus/marks_from_json.h"

namespace biplane {
namespace {

using json::element;
using json::Fields;
using json::Place;
using json::shown;
using json::throw_value;

ViewPosition read_position(const Fields& fields) {
  std::string name = view_name(ViewPosition::kUnknown);
  fields.read("view", name);
  const auto position = parse_view(name);
  if (!position) throw_value(fields.name("view"), "'" + name + "'", "PA, AP, LATERAL or UNKNOWN");
  return *position;
}

StoredImage read_stored(const Fields& fields) {
  StoredImage stored;
  fields.read("offset", stored.offset, 0);
  fields.read("length", stored.length, 1);
  fields.read("rows", stored.rows, 0);
  fields.read("cols", stored.cols, 0);
  return stored;
}

View read_view(const element& item, const Place& place) {
  const Fields fields(item, place);
  View view;
  view.path = fields.required("path");
  if (view.path.find('\0') != std::string::npos)
    throw_value(fields.name("path"), "a text with a NUL character", "a file name");
  view.view = read_position(fields);
  fields.read("laterality", view.laterality);
  fields.read("rows", view.rows, 0);
  fields.read("cols", view.cols, 0);
  fields.read("sha256", view.sha256);
  element stored;
  if (fields.find("stored", stored)) view.stored = read_stored(Fields(stored, {"stored"}));
  return view;
}

// The names of an object stand in the order of the alphabet where this program wrote the line: each
// comes behind the last one.
void read_labels(const Fields& fields, const char* key, std::map<std::string, int>& labels) {
  fields.each_entry(key, [&](std::string_view name, const element& item) {
    if (item.is_null()) return;
    double value = 0;
    if (item.get(value) != simdjson::SUCCESS || (value != 0 && value != 1 && value != -1)) {
      throw_value(fields.name(key) + "." + std::string(name), shown(item), "1, 0, -1 or null");
    }
    labels.insert_or_assign(labels.end(), std::string(name), static_cast<int>(value));
  });
}

void read_views_of_findings(const Fields& fields, const char* key,
                            std::map<std::string, std::vector<std::string>>& findings) {
  fields.each_entry(key, [&](std::string_view name, const element& item) {
    const auto where = [&] { return fields.name(key) + "." + std::string(name); };
    simdjson::dom::array list;
    if (item.get(list) != simdjson::SUCCESS) throw_value(where(), shown(item), "a list of views");
    std::vector<std::string>& views = findings[std::string(name)];
    for (const element view : list) {
      std::string_view text;
      if (view.get(text) != simdjson::SUCCESS)
        throw_value(where(), shown(view), "the name of a view");
      views.emplace_back(text);
    }
  });
}

void read_said(const Fields& fields, Study& study) {
  fields.each_entry("said", [&](std::string_view name, const element& item) {
    std::string_view text;
    if (item.get(text) != simdjson::SUCCESS ||
        (text != "stated" && text != "uncertain" && text != "denied")) {
      throw_value(fields.name("said") + "." + std::string(name), shown(item),
                  "stated, uncertain or denied");
    }
    study.said[std::string(name)] = text;
  });
}

void read_patient(const Fields& fields, Study& study) {
  element value;
  if (!fields.find("patient", value)) return;
  const Fields patient(value, {"patient"});
  patient.read("sex", study.sex);
  if (!study.sex.empty() && study.sex != "M" && study.sex != "F")
    throw_value("patient.sex", "'" + study.sex + "'", "M, F or null");
  double age = -1;
  patient.read("age", age);
  if (age >= 0) study.age = age;
}

void read_report(const Fields& fields, Study& study) {
  element value;
  if (!fields.find("report", value)) return;
  const Fields report(value, {"report"});
  report.read("findings", study.report.findings);
  report.read("impression", study.report.impression);
  report.read("other", study.report.other);
  report.read("text", study.report.text);
  report.read("language", study.report.language);
}

void check_format(const Fields& fields) {
  std::int64_t format = 1;
  fields.read("format", format, 1);
  if (format != 1)
    throw_value("format", std::to_string(format), "1: the manifest was made by a newer version");
}

void read_order(const Fields& fields, Study& study) {
  std::int64_t order = 0;
  fields.read("study_order", order, 1);
  if (order > 0) study.study_order = order;
  fields.read("prior_study_id", study.prior_study_id);
}

// Of a Study or a StudySummary.
template <class S>
void read_names(const Fields& fields, S& study) {
  study.study_id = fields.required("study_id");
  study.patient_id = study.study_id;
  fields.read("patient_id", study.patient_id);
  fields.each_entry("patient_in", [&](std::string_view corpus, const element& item) {
    std::string_view name;
    if (item.get(name) != simdjson::SUCCESS)
      throw_value(fields.name("patient_in") + "." + std::string(corpus), shown(item), "a name");
    study.patient_in[std::string(corpus)] = name;
  });
  std::string split = split_name(Split::kTrain);
  fields.read("split", split);
  const auto parsed = parse_split(split);
  if (!parsed) throw_value("split", "'" + split + "'", "train, validate or test");
  study.split = *parsed;
}

Study read_study(const Fields& fields) {
  check_format(fields);
  Study study;
  read_names(fields, study);
  read_patient(fields, study);
  read_order(fields, study);
  fields.each("views", [&study](const element& item, std::int64_t i) {
    study.views.push_back(read_view(item, {"views", i}));
  });
  read_report(fields, study);
  read_labels(fields, "labels", study.labels);
  read_labels(fields, "labels_chexpert", study.labels_chexpert);
  fields.read("label_source", study.label_source);
  read_views_of_findings(fields, "visible_in", study.visible_in);
  read_views_of_findings(fields, "doubtful_in", study.doubtful_in);
  read_said(fields, study);
  fields.each("boxes", [&](const element& item, std::int64_t i) {
    study.boxes.push_back(json::read_box(item, {"boxes", i}, study.views));
  });
  fields.each("masks", [&](const element& item, std::int64_t i) {
    study.masks.push_back(json::read_mask(item, {"masks", i}, study.views));
  });
  element other;
  if (fields.find("counterfactual", other)) {
    const Fields pair(other, {"counterfactual"});
    study.counterfactual = {pair.required("of"), pair.required("removed")};
  }
  element source;
  if (fields.find("source", source)) {
    const Fields where(source, {"source"});
    where.read("file", study.source_file);
    where.read("row", study.source_row, 0);
  }
  return study;
}

StudySummary read_summary(const Fields& fields) {
  check_format(fields);
  StudySummary summary;
  read_names(fields, summary);
  fields.each("views", [&summary](const element& item, std::int64_t i) {
    summary.add(read_position(Fields(item, {"views", i})));
  });
  element value;
  if (fields.find("report", value)) {
    const Fields report(value, {"report"});
    summary.has_report = !report.text("text").empty();
    report.read("language", summary.language);
  }
  return summary;
}

// Parses the line and gives its fields to `read`.
template <class Read>
auto parse(std::string_view line, bool padded, const Read& read) {
  static thread_local simdjson::dom::parser parser;
  element document;
  const auto error = parser.parse(line.data(), line.size(), !padded).get(document);
  if (error != simdjson::SUCCESS) {
    throw Error(ErrorKind::kBadContent,
                std::string("not valid JSON: ") + simdjson::error_message(error));
  }
  return read(Fields(document));
}

}  // namespace

Study study_from_json(std::string_view line) { return parse(line, false, read_study); }

StudySummary summary_from_json(std::string_view line) { return parse(line, true, read_summary); }

}  // namespace biplane

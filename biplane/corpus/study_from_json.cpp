#include <simdjson.h>

#include "biplane/core/error.h"
#include "biplane/corpus/manifest.h"

namespace biplane {
namespace {

using simdjson::dom::element;

std::string shown(const element& value) {
  std::string text = simdjson::minify(value);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

[[noreturn]] void throw_value(const std::string& key, const std::string& value,
                              const std::string& wanted) {
  throw Error(ErrorKind::kBadContent, "key " + key + " is " + value + "; it must be " + wanted);
}

// Typed access to the keys of one JSON object; `path` ("views[1].") is put before a key in errors.
// null counts as absent.
class Fields {
 public:
  Fields(const element& value, std::string path) : path_(std::move(path)) {
    if (value.get(object_) != simdjson::SUCCESS) {
      throw_value(path_.empty() ? "(line)" : path_.substr(0, path_.size() - 1), shown(value),
                  "an object");
    }
  }

  bool find(const char* key, element& value) const {
    return object_.at_key(key).get(value) == simdjson::SUCCESS && !value.is_null();
  }

  void read(const char* key, std::string& target) const {
    element value;
    if (!find(key, value)) return;
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS) throw_value(path_ + key, shown(value), "text");
    target = text;
  }

  void read(const char* key, double& target) const {
    element value;
    if (find(key, value) && value.get(target) != simdjson::SUCCESS)
      throw_value(path_ + key, shown(value), "a number");
  }

  void read(const char* key, std::int64_t& target, std::int64_t low) const {
    element value;
    if (!find(key, value)) return;
    if (value.get(target) != simdjson::SUCCESS || target < low) {
      throw_value(path_ + key, shown(value), "a whole number of at least " + std::to_string(low));
    }
  }

  std::string required(const char* key) const {
    std::string text;
    read(key, text);
    if (text.empty())
      throw Error(ErrorKind::kBadContent, "key " + path_ + key + " is missing or empty");
    return text;
  }

  // Calls use(element, path) for each element of a list; an absent list is empty.
  template <class Use>
  void each(const char* key, const Use& use) const {
    element value;
    if (!find(key, value)) return;
    simdjson::dom::array list;
    if (value.get(list) != simdjson::SUCCESS) throw_value(path_ + key, shown(value), "a list");
    std::size_t i = 0;
    for (const element item : list) use(item, path_ + key + "[" + std::to_string(i++) + "]");
  }

  // Calls use(name, element, path) for each entry of an object; an absent object is empty.
  template <class Use>
  void each_entry(const char* key, const Use& use) const {
    element value;
    if (!find(key, value)) return;
    simdjson::dom::object object;
    if (value.get(object) != simdjson::SUCCESS) throw_value(path_ + key, shown(value), "an object");
    for (const auto [name, item] : object)
      use(std::string(name), item, path_ + key + "." + std::string(name));
  }

 private:
  simdjson::dom::object object_;
  std::string path_;
};

View read_view(const element& item, const std::string& path) {
  const Fields fields(item, path + ".");
  View view;
  view.path = fields.required("path");
  if (view.path.find('\0') != std::string::npos)
    throw_value(path + ".path", "a text with a NUL character", "a file name");
  std::string name = view_name(ViewPosition::kUnknown);
  fields.read("view", name);
  const auto position = parse_view(name);
  if (!position) throw_value(path + ".view", "'" + name + "'", "PA, AP, LATERAL or UNKNOWN");
  view.view = *position;
  fields.read("laterality", view.laterality);
  fields.read("rows", view.rows, 0);
  fields.read("cols", view.cols, 0);
  fields.read("sha256", view.sha256);
  return view;
}

std::int64_t read_view_index(const Fields& fields, const std::string& path, std::size_t views) {
  std::int64_t index = 0;
  fields.read("view", index, 0);
  if (static_cast<std::size_t>(index) >= views) {
    throw_value(path + ".view", std::to_string(index),
                "below the number of views, " + std::to_string(views));
  }
  return index;
}

Box read_box(const element& item, const std::string& path, std::size_t views) {
  const Fields fields(item, path + ".");
  Box box;
  box.view = read_view_index(fields, path, views);
  box.label = fields.required("label");
  fields.read("x", box.x);
  fields.read("y", box.y);
  fields.read("w", box.w);
  fields.read("h", box.h);
  fields.read("reader", box.reader);
  if (box.w < 0 || box.h < 0) throw_value(path, shown(item), "a box with w and h of at least 0");
  return box;
}

// Largest mask that makes sense; sums of run lengths below cannot overflow.
constexpr std::int64_t kMostPixels = std::int64_t{1} << 32;

void check_mask(const Mask& mask, const std::string& path) {
  const std::string size = std::to_string(mask.rows) + " x " + std::to_string(mask.cols);
  if (mask.rows < 1 || mask.cols < 1 || mask.rows > kMostPixels / mask.cols)
    throw_value(path + ".rows and .cols", size, "the size of an image");
  std::int64_t pixels = 0;
  for (const std::int64_t length : mask.rle) {
    pixels += length;
    if (pixels > mask.rows * mask.cols) break;
  }
  if (pixels != mask.rows * mask.cols) {
    throw_value(path + ".rle", std::to_string(pixels) + " pixels or more",
                "run lengths of all " + size + " pixels");
  }
}

Mask read_mask(const element& item, const std::string& path, std::size_t views) {
  const Fields fields(item, path + ".");
  Mask mask;
  mask.view = read_view_index(fields, path, views);
  mask.label = fields.required("label");
  fields.read("rows", mask.rows, 0);
  fields.read("cols", mask.cols, 0);
  fields.each("rle", [&mask](const element& run, const std::string& where) {
    std::int64_t length = 0;
    if (run.get(length) != simdjson::SUCCESS || length < 0)
      throw_value(where, shown(run), "a run length of at least 0");
    if (length > kMostPixels) throw_value(where, shown(run), "a run length within the mask");
    mask.rle.push_back(length);
  });
  check_mask(mask, path);
  return mask;
}

void read_labels(const Fields& fields, const char* key, std::map<std::string, int>& labels) {
  fields.each_entry(
      key, [&labels](const std::string& name, const element& item, const std::string& where) {
        if (item.is_null()) return;
        double value = 0;
        if (item.get(value) != simdjson::SUCCESS || (value != 0 && value != 1 && value != -1)) {
          throw_value(where, shown(item), "1, 0, -1 or null");
        }
        labels[name] = static_cast<int>(value);
      });
}

void read_views_of_findings(const Fields& fields, const char* key,
                            std::map<std::string, std::vector<std::string>>& findings) {
  fields.each_entry(
      key, [&findings](const std::string& name, const element& item, const std::string& where) {
        simdjson::dom::array list;
        if (item.get(list) != simdjson::SUCCESS) throw_value(where, shown(item), "a list of views");
        std::vector<std::string>& views = findings[name];
        for (const element view : list) {
          std::string_view text;
          if (view.get(text) != simdjson::SUCCESS)
            throw_value(where, shown(view), "the name of a view");
          views.emplace_back(text);
        }
      });
}

void read_said(const Fields& fields, Study& study) {
  fields.each_entry(
      "said", [&study](const std::string& name, const element& item, const std::string& where) {
        std::string_view text;
        if (item.get(text) != simdjson::SUCCESS ||
            (text != "stated" && text != "uncertain" && text != "denied"))
          throw_value(where, shown(item), "stated, uncertain or denied");
        study.said[name] = text;
      });
}

void read_patient(const Fields& fields, Study& study) {
  element value;
  if (!fields.find("patient", value)) return;
  const Fields patient(value, "patient.");
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
  const Fields report(value, "report.");
  report.read("findings", study.report.findings);
  report.read("impression", study.report.impression);
  report.read("other", study.report.other);
  report.read("text", study.report.text);
  report.read("language", study.report.language);
}

Study read_study(const Fields& fields) {
  std::int64_t format = 1;
  fields.read("format", format, 1);
  if (format != 1)
    throw_value("format", std::to_string(format), "1: the manifest was made by a newer version");
  Study study;
  study.study_id = fields.required("study_id");
  study.patient_id = study.study_id;
  fields.read("patient_id", study.patient_id);
  read_patient(fields, study);
  std::string split = split_name(Split::kTrain);
  fields.read("split", split);
  const auto parsed = parse_split(split);
  if (!parsed) throw_value("split", "'" + split + "'", "train, validate or test");
  study.split = *parsed;
  fields.each("views", [&study](const element& item, const std::string& path) {
    study.views.push_back(read_view(item, path));
  });
  read_report(fields, study);
  read_labels(fields, "labels", study.labels);
  read_labels(fields, "labels_chexpert", study.labels_chexpert);
  fields.read("label_source", study.label_source);
  read_views_of_findings(fields, "visible_in", study.visible_in);
  read_views_of_findings(fields, "doubtful_in", study.doubtful_in);
  read_said(fields, study);
  const std::size_t views = study.views.size();
  fields.each("boxes", [&](const element& item, const std::string& path) {
    study.boxes.push_back(read_box(item, path, views));
  });
  fields.each("masks", [&](const element& item, const std::string& path) {
    study.masks.push_back(read_mask(item, path, views));
  });
  element other;
  if (fields.find("counterfactual", other)) {
    const Fields pair(other, "counterfactual.");
    study.counterfactual = {pair.required("of"), pair.required("removed")};
  }
  element source;
  if (fields.find("source", source)) {
    const Fields where(source, "source.");
    where.read("file", study.source_file);
    where.read("row", study.source_row, 0);
  }
  return study;
}

}  // namespace

Study study_from_json(std::string_view line) {
  static thread_local simdjson::dom::parser parser;
  element document;
  const auto error = parser.parse(line.data(), line.size()).get(document);
  if (error != simdjson::SUCCESS) {
    throw Error(ErrorKind::kBadContent,
                std::string("not valid JSON: ") + simdjson::error_message(error));
  }
  return read_study(Fields(document, ""));
}

}  // namespace biplane

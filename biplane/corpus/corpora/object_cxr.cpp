// Object-CXR: foreign objects.
#include <algorithm>
#include <array>

#include "biplane/corpus/corpora/corpus.h"
#include "biplane/corpus/corpora/fields.h"
#include "biplane/corpus/corpora/images.h"
#include "biplane/corpus/corpora/tables.h"
#include "biplane/formats/csv.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

struct Table {
  const char* name;  // without ".csv"; also of the folder with its images
  Split split;
};
constexpr std::array kTables = {Table{"train", Split::kTrain}, Table{"dev", Split::kValidate},
                                Table{"test", Split::kTest}};
constexpr const char* kLabel = "Foreign Object";

// The box around "0 x1 y1 x2 y2" (rectangle), "1 x1 y1 x2 y2" (ellipse in its box) or
// "2 x y x y x y ..." (polygon).
BoxResult box_around(const std::string& annotation) {
  const std::vector<std::string> words = parts(annotation, " \t");
  const std::string kind = words.front();
  const bool corners = (kind == "0" || kind == "1") && words.size() == 5;
  const bool polygon = kind == "2" && words.size() >= 7 && words.size() % 2 == 1;
  if (!corners && !polygon) return {{}, "annotation that is no rectangle, ellipse or polygon"};
  std::array<std::vector<double>, 2> places;  // of the points: x, y
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::optional<double> number = parse_number(words[i]);
    if (!number) return {{}, "annotation that is no rectangle, ellipse or polygon"};
    places[(i - 1) % 2].push_back(*number);
  }
  const auto [left, right] = std::minmax_element(places[0].begin(), places[0].end());
  const auto [top, bottom] = std::minmax_element(places[1].begin(), places[1].end());
  BoxResult result;
  result.box = {0, kLabel, *left, *top, *right - *left, *bottom - *top, ""};
  if (result.box.w <= 0 || result.box.h <= 0) result.problem = "object without an area";
  return result;
}

class Reader {
 public:
  Reader(const PrepareOptions& options, Funnel& funnel)
      : options_(options), funnel_(funnel), images_(options.root) {}

  std::vector<Study> read() {
    require_table(options_.root, {"train.csv"});
    own_test_ = find_table(options_.root, {"test.csv"}).has_value();
    for (const Table& table : kTables)
      if (const auto path = find_table(options_.root, {std::string(table.name) + ".csv"}))
        read_table(table, *path);
    images_.count_unused(funnel_.stage("image files", "files"));
    return studies_.take();
  }

 private:
  void read_table(const Table& table, const fs::path& path) {
    CsvReader csv(path);
    const std::size_t name = csv.column("image_name"), annotation = csv.column("annotation");
    each_row(csv, funnel_.stage("rows read", "rows"),
             [&](const CsvRow& row, const std::string& place) {
               add_row(table, field(row, name), field(row, annotation), place, row.number, path);
             });
  }

  void add_row(const Table& table, const std::string& name, const std::string& annotation,
               const std::string& place, std::int64_t row, const fs::path& path) {
    FunnelStage& stage = funnel_.stage("rows read", "rows");
    if (name.empty()) return stage.reject("row without an image", place);
    const std::string id = std::string(table.name) + "/" + name;  // names begin anew in each table
    const auto [study, fresh] = studies_.add(id, id, path, row);
    if (!fresh) return stage.drop("repeated row", place + ": " + name);
    stage.pass();
    View view;
    view.path = images_.find(name, id);
    study->views.push_back(view);
    study->split = place_in_split(id, table.split, own_test_, options_);
    const std::vector<std::string> objects = parts(annotation, ";");
    study->labels[kLabel] = objects.empty() ? 0 : 1;
    FunnelStage& boxes = funnel_.stage("objects read", "objects");
    for (const std::string& object : objects) {
      const BoxResult result = box_around(object);
      if (result.problem.empty()) {
        study->boxes.push_back(result.box);
        boxes.pass();
      } else {
        boxes.reject(result.problem, place + ": " + name + ", '" + object + "'");
      }
    }
  }

  const PrepareOptions& options_;
  Funnel& funnel_;
  ImageIndex images_;
  StudyTable studies_;
  bool own_test_ = false;
};

std::vector<Study> read(const PrepareOptions& options, Funnel& funnel) {
  return Reader(options, funnel).read();
}

}  // namespace

Corpus object_cxr_corpus() {
  return {.name = "object-cxr",
          .summary = "Object-CXR: boxes of foreign objects",
          .tree =
              "train.csv                    image_name,annotation\n"
              "dev.csv, test.csv            the same (each may be absent)\n"
              "train/IMAGE, dev/IMAGE, test/IMAGE\n",
          .needs = {{"train.csv"}},
          .read = &read,
          .otherwise = ViewPosition::kPA};
}

}  // namespace biplane

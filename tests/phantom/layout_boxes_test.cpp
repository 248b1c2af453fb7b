// Layouts of frontal images with boxes, masks and classes: written, read by other means, compared
// with the manifest.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <regex>

#include "biplane/formats/rle.h"
#include "biplane/imaging/decode.h"
#include "biplane/phantom/layouts/layout.h"
#include "tests/phantom/layout_files.h"

namespace biplane {
namespace {

using testing::file_name;
using testing::read_lines;
using testing::words;
using testing::WrittenLayout;

using Corners = std::array<double, 4>;  // x, y, w, h

std::multiset<Corners> boxes_of(const Study& study, const std::set<std::string>& labels) {
  std::multiset<Corners> boxes;
  for (const Box& box : study.boxes)
    if (labels.count(box.label) == 1) boxes.insert({box.x, box.y, box.w, box.h});
  return boxes;
}

bool has(const Study& study, const char* finding) { return study.labels.at(finding) == 1; }

void expect_only_frontals(const WrittenLayout& made) {
  for (const Study& study : made.manifest.read_all()) {
    ASSERT_EQ(study.views.size(), 1U);
    EXPECT_TRUE(is_frontal(study.views[0].view));
  }
}

TEST(RsnaLayout, RowsGiveTheBoxesBack) {
  const WrittenLayout made(testing::layout_options("rsna"));
  expect_only_frontals(made);
  const auto lines = read_lines(made.folder / "stage_2_train_labels.csv");
  ASSERT_EQ(lines.front(), "patientId,x,y,width,height,Target");
  std::map<std::string, std::multiset<Corners>> boxes;
  std::map<std::string, std::string> target;
  for (auto line = lines.begin() + 1; line != lines.end(); ++line) {
    const std::vector<std::string> fields = words(*line, ',');
    ASSERT_EQ(fields.size(), 6U);
    target[fields[0]] = fields[5];
    if (fields[5] == "0") {
      EXPECT_EQ(*line, fields[0] + ",,,,,0");
      continue;
    }
    EXPECT_TRUE(std::regex_match(fields[1], std::regex("\\d+\\.\\d"))) << *line;
    boxes[fields[0]].insert(
        {std::stod(fields[1]), std::stod(fields[2]), std::stod(fields[3]), std::stod(fields[4])});
  }
  std::map<std::string, std::vector<std::string>> classes;
  for (const auto& row : testing::read_table(made.folder / "stage_2_detailed_class_info.csv"))
    classes[row.at("patientId")].push_back(row.at("class"));
  const std::regex name(
      "stage_2_train_images/"
      "([0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})\\.dcm");
  for (const Study& study : made.manifest.read_all()) {
    std::smatch part;
    ASSERT_TRUE(std::regex_match(study.views[0].path, part, name)) << study.views[0].path;
    const auto truth = boxes_of(study, {"consolidation", "retrocardiac_consolidation"});
    EXPECT_EQ(boxes[part[1]], truth);
    EXPECT_EQ(target.at(part[1]), truth.empty() ? "0" : "1");
    const auto& own = classes.at(part[1]);
    EXPECT_EQ(own.size(), std::max<std::size_t>(1, truth.size()));
    bool normal = true;
    for (const auto& [label, value] : study.labels) normal = normal && value == 0;
    EXPECT_EQ(own.front(), !truth.empty() ? "Lung Opacity"
                           : normal       ? "Normal"
                                          : "No Lung Opacity / Not Normal");
    EXPECT_EQ(probe_image(made.manifest.image_path(study.views[0])).format, ImageFormat::kDicom);
  }
  EXPECT_EQ(target.size(), made.manifest.summaries().size());
}

TEST(RsnaLayout, APatientHasARowForEachBoxInBothTables) {
  Study study = make_phantom_study(testing::layout_options("rsna"), 0).study;
  study.boxes = {{0, "consolidation", 3, 4, 10, 12, ""},
                 {0, "mass", 1, 1, 5, 5, ""},
                 {0, "retrocardiac_consolidation", 30, 40, 8, 9, ""}};
  const LayoutEntry entry = find_layout("rsna").describe({study, {}, {}, {}, 0, {}});
  const std::string id = std::filesystem::path(study.views[0].path).stem().string();
  EXPECT_EQ(entry.rows,
            (std::vector<std::pair<std::size_t, std::string>>{{0, id + ",3.0,4.0,10.0,12.0,1"},
                                                              {1, id + ",Lung Opacity"},
                                                              {0, id + ",30.0,40.0,8.0,9.0,1"},
                                                              {1, id + ",Lung Opacity"}}));
}

// Adds the runs of one row to a mask of 1024 x 1024, column-major, each start relative to the end
// of the run before.
void add_runs(const std::string& runs, std::vector<std::uint8_t>& mask) {
  const std::vector<std::string> numbers = words(runs);
  ASSERT_EQ(numbers.size() % 2, 0U) << runs;
  std::size_t at = 0;
  for (std::size_t i = 0; i < numbers.size(); i += 2) {
    at += std::stoul(numbers[i]);
    for (std::size_t end = at + std::stoul(numbers[i + 1]); at < end; ++at)
      mask.at(at % 1024 * 1024 + at / 1024) += 1;
  }
}

TEST(SiimLayout, OredRunLengthsGiveTheMasksBack) {
  // A side that does not divide 1024: every pixel of the truth still has one of its own.
  const WrittenLayout made(testing::layout_options("siim", 100));
  expect_only_frontals(made);
  std::map<std::string, std::vector<std::string>> stage1, stage2;
  const auto lines = read_lines(made.folder / "train-rle.csv");
  ASSERT_EQ(lines.front(), "ImageId, EncodedPixels");
  for (auto line = lines.begin() + 1; line != lines.end(); ++line)
    stage1[words(*line, ',')[0]].push_back(words(*line, ',')[1]);
  const auto all = read_lines(made.folder / "stage_2_train.csv");
  ASSERT_EQ(all.front(), "ImageId,EncodedPixels");
  for (auto line = all.begin() + 1; line != all.end(); ++line)
    stage2[words(*line, ',')[0]].push_back(words(*line, ',')[1]);
  std::size_t several = 0, positive = 0;
  for (const Study& study : made.manifest.read_all()) {
    const std::string id = std::filesystem::path(study.views[0].path).stem().string();
    EXPECT_TRUE(study.views[0].path.starts_with(
        study.split == Split::kTest ? "dicom-images-test/2.25." : "dicom-images-train/2.25."));
    EXPECT_EQ(probe_image(made.manifest.image_path(study.views[0])).dicom->instance_uid, id);
    EXPECT_EQ(stage1.count(id), study.split == Split::kTest ? 0U : 1U);
    if (study.split != Split::kTest) {
      EXPECT_EQ(stage1.at(id), stage2.at(id));
    }
    std::vector<std::uint8_t> truth(10000);
    for (const Mask& mask : study.masks)
      if (mask.label == "pneumothorax") truth = decode_rle(mask.rle, mask.rows, mask.cols);
    const bool any = std::count(truth.begin(), truth.end(), 1) > 0;
    ASSERT_EQ(stage2.at(id) == std::vector<std::string>{"-1"}, !any) << id;
    if (!any) continue;
    ++positive;
    several += stage2.at(id).size() > 1 ? 1 : 0;
    std::vector<std::uint8_t> mask(1024 * 1024);
    for (const std::string& runs : stage2.at(id)) add_runs(runs, mask);
    for (std::size_t y = 0; y < 100; ++y)
      for (std::size_t x = 0; x < 100; ++x)
        ASSERT_EQ(mask[(y * 1024 + 99) / 100 * 1024 + (x * 1024 + 99) / 100], truth[y * 100 + x]);
    for (std::size_t y = 0; y < 1024; ++y)
      for (std::size_t x = 0; x < 1024; ++x)
        ASSERT_EQ(mask[y * 1024 + x], truth[y * 100 / 1024 * 100 + x * 100 / 1024]);
  }
  EXPECT_GT(positive, 3U);
  EXPECT_GT(several, 0U);
}

TEST(NihLayout, LabelsBoxesAndListsGiveTheManifestBack) {
  static const std::map<std::string, std::vector<std::string>> kNames = {
      {"pleural_effusion", {"Effusion"}},
      {"posterior_effusion", {"Effusion"}},
      {"pneumothorax", {"Pneumothorax"}},
      {"consolidation", {"Consolidation", "Infiltration"}},
      {"retrocardiac_consolidation", {"Consolidation", "Infiltration"}},
      {"atelectasis", {"Atelectasis"}},
      {"cardiomegaly", {"Cardiomegaly"}},
      {"edema", {"Edema"}},
      {"nodule", {"Nodule"}},
      {"mass", {"Mass"}},
      {"emphysema", {"Emphysema"}},
      {"hiatal_hernia", {"Hernia"}}};
  const WrittenLayout made(testing::layout_options("nih"));
  expect_only_frontals(made);
  std::map<std::string, testing::TableRow> rows;
  for (const auto& row : testing::read_table(made.folder / "Data_Entry_2017_v2020.csv"))
    rows[row.at("Image Index")] = row;
  std::map<std::string, std::multiset<std::pair<std::string, Corners>>> boxes;
  const auto lines = read_lines(made.folder / "BBox_List_2017.csv");
  ASSERT_EQ(lines.front(), "Image Index,Finding Label,Bbox [x,y,w,h],,,");
  for (auto line = lines.begin() + 1; line != lines.end(); ++line) {
    const auto f = words(*line, ',');
    boxes[f[0]].insert(
        {f[1], {std::stod(f[2]), std::stod(f[3]), std::stod(f[4]), std::stod(f[5])}});
  }
  const auto train = read_lines(made.folder / "train_val_list.txt");
  const auto test = read_lines(made.folder / "test_list.txt");
  EXPECT_EQ(rows.size(), made.manifest.summaries().size());
  EXPECT_EQ(train.size() + test.size(), rows.size());
  std::size_t boxed = 0;
  std::map<std::string, std::string> patient_of;
  for (const Study& study : made.manifest.read_all()) {
    const std::string image = file_name(study.views[0].path);
    const testing::TableRow& row = rows.at(image);
    std::set<std::string> wanted;
    std::multiset<std::pair<std::string, Corners>> own;
    for (const auto& [finding, names] : kNames)
      if (has(study, finding.c_str())) wanted.insert(names.begin(), names.end());
    for (const Box& box : study.boxes) {
      const auto name = kNames.find(box.label);
      if (name == kNames.end() || box.label == "edema" || box.label == "emphysema" ||
          box.label == "hiatal_hernia")
        continue;
      const std::string label = name->second.size() == 2 ? "Infiltrate" : name->second[0];
      own.insert({label, {box.x, box.y, box.w, box.h}});
    }
    std::string joined;
    for (const std::string& label : wanted) joined += (joined.empty() ? "" : "|") + label;
    EXPECT_EQ(row.at("Finding Labels"), joined.empty() ? "No Finding" : joined);
    EXPECT_EQ(boxes[image], own);
    boxed += own.size();
    EXPECT_EQ(row.at("Patient Age"), std::to_string(static_cast<int>(*study.age)));
    EXPECT_EQ(row.at("Patient Gender"), study.sex);
    EXPECT_EQ(row.at("View Position"), view_name(study.views[0].view));
    EXPECT_EQ(row.at("OriginalImage[Width"), "64");
    char expected[32];
    std::snprintf(expected, sizeof expected, "%08d_%03d.png",
                  std::atoi(row.at("Patient ID").c_str()),
                  std::atoi(row.at("Follow-up #").c_str()));
    EXPECT_EQ(image, expected);
    EXPECT_EQ(patient_of.emplace(row.at("Patient ID"), study.patient_id).first->second,
              study.patient_id);
    const auto& list = study.split == Split::kTest ? test : train;
    EXPECT_EQ(std::count(list.begin(), list.end(), image), 1);
  }
  EXPECT_GT(boxed, 20U);
}

TEST(CovidxLayout, ClassesAndSplitsComeBackFromBothEndsOfALine) {
  const WrittenLayout made(testing::layout_options("covidx"));
  expect_only_frontals(made);
  std::map<std::string, std::vector<std::string>> entries;  // path -> patient, class, source
  for (const char* split : {"train", "val", "test"})
    for (const std::string& line : read_lines(made.folder / (std::string(split) + ".txt"))) {
      const auto f = words(line);
      ASSERT_GE(f.size(), 4U);
      const std::string name =
          line.substr(f[0].size() + 1, line.size() - f[0].size() - f[f.size() - 1].size() -
                                           f[f.size() - 2].size() - 3);
      entries[split + ("/" + name)] = {f[0], f[f.size() - 2], f.back()};
    }
  EXPECT_EQ(entries.size(), made.manifest.summaries().size());
  std::set<std::string> classes;
  std::size_t blanks = 0;
  std::map<std::string, std::string> patient_of;
  for (const Study& study : made.manifest.read_all()) {
    const std::string& path = study.views[0].path;
    const std::vector<std::string>& entry = entries.at(path);
    EXPECT_EQ(entry[1], has(study, "edema") ? "COVID-19"
                        : has(study, "consolidation") || has(study, "retrocardiac_consolidation")
                            ? "pneumonia"
                            : "normal");
    classes.insert(entry[1]);
    blanks += path.find(' ') != std::string::npos ? 1 : 0;
    EXPECT_EQ(patient_of.emplace(entry[0], study.patient_id).first->second, study.patient_id);
    EXPECT_TRUE(std::filesystem::exists(made.folder / path));
  }
  EXPECT_EQ(classes.size(), 3U);
  EXPECT_GT(blanks, 0U);
}

// Bounding box of one annotation.
Corners bounds_of(const std::string& annotation) {
  const auto f = words(annotation);
  double left = 1e9, top = 1e9, right = -1, bottom = -1;
  for (std::size_t i = 1; i + 1 < f.size(); i += 2) {
    left = std::min(left, std::stod(f[i]));
    right = std::max(right, std::stod(f[i]));
    top = std::min(top, std::stod(f[i + 1]));
    bottom = std::max(bottom, std::stod(f[i + 1]));
  }
  return {left, top, right - left, bottom - top};
}

const std::set<std::string> kForeign = {"pacemaker", "central_line", "tube", "sternotomy_wires",
                                        "clips"};

// The annotations of the three tables, by image.
std::map<std::string, std::string> annotations_of(const WrittenLayout& made) {
  std::map<std::string, std::string> annotations;
  for (const char* split : {"train", "dev", "test"})
    for (const auto& row : testing::read_table(made.folder / (std::string(split) + ".csv")))
      annotations[split + ("/" + row.at("image_name"))] = row.at("annotation");
  return annotations;
}

TEST(ObjectCxrLayout, ReadersDrawAroundAnObject) {
  const WrittenLayout made(testing::layout_options("object-cxr"), true);
  const auto annotations = annotations_of(made);
  double around = 0, all = 0, truths = 0;
  for (const Study& study : made.manifest.read_all()) {
    const View& view = study.views[0];
    const double margin = std::round(0.02 * static_cast<double>(std::min(view.rows, view.cols)));
    ASSERT_GE(margin, 1);
    std::multiset<Corners> drawn;
    for (const Corners& box : boxes_of(study, kForeign)) {
      const double x = std::max(0.0, box[0] - margin), y = std::max(0.0, box[1] - margin);
      drawn.insert({x, y, std::min(static_cast<double>(view.cols), box[0] + box[2] + margin) - x,
                    std::min(static_cast<double>(view.rows), box[1] + box[3] + margin) - y});
    }
    truths += static_cast<double>(drawn.size());
    for (const std::string& one : words(annotations.at(view.path), ';')) {
      all += 1;
      around += drawn.count(bounds_of(one)) > 0 ? 1 : 0;
    }
  }
  // A few objects are overlooked, and a few boxes show nothing.
  EXPECT_GT(around, 20);
  EXPECT_GT(around / all, 0.8);
  EXPECT_GT(around / truths, 0.9);
}

TEST(ObjectCxrLayout, ShapesGiveTheBoxesOfDevicesWiresAndClipsBack) {
  const WrittenLayout made(testing::layout_options("object-cxr"));
  expect_only_frontals(made);
  const auto annotations = annotations_of(made);
  EXPECT_EQ(annotations.size(), made.manifest.summaries().size());
  std::map<char, int> shapes;
  std::set<std::string> labels;
  for (const Study& study : made.manifest.read_all()) {
    const std::string& text = annotations.at(study.views[0].path);
    std::multiset<Corners> written;
    for (const std::string& one : words(text, ';')) {
      written.insert(bounds_of(one));
      ++shapes[one[0]];
      if (one[0] != '2') {
        EXPECT_EQ(words(one).size(), 5U) << one;
      }
    }
    EXPECT_EQ(written, boxes_of(study, kForeign)) << text;
    for (const Box& box : study.boxes) labels.insert(box.label);
  }
  EXPECT_EQ(shapes.size(), 3U);
  EXPECT_EQ(labels.count("sternotomy_wires") + labels.count("clips"), 2U);
}

}  // namespace
}  // namespace biplane

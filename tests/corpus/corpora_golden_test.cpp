// Cuts of the real tables: what the adapters read of them, against counts made by cutting lines.
#include <algorithm>
#include <set>
#include <sstream>

#include "biplane/formats/rle.h"
#include "tests/corpus/corpus_tree.h"

namespace biplane {
namespace {

using testing::reasons_of;

PreparedCorpus read_real(const std::string& corpus, const std::string& folder) {
  PrepareOptions options;
  options.root = testing::test_data(folder);
  PreparedCorpus result;
  result.studies = read_corpus(find_corpus(corpus), options, result.funnel);
  EXPECT_NO_THROW(result.funnel.check_bad(0));
  return result;
}

// Lines of a file, each cut at `mark`; the first `skip` lines are left out.
std::vector<std::vector<std::string>> cut_lines(const std::string& name, char mark,
                                                std::size_t skip) {
  std::istringstream file(read_file(testing::test_data(name)));
  std::vector<std::vector<std::string>> rows;
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::vector<std::string>& row = rows.emplace_back();
    for (std::string field; std::getline(fields, field, mark);) row.push_back(field);
  }
  rows.erase(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(skip));
  return rows;
}

std::size_t boxes_of(const PreparedCorpus& made) {
  std::size_t count = 0;
  for (const Study& study : made.studies) count += study.boxes.size();
  return count;
}

std::size_t with_label(const PreparedCorpus& made, const std::string& label) {
  return static_cast<std::size_t>(
      std::count_if(made.studies.begin(), made.studies.end(),
                    [&](const Study& study) { return study.labels.at(label) == 1; }));
}

TEST(GoldenCorpora, RsnaHasTheImagesAndBoxesOfTheRealTable) {
  BIPLANE_NEEDS_TEST_DATA("labels/rsna");
  const PreparedCorpus made = read_real("rsna", "labels/rsna");
  std::set<std::string> patients, positive;
  std::size_t boxes = 0;
  const auto rows = cut_lines("labels/rsna/stage_2_train_labels.csv", ',', 1);
  for (const auto& row : rows) {
    patients.insert(row[0]);
    if (row[5] != "1") continue;
    positive.insert(row[0]);
    ++boxes;
  }
  EXPECT_EQ(testing::items_in(made.funnel, "rows grouped into images"),
            static_cast<std::int64_t>(rows.size()));
  EXPECT_EQ(made.studies.size(), patients.size());
  EXPECT_EQ(boxes_of(made), boxes);
  EXPECT_EQ(with_label(made, "Lung Opacity"), positive.size());
  EXPECT_GT(boxes, 100u);
}

TEST(GoldenCorpora, SiimMasksHaveThePixelsOfTheRealRuns) {
  BIPLANE_NEEDS_TEST_DATA("labels/siim");
  const PreparedCorpus made = read_real("siim", "labels/siim");
  std::map<std::string, std::int64_t> areas;  // image -> pixels inside
  for (const auto& row : cut_lines("labels/siim/train-rle.csv", ',', 1)) {
    std::istringstream numbers(row[1]);
    std::int64_t gap = 0, run = 0;
    std::int64_t& area = areas[row[0]];
    while (numbers >> gap >> run) area += run;
  }
  EXPECT_EQ(made.studies.size(), areas.size());
  std::size_t masks = 0;
  for (const Study& study : made.studies) {
    const std::int64_t area = areas.at(study.study_id);
    ASSERT_EQ(study.masks.size(), area > 0 ? 1u : 0u);
    EXPECT_EQ(study.labels.at("Pneumothorax"), area > 0 ? 1 : 0);
    if (area == 0) continue;
    ++masks;
    EXPECT_EQ(rle_area(study.masks[0].rle, 1024, 1024), area);
  }
  EXPECT_GT(masks, 50u);
}

TEST(GoldenCorpora, NihHasThePatientsLabelsAndBoxesOfTheRealTables) {
  BIPLANE_NEEDS_TEST_DATA("labels/nih14");
  const PreparedCorpus made = read_real("nih", "labels/nih14");
  const auto rows = cut_lines("labels/nih14/Data_Entry_2017_v2020.csv", ',', 1);
  std::set<std::string> images, patients, own_patients;
  std::map<std::string, std::size_t> labels;
  std::size_t women = 0, ap = 0, own_women = 0, own_ap = 0;
  for (const auto& row : rows) {
    images.insert(row[0]);
    patients.insert(row[3]);
    std::istringstream names(row[1]);
    for (std::string name; std::getline(names, name, '|');) ++labels[name];
    women += row[5] == "F" ? 1 : 0;
    ap += row[6] == "AP" ? 1 : 0;
  }
  for (const Study& study : made.studies) {
    own_patients.insert(study.patient_id);
    own_women += study.sex == "F" ? 1 : 0;
    own_ap += study.views[0].view == ViewPosition::kAP ? 1 : 0;
    EXPECT_EQ(study.labels.size(), 15u);
  }
  EXPECT_EQ(made.studies.size(), rows.size());
  EXPECT_EQ(own_patients, patients);
  EXPECT_EQ(own_women, women);
  EXPECT_EQ(own_ap, ap);
  for (const auto& [label, count] : labels) EXPECT_EQ(with_label(made, label), count) << label;
  std::size_t boxes = 0;
  const auto list = cut_lines("labels/nih14/BBox_List_2017.csv", ',', 1);
  for (const auto& row : list) boxes += images.count(row[0]);
  EXPECT_EQ(boxes_of(made), boxes);
  EXPECT_EQ(testing::items_in(made.funnel, "boxes joined to images"),
            static_cast<std::int64_t>(list.size()));
}

TEST(GoldenCorpora, CovidxHasThePatientsAndClassesOfTheRealLists) {
  BIPLANE_NEEDS_TEST_DATA("labels/covidx");
  const PreparedCorpus made = read_real("covidx", "labels/covidx");
  std::set<std::string> patients, own_patients;
  std::map<std::string, std::size_t> classes;
  std::map<Split, std::size_t> splits;
  for (const auto& [list, split] : {std::pair{"train", Split::kTrain}, {"test", Split::kTest}}) {
    const auto rows = cut_lines("labels/covidx/" + std::string(list) + "_COVIDx9A.txt", ' ', 0);
    splits[split] = rows.size();
    for (const auto& row : rows) {
      patients.insert(row.front());
      ++classes[row[row.size() - 2]];
    }
  }
  for (const Study& study : made.studies) {
    own_patients.insert(study.patient_id);
    --splits[study.split];
  }
  EXPECT_EQ(own_patients, patients);
  EXPECT_EQ(splits[Split::kTrain] + splits[Split::kTest], 0u);
  for (const auto& [name, count] : classes) EXPECT_EQ(with_label(made, name), count) << name;
}

TEST(GoldenCorpora, VindrHasTheImagesReadersAndBoxesOfTheRealTable) {
  BIPLANE_NEEDS_TEST_DATA("labels/vindr");
  const PreparedCorpus made = read_real("vindr", "labels/vindr");
  std::set<std::string> images, readers, own_readers;
  std::multiset<std::string> labels, own_labels;
  for (const auto& row : cut_lines("labels/vindr/train.csv", ',', 1)) {
    images.insert(row[0]);
    if (row[1] == "No finding") continue;
    readers.insert(row[3]);
    labels.insert(row[1]);
  }
  for (const Study& study : made.studies)
    for (const Box& box : study.boxes) {
      own_readers.insert(box.reader);
      own_labels.insert(box.label);
      EXPECT_GT(box.w * box.h, 0);
    }
  EXPECT_EQ(made.studies.size(), images.size());
  EXPECT_EQ(own_readers, readers);
  EXPECT_EQ(own_labels, labels);
}

}  // namespace
}  // namespace biplane

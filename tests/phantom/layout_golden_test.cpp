// The layouts' conventions are those of the real files.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "biplane/formats/rle.h"
#include "biplane/phantom/layouts/layout.h"
#include "tests/phantom/layout_files.h"

namespace biplane {
namespace {

using testing::read_lines;
using testing::words;

std::string header_of(const std::string& layout, const std::string& table) {
  for (const LayoutTable& own : find_layout(layout).tables)
    if (own.path == table) return own.header;
  return "no table " + table;
}

// The shape of a text: letters and digits in runs are one mark each.
std::string shape(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const char mark = std::isdigit(static_cast<unsigned char>(c)) != 0 ? '9' : c;
    if (mark != '9' || out.empty() || out.back() != '9') out += mark;
  }
  return out;
}

TEST(LayoutGolden, GoldenHeadersEqualThoseOfTheRealFiles) {
  BIPLANE_NEEDS_TEST_DATA("labels");
  for (const auto& [layout, table, real] :
       {std::tuple{"nih", "Data_Entry_2017_v2020.csv", "labels/nih14/Data_Entry_2017_v2020.csv"},
        {"nih", "BBox_List_2017.csv", "labels/nih14/BBox_List_2017.csv"},
        {"rsna", "stage_2_train_labels.csv", "labels/rsna/stage_2_train_labels.csv"},
        {"siim", "train-rle.csv", "labels/siim/train-rle.csv"}})
    EXPECT_EQ(header_of(layout, table), read_lines(testing::test_data(real)).front());
}

TEST(LayoutGolden, GoldenSiimRowsDecodeAndEncodeToTheSameText) {
  BIPLANE_NEEDS_TEST_DATA("labels/siim/train-rle.csv");
  const auto lines = read_lines(testing::test_data("labels/siim/train-rle.csv"));
  int masks = 0, empty = 0;
  for (auto line = lines.begin() + 1; line != lines.end(); ++line) {
    const std::string runs = words(*line, ',').at(1);
    std::vector<std::uint8_t> mask(1024 * 1024);  // rows, as shown
    if (runs != "-1") {
      const auto numbers = words(runs);
      std::size_t at = 0;
      for (std::size_t i = 0; i < numbers.size(); i += 2) {
        at += std::stoul(numbers[i]);
        for (std::size_t end = at + std::stoul(numbers[i + 1]); at < end; ++at)
          mask.at(at % 1024 * 1024 + at / 1024) = 1;
      }
      ++masks;
    } else {
      ++empty;
    }
    ASSERT_EQ(relative_rle(encode_rle(mask, 1024, 1024)), runs);
  }
  EXPECT_GT(masks, 50);
  EXPECT_GT(empty, 50);
}

TEST(LayoutGolden, GoldenBoxNumbersAreWrittenAsTheRealFilesWriteThem) {
  BIPLANE_NEEDS_TEST_DATA("labels");
  auto lines = read_lines(testing::test_data("labels/nih14/BBox_List_2017.csv"));
  for (auto line = lines.begin() + 1; line != lines.end(); ++line) {
    const auto f = words(*line, ',');
    EXPECT_EQ(fmt::format("{},{},{:.15g},{:.15g},{:.15g},{:.15g}", f[0], f[1], std::stod(f[2]),
                          std::stod(f[3]), std::stod(f[4]), std::stod(f[5])),
              *line);
  }
  lines = read_lines(testing::test_data("labels/rsna/stage_2_train_labels.csv"));
  std::set<std::string> shapes;
  for (auto line = lines.begin() + 1; line != lines.end(); ++line)
    shapes.insert(shape(line->substr(line->find(','))));
  const testing::WrittenLayout made(testing::layout_options("rsna"));
  const auto own = read_lines(made.folder / "stage_2_train_labels.csv");
  for (auto line = own.begin() + 1; line != own.end(); ++line)
    EXPECT_EQ(shapes.count(shape(line->substr(line->find(',')))), 1U) << *line;
}

TEST(LayoutGolden, GoldenNihEntriesHaveTheShapeOfTheRealOnes) {
  BIPLANE_NEEDS_TEST_DATA("labels/nih14");
  std::set<std::string> labels, shapes;
  const auto rest = [](const std::string& line) {
    return shape(line.substr(line.find(',', line.find(',') + 1)));
  };
  const auto real = read_lines(testing::test_data("labels/nih14/Data_Entry_2017_v2020.csv"));
  for (auto line = real.begin() + 1; line != real.end(); ++line) {
    for (const std::string& label : words(words(*line, ',')[1], '|')) labels.insert(label);
    shapes.insert(rest(*line));
  }
  const testing::WrittenLayout made(testing::layout_options("nih"));
  const auto own = read_lines(made.folder / "Data_Entry_2017_v2020.csv");
  ASSERT_GT(own.size(), 50U);
  for (auto line = own.begin() + 1; line != own.end(); ++line) {
    for (const std::string& label : words(words(*line, ',')[1], '|'))
      EXPECT_EQ(labels.count(label), 1U) << label;
    EXPECT_EQ(shapes.count(rest(*line)), 1U) << *line;
  }
}

TEST(LayoutGolden, GoldenCovidxLinesHaveTheFieldsAndClassesOfTheRealOnes) {
  BIPLANE_NEEDS_TEST_DATA("labels/covidx");
  std::set<std::string> ends;  // class and source
  for (const char* list : {"train", "test"})
    for (const std::string& line :
         read_lines(testing::test_data("labels/covidx/" + std::string(list) + "_COVIDx9A.txt"))) {
      const auto f = words(line);
      ends.insert(f[f.size() - 2] + " " + f.back());
    }
  const testing::WrittenLayout made(testing::layout_options("covidx"), true);
  for (const std::string& line : read_lines(made.folder / "train.txt")) {
    const auto f = words(line);
    EXPECT_EQ(ends.count(f[f.size() - 2] + " " + f.back()), 1U) << line;
  }
}

}  // namespace
}  // namespace biplane

#pragma once

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "biplane/core/files.h"
#include "biplane/corpus/manifest.h"
#include "biplane/formats/csv.h"
#include "biplane/phantom/phantom.h"
#include "tests/test_data.h"

namespace biplane::testing {

inline PhantomOptions layout_options(const std::string& layout, std::int64_t size = 64) {
  PhantomOptions options;
  options.layout = layout;
  options.studies = 150;
  options.test = 30;
  options.validate = 20;
  options.size = size;
  options.seed = 4;
  return options;
}

// A phantom in the layout of a corpus, written without label noise unless asked for.
struct WrittenLayout {
  TemporaryFolder folder;
  PhantomOptions options;
  Manifest manifest{{}, {}};

  explicit WrittenLayout(const PhantomOptions& wanted, bool noise = false) : options(wanted) {
    write_phantom(options, folder.path(), nullptr, noise);
    manifest = Manifest::read(folder.path());
  }
};

using TableRow = std::map<std::string, std::string>;

// Rows of a table by column name; every row must have all fields.
inline std::vector<TableRow> read_table(const std::filesystem::path& path) {
  CsvReader csv(path);
  std::vector<TableRow> rows;
  for (CsvRow row; csv.next(row);) {
    EXPECT_EQ(row.problem, "") << path;
    TableRow named;
    for (std::size_t i = 0; i < row.fields.size(); ++i) named[csv.header()[i]] = row.fields[i];
    rows.push_back(named);
  }
  return rows;
}

inline std::vector<std::string> read_lines(const std::filesystem::path& path) {
  std::istringstream stream(read_file(path));
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

inline std::vector<std::string> words(const std::string& text, char mark = ' ') {
  std::istringstream stream(text);
  std::vector<std::string> out;
  for (std::string word; std::getline(stream, word, mark);) out.push_back(word);
  return out;
}

inline std::string file_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// A CheXpert label as written, against the truth of a study; null and "not mentioned" are blank.
inline void expect_chexpert_label(const Study& study, const std::string& label,
                                  const std::string& written) {
  const auto truth = study.labels_chexpert.find(label);
  EXPECT_EQ(written, truth == study.labels_chexpert.end() ? ""
                     : truth->second == 1                 ? "1.0"
                                                          : "0.0")
      << study.study_id << " " << label;
}

}  // namespace biplane::testing

// The 300 real XML files and the real tables. What is expected is taken from the XML's text by
// regular expressions and from the tables, not from the reader. By Python's xml.etree the 300 files
// hold 300 uIds, 640 major headings, 557 automatic ones and, by number of parentImage,
// {0: 9, 1: 41, 2: 234, 3: 14, 4: 1, 5: 1}, which is 560 images.
#include <cstdlib>
#include <regex>
#include <set>

#include "biplane/corpus/corpora/openi_files.h"
#include "biplane/text/report.h"
#include "tests/corpus/corpus_tree.h"
#include "tests/phantom/layout_files.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

using testing::items_in;
using testing::read_table;
using testing::reasons_of;
using testing::TableRow;

std::vector<std::string> found(const std::string& text, const char* pattern) {
  const std::regex regex(pattern);
  std::vector<std::string> out;
  for (auto at = std::sregex_iterator(text.begin(), text.end(), regex);
       at != std::sregex_iterator(); ++at)
    out.push_back((*at)[1]);
  return out;
}

std::set<std::string> names(const std::vector<std::string>& headings) {
  std::set<std::string> out;
  for (const std::string& heading : headings)
    if (heading != "No Indexing") out.insert(heading.substr(0, heading.find('/')));
  return out;
}

std::set<std::string> present(const Study& study) {
  std::set<std::string> out;
  for (const auto& [label, value] : study.labels)
    if (value == 1) out.insert(label);
  return out;
}

std::vector<std::string> keys(const Study& study) {
  std::vector<std::string> out;
  for (const View& view : study.views) out.push_back(openi_image_key(view.path));
  return out;
}

PreparedCorpus read_openi(const fs::path& root, const fs::path& views = {}) {
  PrepareOptions options;
  options.root = root;
  options.views = views;
  PreparedCorpus made;
  made.studies = read_corpus(find_corpus("openi"), options, made.funnel);
  EXPECT_NO_THROW(made.funnel.check_bad(0));
  return made;
}

void unpack(const fs::path& archive, const fs::path& folder) {
  const std::string command = "tar -xzf '" + archive.string() + "' -C '" + folder.string() + "'";
  ASSERT_EQ(std::system(command.c_str()), 0);
}

// Rows of reports.csv by uid.
std::map<std::string, TableRow> real_rows() {
  std::map<std::string, TableRow> rows;
  for (const TableRow& row : read_table(testing::test_data("openi/reports.csv")))
    rows[row.at("uid")] = row;
  return rows;
}

void expect_sections(const Study& study, const TableRow& row) {
  EXPECT_EQ(study.report.findings, clean_report(row.at("findings"))) << study.study_id;
  EXPECT_EQ(study.report.impression, clean_report(row.at("impression"))) << study.study_id;
  for (const char* section : {"indication", "comparison"})
    EXPECT_NE(study.report.other.find(clean_report(row.at(section))), std::string::npos)
        << study.study_id;
}

TEST(GoldenOpeni, TheRealXmlFilesAreRead) {
  BIPLANE_NEEDS_TEST_DATA("openi/ecgen-radiology.tgz");
  const testing::TemporaryFolder folder;
  unpack(testing::test_data("openi/ecgen-radiology.tgz"), folder.path());
  const PreparedCorpus made = read_openi(folder.path(), testing::test_data("openi/images.csv"));
  std::map<std::string, TableRow> views;
  for (const TableRow& row : read_table(testing::test_data("openi/images.csv")))
    views[row.at("image_id")] = row;
  const auto rows = real_rows();
  std::size_t files = 0, with_images = 0, images = 0, compared = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder / "ecgen-radiology")) {
    ++files;
    const std::string text = read_file(entry.path());
    const std::string uid = found(text, "<uId id=\"CXR([0-9]+)\"").at(0);
    const auto parents = found(text, "<parentImage id=\"([^\"]+)\"");
    if (parents.empty()) continue;
    ++with_images;
    images += parents.size();
    const Study& study = testing::study_of(made, uid);
    EXPECT_EQ(present(study), names(found(text, "<major>([^<]+?) *</major>"))) << uid;
    ASSERT_EQ(study.views.size(), parents.size());
    for (std::size_t i = 0; i < parents.size(); ++i) {
      EXPECT_EQ(study.views[i].path, "NLMCXR_png/" + parents[i] + ".png");
      const std::string label = views.contains(parents[i]) ? views[parents[i]]["tsne_view"] : "";
      EXPECT_EQ(study.views[i].view, label == "PA"  ? ViewPosition::kPA
                                     : label == "L" ? ViewPosition::kLateral
                                                    : ViewPosition::kUnknown);
    }
    if (!rows.contains(uid)) continue;
    ++compared;
    expect_sections(study, rows.at(uid));
  }
  EXPECT_EQ(items_in(made.funnel, "reports read"), static_cast<std::int64_t>(files));
  EXPECT_EQ(made.studies.size(), with_images);
  EXPECT_EQ(items_in(made.funnel, "images joined to reports"), static_cast<std::int64_t>(images));
  EXPECT_GT(compared, files / 2);
}

// The real rows in the columns of Kaggle's pair.
TEST(GoldenOpeni, TheRealReportsAreReadAsTables) {
  BIPLANE_NEEDS_TEST_DATA("openi/reports.csv");
  std::map<std::string, std::string> words = {{"PA", "Frontal"}, {"L", "Lateral"}, {"", ""}};
  std::map<std::string, std::string> projection;
  for (const TableRow& row : read_table(testing::test_data("openi/images.csv")))
    projection[row.at("image_id")] = words.at(row.at("tsne_view"));
  std::string reports = "uid,MeSH,Problems,image,indication,comparison,findings,impression\n",
              images = "uid,filename,projection\n";
  const auto rows = real_rows();
  std::size_t with_images = 0, image_count = 0, laterals = 0;
  for (const auto& [uid, row] : rows) {
    reports += csv_line({uid, row.at("mesh_major"), "", "", row.at("indication"),
                         row.at("comparison"), row.at("findings"), row.at("impression")}) +
               "\n";
    const auto ids = testing::words(row.at("image_ids"), ';');
    with_images += ids.empty() ? 0 : 1;
    for (const std::string& id : ids) {
      images += csv_line({uid, openi_image_key(id) + ".dcm.png", projection[id]}) + "\n";
      ++image_count;
      laterals += projection[id] == "Lateral" ? 1 : 0;
    }
  }
  testing::CorpusTree tree;
  tree.file("indiana_reports.csv", reports);
  tree.file("indiana_projections.csv", images);
  const PreparedCorpus made = read_openi(tree.path());
  EXPECT_EQ(items_in(made.funnel, "reports read"), static_cast<std::int64_t>(rows.size()));
  EXPECT_EQ(items_in(made.funnel, "images joined to reports"),
            static_cast<std::int64_t>(image_count));
  EXPECT_EQ(made.studies.size(), with_images);
  std::size_t own_laterals = 0;
  for (const Study& study : made.studies) {
    const TableRow& row = rows.at(study.study_id);
    expect_sections(study, row);
    EXPECT_EQ(present(study), names(testing::words(row.at("mesh_major"), ';'))) << study.study_id;
    EXPECT_EQ(keys(study).size(), testing::words(row.at("image_ids"), ';').size());
    for (const View& view : study.views) own_laterals += view.view == ViewPosition::kLateral;
    EXPECT_EQ(study.report.text.find("XXXX"), std::string::npos);
  }
  EXPECT_EQ(own_laterals, laterals);
}

// Headings were coded by people, report_labels.csv by the CheXpert labeller: two readings of one
// text. Where a heading says present, the labeller must seldom say absent, and the other way round.
TEST(GoldenOpeni, HeadingsMeanWhatCheXpertsLabellerReads) {
  BIPLANE_NEEDS_TEST_DATA("openi/report_labels.csv");
  std::map<std::string, TableRow> read;
  for (const TableRow& row : read_table(testing::test_data("openi/report_labels.csv")))
    read[row.at("uid")] = row;
  testing::CorpusTree tree;
  std::string reports = "uid,MeSH,Problems,image,indication,comparison,findings,impression\n",
              images = "uid,filename,projection\n";
  for (const auto& [uid, row] : real_rows()) {
    reports += csv_line({uid, row.at("mesh_major"), "", "", "", "", "text", ""}) + "\n";
    images += csv_line({uid, uid + ".png", "Frontal"}) + "\n";
  }
  tree.file("indiana_reports.csv", reports);
  tree.file("indiana_projections.csv", images);
  std::map<std::string, std::map<std::pair<int, std::string>, int>> counts;
  for (const Study& study : read_openi(tree.path()).studies) {
    if (!read.contains(study.study_id)) continue;
    for (const auto& [label, value] : study.labels_chexpert)
      ++counts[label][{value, read[study.study_id].at(label)}];
  }
  EXPECT_GE(counts.size(), 12u);
  for (auto& [label, count] : counts) {
    if (label == "No Finding") continue;  // the labeller's is no reading of its own
    const int both = count[{1, "1"}], denied = count[{1, "0"}], missed = count[{0, "1"}],
              neither = count[{0, "0"}] + count[{0, ""}];
    EXPECT_GE(both, 7) << label;
    EXPECT_LE(denied, both / 10) << label;
    EXPECT_LE(missed, (neither + missed) * 12 / 100) << label;
  }
}

}  // namespace
}  // namespace biplane

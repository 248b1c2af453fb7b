// Layouts with reports and laterals: written, read by other means, compared with the manifest.
#include <gtest/gtest.h>

#include <pugixml.hpp>
#include <regex>

#include "biplane/core/sha256.h"
#include "biplane/corpus/chexpert.h"
#include "biplane/imaging/decode.h"
#include "biplane/phantom/label_maps.h"
#include "tests/phantom/layout_files.h"

namespace biplane {
namespace {

using testing::read_table;
using testing::TableRow;
using testing::WrittenLayout;

std::map<std::string, TableRow> by(const std::vector<TableRow>& rows, const std::string& key) {
  std::map<std::string, TableRow> map;
  for (const TableRow& row : rows) EXPECT_TRUE(map.emplace(row.at(key), row).second) << key;
  return map;
}

// One line with single blanks.
std::string flat(const std::string& text) {
  std::string out;
  for (const std::string& word : testing::words(std::regex_replace(text, std::regex("\\s+"), " ")))
    if (!word.empty()) out += (out.empty() ? "" : " ") + word;
  return out;
}

std::string between(const std::string& text, const std::string& begin, const std::string& end) {
  const std::size_t at = text.find(begin);
  if (at == std::string::npos) return "";
  const std::size_t from = at + begin.size();
  return flat(text.substr(from, end.empty() ? end.npos : text.find(end, from) - from));
}

const WrittenLayout& mimic() {
  static const WrittenLayout made(testing::layout_options("mimic"));
  return made;
}

TEST(MimicLayout, MetadataSplitAndLabelsGiveTheManifestBack) {
  const WrittenLayout& made = mimic();
  const auto metadata = by(read_table(made.folder / "mimic-cxr-2.0.0-metadata.csv.gz"), "dicom_id");
  const auto split = by(read_table(made.folder / "mimic-cxr-2.0.0-split.csv.gz"), "dicom_id");
  const auto chexpert = by(read_table(made.folder / "mimic-cxr-2.0.0-chexpert.csv.gz"), "study_id");
  const auto negbio = by(read_table(made.folder / "mimic-cxr-2.0.0-negbio.csv.gz"), "study_id");
  const auto test =
      by(read_table(made.folder / "mimic-cxr-2.1.0-test-set-labeled.csv"), "study_id");
  const std::regex path(
      "files/p(1\\d)/p(1\\d{7})/s(5\\d{7})/((?:[0-9a-f]{8}-){4}[0-9a-f]{8})\\.jpg");
  std::map<std::string, std::string> subject_of;
  std::size_t images = 0, two_frontals = 0, tests = 0;
  std::set<std::string> positions;
  for (const Study& study : made.manifest.read_all()) {
    int frontals = 0;
    for (const View& view : study.views) {
      std::smatch part;
      ASSERT_TRUE(std::regex_match(view.path, part, path)) << view.path;
      EXPECT_EQ(part[2].str().substr(0, 2), part[1].str());
      const TableRow& row = metadata.at(part[4]);
      EXPECT_EQ(row.at("subject_id"), part[2]);
      EXPECT_EQ(row.at("study_id"), part[3]);
      EXPECT_EQ(row.at("Rows"), std::to_string(view.rows));
      EXPECT_EQ(row.at("Columns"), std::to_string(view.cols));
      const std::string position = row.at("ViewPosition");
      positions.insert(position);
      EXPECT_EQ(position == "LL" ? "LATERAL" : position, view_name(view.view));
      EXPECT_EQ(row.at("StudyDate").size(), 8U);
      EXPECT_EQ(split.at(part[4]).at("split"), split_name(study.split));
      EXPECT_EQ(subject_of.emplace(study.patient_id, part[2]).first->second, part[2]);
      for (const char* label : kChexpertLabels) {
        testing::expect_chexpert_label(study, label, chexpert.at(part[3]).at(label));
        testing::expect_chexpert_label(study, label, negbio.at(part[3]).at(label));
        if (study.split == Split::kTest)
          testing::expect_chexpert_label(study, label, test.at(part[3]).at(label));
      }
      ++images;
      frontals += is_frontal(view.view) ? 1 : 0;
    }
    two_frontals += frontals == 2 ? 1 : 0;
    tests += study.split == Split::kTest ? 1 : 0;
  }
  std::set<std::string> subjects;
  for (const auto& [patient, subject] : subject_of) subjects.insert(subject);
  EXPECT_EQ(subjects.size(), subject_of.size());
  EXPECT_EQ(metadata.size(), images);
  EXPECT_EQ(split.size(), images);
  EXPECT_EQ(chexpert.size(), made.manifest.summaries().size());
  EXPECT_EQ(test.size(), tests);
  EXPECT_GT(two_frontals, 2U);
  EXPECT_EQ(positions, (std::set<std::string>{"PA", "AP", "LATERAL", "LL"}));
}

TEST(MimicLayout, ReportFilesHoldTheSectionsOfTheReport) {
  const WrittenLayout& made = mimic();
  for (const Study& study : made.manifest.read_all()) {
    const std::string& image = study.views.front().path;
    const std::string text = read_file(made.folder / (image.substr(0, image.rfind('/')) + ".txt"));
    EXPECT_TRUE(text.starts_with(std::string(33, ' ') + "FINAL REPORT\n")) << text;
    EXPECT_EQ(between(text, "FINDINGS: ", "IMPRESSION: "), study.report.findings);
    EXPECT_EQ(between(text, "IMPRESSION: ", ""), study.report.impression);
    EXPECT_EQ("EXAMINATION: " + between(text, "EXAMINATION:", "INDICATION:") +
                  " INDICATION: " + between(text, "INDICATION:", "COMPARISON:") +
                  " COMPARISON: " + between(text, "COMPARISON:", "FINDINGS:"),
              study.report.other);
    for (const std::string& line : testing::words(text, '\n')) EXPECT_LE(line.size(), 80U) << line;
  }
}

TEST(MimicLayout, ASecondFrontalHasItsOwnImageAndTruth) {
  const WrittenLayout& made = mimic();
  std::size_t masks = 0;
  for (const Study& study : made.manifest.read_all())
    for (std::size_t i = 1; i < study.views.size(); ++i) {
      if (!is_frontal(study.views[i].view)) continue;
      EXPECT_EQ(study.views[i].view, ViewPosition::kAP);
      EXPECT_NE(study.views[i].sha256, study.views[0].sha256);
      for (const Mask& mask : study.masks)
        masks += mask.view == static_cast<std::int64_t>(i) ? 1 : 0;
    }
  EXPECT_GT(masks, 0U);
}

TEST(ChexpertLayout, RowsGiveTheManifestBack) {
  const WrittenLayout made(testing::layout_options("chexpert"));
  std::map<std::string, TableRow> rows;
  std::size_t count = 0;
  for (const char* table : {"train", "valid", "test"}) {
    const auto part = by(
        read_table(made.folder / ("CheXpert-v1.0-small/" + std::string(table) + ".csv")), "Path");
    count += part.size();
    for (const auto& [path, row] : part)
      EXPECT_TRUE(path.starts_with("CheXpert-v1.0-small/" + std::string(table) + "/patient"));
    rows.insert(part.begin(), part.end());
  }
  std::map<std::string, std::string> patient_of;
  std::size_t images = 0;
  for (const Study& study : made.manifest.read_all()) {
    for (const View& view : study.views) {
      ++images;
      const TableRow& row = rows.at(view.path);
      const bool lateral = view.view == ViewPosition::kLateral;
      EXPECT_EQ(row.at("Sex"), study.sex == "F" ? "Female" : "Male");
      EXPECT_EQ(row.at("Age"), std::to_string(static_cast<int>(*study.age)));
      EXPECT_EQ(row.at("Frontal/Lateral"), lateral ? "Lateral" : "Frontal");
      EXPECT_EQ(row.at("AP/PA"), lateral ? "" : view_name(view.view));
      for (const char* label : kChexpertLabels)
        testing::expect_chexpert_label(study, label, row.at(label));
      std::smatch part;
      ASSERT_TRUE(std::regex_match(
          view.path, part,
          std::regex(".*/patient(\\d{5,})/study(\\d+)/view\\d+_(frontal|lateral)\\.jpg")));
      EXPECT_EQ(part[3].str() == "lateral", lateral);
      EXPECT_EQ(patient_of.emplace(part[1], study.patient_id).first->second, study.patient_id);
      EXPECT_TRUE(std::filesystem::exists(made.folder / view.path));
    }
  }
  EXPECT_EQ(count, images);
}

std::string child_text(const pugi::xml_node& abstract, const char* label) {
  return abstract.find_child_by_attribute("AbstractText", "Label", label).text().get();
}

TEST(OpeniLayout, XmlAndCsvGiveTheManifestBack) {
  const WrittenLayout made(testing::layout_options("openi"));
  const auto reports = by(read_table(made.folder / "indiana_reports.csv"), "uid");
  const auto projections = by(read_table(made.folder / "indiana_projections.csv"), "filename");
  const auto headers = by(read_table(made.folder / "nlmcxr_dicom_metadata.csv"), "imageid");
  std::size_t images = 0;
  std::set<std::string> uids;
  for (const Study& study : made.manifest.read_all()) {
    std::set<std::string> wanted;
    for (const auto& [finding, value] : study.labels)
      if (value == 1) wanted.insert(corpus_labels(finding).mesh);
    if (wanted.empty()) wanted.insert("normal");
    std::string uid;
    for (const View& view : study.views) {
      ++images;
      std::smatch part;
      ASSERT_TRUE(std::regex_match(view.path, part,
                                   std::regex("NLMCXR_png/CXR((\\d+)_IM-\\d{4}-\\d001)\\.png")));
      uid = part[2];
      const std::string kaggle = part[1].str() + ".dcm.png";
      const bool lateral = view.view == ViewPosition::kLateral;
      EXPECT_EQ(projections.at(kaggle).at("uid"), uid);
      EXPECT_EQ(projections.at(kaggle).at("projection"), lateral ? "Lateral" : "Frontal");
      EXPECT_EQ(headers.at("CXR" + part[1].str()).at("ViewPosition"),
                lateral ? "LL" : view_name(view.view));
      EXPECT_EQ(sha256_file(made.folder / ("images/images_normalized/" + kaggle)), view.sha256);
    }
    EXPECT_TRUE(uids.insert(uid).second);
    pugi::xml_document xml;
    ASSERT_TRUE(xml.load_file((made.folder / ("ecgen-radiology/" + uid + ".xml")).c_str()));
    const pugi::xml_node root = xml.child("eCitation");
    EXPECT_EQ(root.child("uId").attribute("id").value(), "CXR" + uid);
    const pugi::xml_node abstract =
        root.child("MedlineCitation").child("Article").child("Abstract");
    const TableRow& row = reports.at(uid);
    for (const auto& [label, column, text] :
         {std::tuple{"FINDINGS", "findings", study.report.findings},
          {"IMPRESSION", "impression", study.report.impression}}) {
      EXPECT_EQ(child_text(abstract, label), text);
      EXPECT_EQ(row.at(column), text);
    }
    for (const auto& [label, column] :
         {std::pair{"INDICATION", "indication"}, {"COMPARISON", "comparison"}}) {
      EXPECT_NE(study.report.other.find(std::string(label) + ": " + row.at(column)),
                std::string::npos);
      EXPECT_EQ(child_text(abstract, label), row.at(column));
    }
    std::set<std::string> mesh;
    for (const pugi::xml_node& major : root.child("MeSH").children("major"))
      mesh.insert(major.text().get());
    EXPECT_EQ(mesh, wanted);
    const std::vector<std::string> headings = testing::words(row.at("MeSH"), ';');
    EXPECT_EQ(std::set<std::string>(headings.begin(), headings.end()), wanted);
    const auto parents = root.children("parentImage");
    EXPECT_EQ(static_cast<std::size_t>(std::distance(parents.begin(), parents.end())),
              study.views.size());
  }
  EXPECT_EQ(projections.size(), images);
  EXPECT_EQ(reports.size(), made.manifest.summaries().size());
}

TEST(PairsLayout, RowsGiveTheManifestBackAlsoAsDicom) {
  PhantomOptions options = testing::layout_options("pairs");
  options.format = "dicom";
  const WrittenLayout made(options);
  const auto rows = by(read_table(made.folder / "studies.csv"), "study_id");
  EXPECT_EQ(rows.size(), made.manifest.summaries().size());
  for (const Study& study : made.manifest.read_all()) {
    const TableRow& row = rows.at(study.study_id);
    EXPECT_EQ(row.at("patient_id"), study.patient_id);
    EXPECT_EQ(row.at("report"), study.report.text);
    EXPECT_EQ(row.at("split"), split_name(study.split));
    std::map<std::string, std::string> paths;
    for (const View& view : study.views) {
      paths[is_frontal(view.view) ? "frontal" : "lateral"] = view.path;
      const auto info = probe_image(made.manifest.image_path(view));
      EXPECT_EQ(info.format, ImageFormat::kDicom);
      EXPECT_EQ(info.dicom->view_position, is_frontal(view.view) ? view_name(view.view) : "LL");
    }
    EXPECT_EQ(row.at("frontal"), paths["frontal"]);
    EXPECT_EQ(row.at("lateral"), paths["lateral"]);
    std::set<std::string> labels;
    for (const std::string& label : testing::words(row.at("labels"), ';')) labels.insert(label);
    for (const auto& [label, value] : study.labels) EXPECT_EQ(labels.count(label), value == 1);
  }
}

}  // namespace
}  // namespace biplane

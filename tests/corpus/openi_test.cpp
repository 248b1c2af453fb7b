// OpenI in both forms: every trap planted once, and a phantom's truth that comes back.
#include <gmock/gmock.h>

#include "biplane/corpus/corpora/openi_files.h"
#include "biplane/imaging/dicom_write.h"
#include "biplane/phantom/label_maps.h"
#include "tests/corpus/corpus_tree.h"
#include "tests/phantom/layout_files.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

using testing::CorpusTree;
using testing::items_in;
using testing::reasons_of;
using testing::study_of;
using Reasons = std::map<std::string, std::int64_t>;

std::string xml(const std::string& uid, const std::string& findings, const std::string& headings,
                const std::vector<std::string>& images) {
  std::string text = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<eCitation><uId id=\"" + uid +
                     "\"/><MedlineCitation><Article><Abstract>"
                     "<AbstractText Label=\"COMPARISON\">XXXX, XXXX.</AbstractText>"
                     "<AbstractText Label=\"INDICATION\">XXXX-year-old with cough</AbstractText>"
                     "<AbstractText Label=\"FINDINGS\">" +
                     findings + "</AbstractText><AbstractText Label=\"IMPRESSION\"/>" +
                     "</Abstract></Article></MedlineCitation><MeSH>" + headings + "</MeSH>";
  for (const std::string& image : images) text += "<parentImage id=\"" + image + "\"/>";
  return text + "</eCitation>\n";
}

TEST(Openi, EveryNameOfAnImageHasOneKey) {
  for (const char* name :
       {"CXR12_IM-0444-1001", "CXR12_12_IM-0444-1001", "12_IM-0444-1001.dcm.png",
        "NLMCXR_png/CXR12_IM-0444-1001.png", "NLMCXR_dcm/12/12_IM-0444-1001.dcm"})
    EXPECT_EQ(openi_image_key(name), "12_IM-0444-1001") << name;
  EXPECT_EQ(openi_image_key("a/odd name.PNG"), "odd name");
}

TEST(Openi, XmlCountsEachTrapOnce) {
  CorpusTree tree;
  const std::string normal = "<major>normal</major>";
  tree.file("ecgen-radiology/1.xml",
            xml("CXR1", "Heart is XXXX enlarged. PA and lateral views.",
                "<major>Cardiomegaly/borderline</major><automatic>sternotomy</automatic>"
                "<major>Opacity/lung/base/left</major>",
                {"CXR1_1_IM-0001-3001", "CXR1_1_IM-0001-4001", "CXR1_1_IM-0001-3001",
                 "CXR1_1_IM-0001-5001"}));
  tree.file("ecgen-radiology/2.xml", xml("CXR2", "Clear.", normal, {}));
  tree.file("ecgen-radiology/3.xml", xml("CXR3", "XXXX.", normal, {"CXR3_IM-3-1001"}));
  tree.file("ecgen-radiology/4.xml", xml("CXR1", "Clear.", normal, {"CXR4_IM-4-1001"}));
  tree.file("ecgen-radiology/5.xml", xml("", "Clear.", normal, {"CXR5_IM-5-1001"}));
  tree.file("ecgen-radiology/6.xml", "<eCitation><uId id=\"CXR6\">");
  tree.file("ecgen-radiology/7.xml", xml("CXR7", "Clear.", normal, {"CXR7_IM-7-1001"}));
  tree.file("ecgen-radiology/8.xml",
            xml("CXR8", "Clear.", "<major>No Indexing</major>", {"CXR8_IM-8-1001"}));
  for (const char* name : {"CXR1_1_IM-0001-3001", "CXR3_IM-3-1001", "CXR8_IM-8-1001"})
    tree.image(std::string("NLMCXR_png/") + name + ".png");
  tree.image("images/images_normalized/1_IM-0001-4001.dcm.png");  // as Kaggle names it
  tree.image("NLMCXR_dcm/1/1_IM-0001-5001.dcm");                  // as its DICOM was named
  tree.image("NLMCXR_png/unlisted.png");
  tree.file("NLMCXR_png/CXR7_IM-7-1001.png", "no image");
  const PreparedCorpus made = tree.prepare("openi");
  const std::string reports = "reports read: ";
  EXPECT_EQ(reasons_of(made.funnel),
            (Reasons{{reports + "repeated report", 1},
                     {reports + "report without a uid", 1},
                     {reports + "broken XML file", 1},
                     {"images joined to reports: repeated image", 1},
                     {"views believed: no table says which view it is: UNKNOWN", 6},
                     {"image files: no row names it", 1},
                     {"reports with images: report without an image", 1},
                     {"images read: broken image", 1},
                     {"studies complete: empty report", 1},
                     {"studies complete: no image left", 1}}));
  EXPECT_EQ(items_in(made.funnel, "reports read"), 8);
  EXPECT_EQ(items_in(made.funnel, "images joined to reports"), 7);
  ASSERT_EQ(made.studies.size(), 2u);
  const Study& first = study_of(made, "1");
  EXPECT_EQ(first.patient_id, "1");
  EXPECT_EQ(first.report.findings, "Heart is enlarged. PA and lateral views.");
  EXPECT_EQ(first.report.text, "Heart is enlarged.");
  EXPECT_EQ(first.report.other, "with cough");
  EXPECT_EQ(first.report.language, "en");
  EXPECT_EQ(first.source_file, "1.xml");
  ASSERT_EQ(first.views.size(), 3u);
  EXPECT_EQ(first.views[1].path, "images/images_normalized/1_IM-0001-4001.dcm.png");
  EXPECT_EQ(first.views[2].path, "NLMCXR_dcm/1/1_IM-0001-5001.dcm");
  EXPECT_EQ(first.labels.at("Cardiomegaly") + first.labels.at("Opacity"), 2);
  EXPECT_EQ(first.labels.at("normal"), 0);
  EXPECT_FALSE(first.labels.contains("sternotomy"));
  EXPECT_EQ(first.labels_chexpert.at("Lung Opacity"), 1);
  EXPECT_EQ(first.labels_chexpert.at("Pneumothorax"), 0);
  EXPECT_TRUE(study_of(made, "8").labels.empty());  // nobody coded it
}

TEST(Openi, KaggleTablesCountEachTrapOnce) {
  CorpusTree tree;
  tree.file("indiana_reports.csv",
            "uid,MeSH,Problems,image,indication,comparison,findings,impression\n"
            "1,\"Hernia, Hiatal;Nodule/lung\",\"Hernia, Hiatal;Nodule\",PA,cough,None.,"
            "\"Clear, but\na nodule.\",Nodule.\n"
            "1,normal,normal,PA,,,Clear.,\n2,normal,normal,PA,,,Clear.,\n,normal,n,PA,,,Clear.,\n"
            "3,normal\n4,normal,normal,PA,,,Clear.,\n");
  tree.file("indiana_projections.csv",
            "uid,filename,projection\n1,1_IM-0001-4001.dcm.png,Frontal\n"
            "1,1_IM-0001-3001.dcm.png,Lateral\n1,1_IM-0001-3001.dcm.png,Lateral\n"
            "9,9_IM-0001-3001.dcm.png,Lateral\n4,,Frontal\n4,4_IM-0001-1001.dcm.png,Oblique\n"
            "4,4_IM-0001-2001.dcm.png,\n4,4_IM\n4,4_IM-0001-3001.dcm.png,Frontal\n");
  tree.file("nlmcxr_dicom_metadata.csv",
            "imageid,ViewPosition\nCXR1_1_IM-0001-4001,AP\nCXR1_1_IM-0001-3001,AP\n"
            "CXR4_IM-0001-3001,PA\nCXR4_IM\n");
  for (const char* name : {"1_IM-0001-4001", "1_IM-0001-3001", "4_IM-0001-2001", "4_IM-0001-3001"})
    tree.image(std::string("images/images_normalized/") + name + ".dcm.png");
  const PreparedCorpus made = tree.prepare("openi");
  const std::string reports = "reports read: ", images = "images joined to reports: ";
  EXPECT_EQ(reasons_of(made.funnel),
            (Reasons{{"view tables read: unreadable row", 1},
                     {reports + "repeated report", 1},
                     {reports + "report without a uid", 1},
                     {reports + "unreadable row", 1},
                     {images + "repeated image", 1},
                     {images + "image of a report that is not there", 1},
                     {images + "row without an image", 1},
                     {images + "unknown projection", 1},
                     {images + "unreadable row", 1},
                     {"views believed: no table says which view it is: UNKNOWN", 1},
                     {"reports with images: report without an image", 1}}));
  ASSERT_EQ(made.studies.size(), 2u);
  const Study& first = study_of(made, "1");
  EXPECT_EQ(first.views[0].view, ViewPosition::kAP);       // a frontal, and its header says AP
  EXPECT_EQ(first.views[1].view, ViewPosition::kLateral);  // whatever its header says
  EXPECT_EQ(study_of(made, "4").views[0].view, ViewPosition::kPA);
  EXPECT_EQ(study_of(made, "4").views[1].view, ViewPosition::kUnknown);
  EXPECT_EQ(first.report.text, "Clear, but a nodule. Nodule.");
  EXPECT_EQ(first.labels.at("Hernia, Hiatal") + first.labels.at("Nodule"), 2);
  EXPECT_EQ(first.labels_chexpert.at("Lung Lesion"), 1);
}

TEST(Openi, ATableOfViewsByHandOutranksTheProjections) {
  CorpusTree tree;
  tree.file("1.xml", xml("CXR1", "Clear.", "", {"CXR1_1_IM-0001-3001", "CXR1_1_IM-0001-4001"}));
  tree.file("indiana_projections.csv",
            "uid,filename,projection\n1,1_IM-0001-3001.dcm.png,Frontal\n"
            "1,1_IM-0001-4001.dcm.png,Frontal\n");
  tree.file("views.csv", "image_id,tsne_view\nCXR1_1_IM-0001-3001,L\nCXR1_1_IM-0001-4001,\nx,Q\n");
  PrepareOptions options;
  options.root = tree.path();
  options.views = tree.path() / "views.csv";
  Funnel funnel;
  const std::vector<Study> studies = read_corpus(find_corpus("openi"), options, funnel);
  EXPECT_EQ(studies.at(0).views.at(0).view, ViewPosition::kLateral);
  EXPECT_EQ(studies.at(0).views.at(1).view, ViewPosition::kPA);
  EXPECT_EQ(reasons_of(funnel), (Reasons{{"view tables read: no view given", 1},
                                         {"view tables read: unknown view", 1}}));
  tree.file("bad.csv", "image_id,position\na,L\n");
  options.views = tree.path() / "bad.csv";
  EXPECT_THROW(read_corpus(find_corpus("openi"), options, funnel), Error);
}

// The very image that teaches it: the lateral of uid 1000 says PA in its header.
TEST(Openi, HeadersOfDicomFilesAreNotBelieved) {
  CorpusTree tree;
  tree.file("ecgen-radiology/1.xml", xml("CXR1", "Clear.", "", {"CXR1_IM-0001-1001"}));
  DigitalXray xray;
  xray.shown = make_float(24, 24);
  xray.view = "PA";
  xray.study_uid = xray.series_uid = xray.instance_uid = text_uid("x");
  xray.sex = "F";
  tree.file("NLMCXR_dcm/1/1_IM-0001-1001.dcm", encode_dicom(xray));
  const PreparedCorpus made = tree.prepare("openi");
  ASSERT_EQ(made.studies.size(), 1u);
  EXPECT_EQ(made.studies[0].views.at(0).view, ViewPosition::kUnknown);
  EXPECT_EQ(made.studies[0].sex, "F");
}

// ---- the phantom's layout

std::string uid_of(const Study& truth) {
  return testing::words(openi_image_key(truth.views.at(0).path), '_').at(0);
}

void expect_truth(const PreparedCorpus& made, const testing::WrittenLayout& phantom) {
  EXPECT_NO_THROW(made.funnel.check_bad(0));
  ASSERT_EQ(made.studies.size(), phantom.manifest.summaries().size());
  for (Study truth : phantom.manifest.read_all()) {
    testing::sort_views(truth);
    const Study& own = study_of(made, uid_of(truth));
    ASSERT_EQ(own.views.size(), truth.views.size());
    for (std::size_t i = 0; i < own.views.size(); ++i) {
      EXPECT_EQ(own.views[i].sha256, truth.views[i].sha256);
      EXPECT_EQ(own.views[i].view, truth.views[i].view) << own.views[i].path;
      EXPECT_EQ(own.views[i].rows, truth.views[i].rows);
    }
    EXPECT_EQ(own.report.text, truth.report.text);
    EXPECT_EQ(own.report.findings, truth.report.findings);
    EXPECT_EQ(own.report.impression, truth.report.impression);
    std::map<std::string, int> wanted;
    for (const auto& [finding, value] : truth.labels) {
      const std::string heading = corpus_labels(finding).mesh;
      int& present = wanted[heading.substr(0, heading.find('/'))];
      present = std::max(present, value);
    }
    const bool any = std::any_of(wanted.begin(), wanted.end(),
                                 [](const auto& label) { return label.second == 1; });
    wanted["normal"] = any ? 0 : 1;
    for (const auto& [heading, present] : wanted) {
      const auto label = own.labels.find(heading);
      EXPECT_EQ(label == own.labels.end() ? 0 : label->second, present) << heading;
    }
  }
}

TEST(OpeniRoundTrip, BothFormsGiveTheTruthBack) {
  const testing::WrittenLayout phantom(testing::layout_options("openi"));
  PrepareOptions options;
  options.root = phantom.folder.path();
  const PreparedCorpus kaggle = prepare_corpus(find_corpus("openi"), options);
  expect_truth(kaggle, phantom);
  fs::remove(options.root / "indiana_reports.csv");
  const PreparedCorpus from_xml = prepare_corpus(find_corpus("openi"), options);
  expect_truth(from_xml, phantom);
  // Without the projections nothing says which view an image is, least of all its header.
  fs::remove(options.root / "indiana_projections.csv");
  const PreparedCorpus blind = prepare_corpus(find_corpus("openi"), options);
  ASSERT_EQ(blind.studies.size(), from_xml.studies.size());
  for (const Study& study : blind.studies)
    for (const View& view : study.views) EXPECT_EQ(view.view, ViewPosition::kUnknown);
}

}  // namespace
}  // namespace biplane

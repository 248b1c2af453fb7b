// MIMIC-CXR-JPG: the traps of its tables, planted once each, and its forms on disk.
#include <zlib.h>

#include "biplane/corpus/chexpert.h"
#include "tests/corpus/corpus_tree.h"
#include "tests/corpus/mimic_rows.h"
#include "tests/formats/torch_builder.h"

namespace biplane {
namespace {

using testing::CorpusTree;
using testing::folder_of;
using testing::image_row;
using testing::kind_of;
using testing::kMimicMetadata;
using testing::reasons_of;
using testing::study_of;

using Reasons = std::map<std::string, std::int64_t>;
using Labels = std::map<std::string, int>;

std::string label_header() {
  std::string header = "subject_id,study_id";
  for (const char* label : kChexpertLabels) header += std::string(",") + label;
  return header + "\n";
}

// Cardiomegaly is the third of the 14 labels, Edema the sixth.
std::string label_row(const std::string& subject, const std::string& study,
                      const std::string& cardiomegaly, const std::string& edema) {
  return subject + "," + study + ",,," + cardiomegaly + ",,," + edema + ",,,,,,,,\n";
}

std::string gzipped(const std::string& text) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()), '\0');
  std::string in = text;
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

void write_trap_tables(CorpusTree& tree) {
  tree.file("mimic-cxr-2.0.0-metadata.csv",
            kMimicMetadata + image_row("a", "10000001", "50000001", "PA") +
                image_row("b", "10000001", "50000001", "LL") +
                image_row("b", "10000001", "50000001", "LL") +
                image_row("c", "10000002", "50000001", "PA") +
                image_row("", "10000001", "50000001", "PA") +
                image_row("d", "x", "50000002", "PA") +
                image_row("../e", "10000001", "50000001", "PA") + "f,10000001\n" +
                image_row("g", "10000001", "50000002", "", "", "") +
                image_row("h", "10000001", "50000003", "LAO", "21790101") +
                image_row("i", "10000001", "50000003", "SIDEWAYS", "21790101") +
                image_row("j", "10000002", "50000004", "AP") +
                image_row("k", "10000002", "50000005", "RL") +
                image_row("l", "10000002", "50000006", "AP"));
  tree.file(
      "mimic-cxr-2.0.0-split.csv",
      "dicom_id,study_id,subject_id,split\na,50000001,10000001,train\n"
      "b,50000001,10000001,test\ng,50000002,10000001,train\nh,50000003,10000001,train\n"
      "j,50000004,10000002,valid\nz,59999999,10000002,train\nk\nk,50000005,10000002,validate\n"
      "l,50000006,10000002,test\n");
  tree.file("mimic-cxr-2.0.0-chexpert.csv",
            label_header() + label_row("10000001", "50000001", "1.0", "-1.0") +
                label_row("10000001", "50000001", "0.0", "") +
                label_row("10000001", "59999999", "1.0", "") +
                label_row("10000002", "50000002", "1.0", "") +
                label_row("10000001", "50000003", "2.0", "") + "10000001,50000003\n" +
                label_row("10000002", "50000006", "0.0", "1.0"));
  tree.file("mimic-cxr-2.1.0-test-set-labeled.csv",
            "study_id,Cardiomegaly,Airspace Opacity\n50000006,1.0,0.0\n50000006,0,0\n58888888,1,0\n"
            "50000005,maybe,\n50000005\n");
}

void write_trap_files(CorpusTree& tree) {
  for (const char* image : {"/a", "/b"}) tree.image(folder_of(1) + image + ".jpg");
  tree.image(folder_of(2) + "/g.jpg");
  tree.file(folder_of(3) + "/h.jpg", "no image");
  tree.image(folder_of(5, 2) + "/k.jpg");
  tree.image(folder_of(6, 2) + "/l.jpg");
  tree.file(folder_of(1) + ".txt",
            " FINAL REPORT\n INDICATION:  Cough.\n \n FINDINGS: \n \n The heart is large.\n \n"
            " IMPRESSION: \n \n 1. Cardiomegaly.\n");
  tree.file(folder_of(2) + ".txt",
            " FINAL REPORT\n EXAMINATION:  CHEST (PA AND LAT)\n \n Lungs are clear.\n");
  tree.file(folder_of(3) + ".txt", " FINAL REPORT\n FINDINGS: ___\n");
  tree.file(folder_of(5, 2) + ".txt", std::string(2 << 20, 'x'));
}

TEST(Mimic, CountsEachTrapOnce) {
  CorpusTree tree;
  write_trap_tables(tree);
  write_trap_files(tree);
  const PreparedCorpus made = tree.prepare("mimic");
  const std::string rows = "rows grouped into studies: ", views = "view positions known: ",
                    splits = "splits joined: ", labels = "labels joined (chexpert): ",
                    test = "labels replaced (test set): ", reports = "reports read: ",
                    sections = "findings or impression there: ";
  EXPECT_EQ(reasons_of(made.funnel),
            (Reasons{{rows + "repeated row", 1},
                     {rows + "names another patient than its study", 1},
                     {rows + "row without an image", 1},
                     {rows + "subject_id or study_id that is no number", 1},
                     {rows + "dicom_id that is no file name", 1},
                     {rows + "unreadable row", 1},
                     {views + "blank: kept as UNKNOWN", 1},
                     {views + "LAO: kept as UNKNOWN", 1},
                     {views + "another word: kept as UNKNOWN", 1},
                     {splits + "study in two splits: the first one counts", 1},
                     {splits + "unknown split", 1},
                     {splits + "split of a study without images", 1},
                     {splits + "unreadable row", 1},
                     {labels + "repeated row", 1},
                     {labels + "labels of a study without images", 1},
                     {labels + "names another patient than its study", 1},
                     {labels + "label that is not 1.0, 0.0, -1.0 or blank", 1},
                     {labels + "unreadable row", 1},
                     {test + "repeated row", 1},
                     {test + "labels of a study without images", 1},
                     {test + "label that is not 1.0, 0.0, -1.0 or blank", 1},
                     {test + "unreadable row", 1},
                     {"studies dated: no date: without a place in time", 1},
                     {"studies in a split: in no list", 1},
                     {reports + "broken report: study kept without", 1},
                     {reports + "missing report: study kept without", 1},
                     {sections + "neither: its last paragraph is taken", 1},
                     {sections + "says nothing: study kept with an empty report", 1},
                     {"images read: broken image", 1},
                     {"images read: missing image", 1},
                     {"studies complete: no image left", 1}}));
  ASSERT_EQ(made.studies.size(), 4u);
  const Study& first = study_of(made, "s50000001");
  EXPECT_EQ(first.patient_id, "p10000001");
  EXPECT_EQ(first.split, Split::kTrain);
  EXPECT_EQ(first.views.at(1).view, ViewPosition::kLateral);
  EXPECT_EQ(first.labels, (Labels{{"Cardiomegaly", 1}, {"Edema", -1}}));
  EXPECT_EQ(first.labels_chexpert, first.labels);
  EXPECT_EQ(first.report.text, "The heart is large. Cardiomegaly.");
  EXPECT_EQ(first.report.other, "Cough.");
  EXPECT_EQ(first.study_order, 2);
  EXPECT_EQ(first.prior_study_id, "s50000003");
  EXPECT_EQ(study_of(made, "s50000002").report.text, "Lungs are clear.");
  EXPECT_EQ(study_of(made, "s50000002").views.at(0).view, ViewPosition::kUnknown);
  EXPECT_FALSE(study_of(made, "s50000002").study_order.has_value());
  EXPECT_EQ(study_of(made, "s50000005").views.at(0).view, ViewPosition::kLateral);
  EXPECT_EQ(study_of(made, "s50000005").split, Split::kValidate);
  // What the radiologists of the test set say replaces what the labeller said.
  EXPECT_EQ(study_of(made, "s50000006").labels, (Labels{{"Cardiomegaly", 1}, {"Lung Opacity", 0}}));
  EXPECT_EQ(study_of(made, "s50000006").split, Split::kTest);
}

TEST(Mimic, ViewsStandByKindThenTimeThenName) {
  CorpusTree tree;
  const auto row = [](const std::string& image, const std::string& view, const std::string& time) {
    return image_row(image, "10000001", "50000001", view, "21800506", time);
  };
  tree.file("mimic-cxr-2.0.0-metadata.csv",
            kMimicMetadata + row("lateral", "LATERAL", "080000.000") +
                row("swim", "SWIMMERS", "070000") + row("ap", "AP", "080000") +
                row("a_late", "PA", "101500.250") + row("c", "PA", "091500.5") +
                row("b", "PA", "091500.500"));
  for (const char* image : {"a_late", "b", "c", "ap", "lateral", "swim"})
    tree.image(folder_of(1) + "/" + image + ".jpg");
  const PreparedCorpus made = tree.prepare("mimic");
  std::vector<std::string> names;
  for (const View& view : made.studies.at(0).views)
    names.push_back(std::filesystem::path(view.path).stem().string());
  EXPECT_EQ(names, (std::vector<std::string>{"b", "c", "a_late", "ap", "lateral", "swim"}));
}

class MimicForms : public ::testing::Test {
 protected:
  MimicForms() {
    metadata_ = kMimicMetadata + image_row("a", "10000001", "50000001", "PA");
    options_.root = tree_.path();
  }
  PreparedCorpus read() {
    PreparedCorpus made;
    made.studies = read_corpus(find_corpus("mimic"), options_, made.funnel);
    return made;
  }
  CorpusTree tree_;
  PrepareOptions options_;
  std::string metadata_;
};

TEST_F(MimicForms, TablesPackedOrNotAndTheNewestOfThem) {
  tree_.file("mimic-cxr-2.0.0-metadata.csv",
             kMimicMetadata + image_row("old", "10000001", "50000009", ""));
  tree_.file("mimic-cxr-2.1.0-metadata.csv.gz", gzipped(metadata_));
  EXPECT_EQ(read().studies.at(0).study_id, "s50000001");
  tree_.file("mimic-cxr-2.1.0-metadata.csv",
             kMimicMetadata + image_row("p", "10000001", "50000008", ""));
  EXPECT_EQ(read().studies.at(0).study_id, "s50000008");  // the plain one of two of one version
}

TEST_F(MimicForms, LabelsOfTheTableAskedFor) {
  tree_.file("mimic-cxr-2.0.0-metadata.csv", metadata_);
  EXPECT_TRUE(read().studies.at(0).labels.empty());
  tree_.file("mimic-cxr-2.0.0-negbio.csv.gz",
             gzipped(label_header() + label_row("10000001", "50000001", "0.0", "")));
  EXPECT_EQ(read().studies.at(0).labels, (Labels{{"Cardiomegaly", 0}}));
  options_.labels_from = "chexpert";
  EXPECT_EQ(kind_of([&] { read(); }, "chexpert.csv[.gz]: does not exist"),
            ErrorKind::kMissingInput);
  tree_.file("mimic-cxr-2.0.0-chexpert.csv",
             label_header() + label_row("10000001", "50000001", "1.0", ""));
  EXPECT_EQ(read().studies.at(0).labels, (Labels{{"Cardiomegaly", 1}}));
  options_.labels_from = "negbio";
  EXPECT_EQ(read().studies.at(0).labels, (Labels{{"Cardiomegaly", 0}}));
  options_.labels_from = "radgraph";
  EXPECT_EQ(kind_of([&] { read(); }, "'radgraph'"), ErrorKind::kUsage);
}

TEST_F(MimicForms, ReportsBesideTheImagesApartOrInAnArchive) {
  tree_.file("mimic-cxr-2.0.0-metadata.csv", metadata_);
  EXPECT_EQ(reasons_of(read().funnel).at("reports read: no reports in the root (--reports)"), 1);
  const auto text = [&] { return read().studies.at(0).report.text; };
  const auto report = [](const std::string& word) { return " FINDINGS: " + word + ".\n"; };
  tree_.file(folder_of(1) + ".txt", report("Beside"));
  EXPECT_EQ(text(), "Beside.");
  tree_.file("mimic-cxr-reports/" + folder_of(1) + ".txt", report("Apart"));
  EXPECT_EQ(text(), "Apart.");
  const std::string raw = gzipped(report("Packed"));  // its deflate data, between head and sum
  testing::ZipRecord packed{folder_of(1) + ".txt", raw.substr(10, raw.size() - 18), 8};
  const std::string plain = report("Packed");
  packed.bytes = static_cast<std::uint32_t>(plain.size());
  packed.crc = static_cast<std::uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(plain.data()), static_cast<uInt>(plain.size())));
  tree_.file("mimic-cxr-reports.zip", testing::make_zip({{"files/", ""}, packed}));
  EXPECT_EQ(text(), "Packed.");
  tree_.file("elsewhere/reports.zip",
             testing::make_zip({{folder_of(1) + ".txt", report("Given")}}));
  options_.reports = tree_.path() / "elsewhere" / "reports.zip";
  EXPECT_EQ(text(), "Given.");
  options_.reports = tree_.path() / "mimic-cxr-reports";
  EXPECT_EQ(text(), "Apart.");
}

TEST_F(MimicForms, ReportsThatAreNotThereOrDamagedAreErrorsOrCounted) {
  tree_.file("mimic-cxr-2.0.0-metadata.csv", metadata_);
  options_.reports = tree_.path() / "nowhere";
  EXPECT_EQ(kind_of([&] { read(); }, "nowhere: does not exist"), ErrorKind::kMissingInput);
  tree_.file("other/readme.txt", "x");
  options_.reports = tree_.path() / "other";
  EXPECT_EQ(kind_of([&] { read(); }, "none of the 1 reports"), ErrorKind::kUsage);
  options_.reports = tree_.path() / "other" / "readme.txt";
  EXPECT_EQ(kind_of([&] { read(); }, "not a valid zip archive"), ErrorKind::kBadContent);
  tree_.file("other/none.zip", testing::make_zip({{"files/readme.md", "x"}}));
  options_.reports = tree_.path() / "other" / "none.zip";
  EXPECT_EQ(kind_of([&] { read(); }, "no report such as"), ErrorKind::kUsage);
  testing::ZipRecord damaged{folder_of(1) + ".txt", "FINDINGS: Clear."};
  damaged.crc = 1;
  tree_.file("other/damaged.zip", testing::make_zip({damaged}));
  options_.reports = tree_.path() / "other" / "damaged.zip";
  EXPECT_EQ(reasons_of(read().funnel).at("reports read: broken report: study kept without"), 1);
}

TEST_F(MimicForms, SizesOfTheTableAreBelievedWhereImagesAreNotLookedAt) {
  tree_.file("mimic-cxr-2.0.0-metadata.csv",
             kMimicMetadata + image_row("a", "10000001", "50000001", "PA") +
                 "b,10000001,50000001,,LATERAL,,24,21800506,213014,,,\n");
  options_.images = ImageReading::kListed;
  const PreparedCorpus made = prepare_corpus(find_corpus("mimic"), options_);
  ASSERT_EQ(made.studies.at(0).views.size(), 1u);
  EXPECT_EQ(made.studies[0].views[0].rows, 24);
  EXPECT_TRUE(made.studies[0].views[0].sha256.empty());
  EXPECT_EQ(reasons_of(made.funnel).at("images listed, not looked at: missing image"), 1);
  options_.images = ImageReading::kHeader;
  EXPECT_EQ(
      kind_of([&] { prepare_corpus(find_corpus("mimic"), options_); }, "none of the 2 images"),
      ErrorKind::kUsage);
  testing::write_test_image(tree_.path() / (folder_of(1) + "/a.jpg"), 1, 30);
  const PreparedCorpus read = prepare_corpus(find_corpus("mimic"), options_);
  EXPECT_EQ(read.studies.at(0).views.at(0).rows, 30);
  EXPECT_TRUE(read.studies[0].views[0].sha256.empty());
}

}  // namespace
}  // namespace biplane

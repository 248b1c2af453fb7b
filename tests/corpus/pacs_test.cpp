// `prepare dicom`: PACS exports of DICOM files written here, every trap planted once.
#include <gmock/gmock.h>

#include "biplane/corpus/corpora/dicom_names.h"
#include "biplane/corpus/corpora/dicom_view.h"
#include "biplane/corpus/manifest.h"
#include "biplane/imaging/dicom_write.h"
#include "tests/corpus/corpus_tree.h"
#include "tests/imaging/dicom_builder.h"

namespace biplane {
namespace {

using testing::CorpusTree;
using testing::DicomBuilder;
using ::testing::HasSubstr;
using testing::items_in;
using ::testing::Not;
using testing::reasons_of;

using Reasons = std::map<std::string, std::int64_t>;

constexpr const char* kPresented = "1.2.840.10008.5.1.4.1.1.1.1";
constexpr const char* kRaw = "1.2.840.10008.5.1.4.1.1.1.1.1";
constexpr const char* kCapture = "1.2.840.10008.5.1.4.1.1.7";

// A radiograph of 2 x 3 pixels of a hospital.
struct Exposure {
  std::string study = "1.2.826.77001", instance = "", accession = "ACC77", patient = "PATIENT77";
  std::string view = "PA", body = "CHEST", series = "", orientation = "";
  std::string intent = "FOR PRESENTATION", sop_class = kPresented, modality = "DX", source = "";
  std::string burned_in = "", frames = "", photometric = "MONOCHROME2";
  std::string syntax = "1.2.840.10008.1.2.1", age = "045Y", birth = "";
  bool pixels = true;
};

std::string dicom(const Exposure& e) {
  DicomBuilder builder(e.syntax);
  builder.text(0x00080016, "UI", e.sop_class).text(0x00080018, "UI", e.instance);
  builder.text(0x00080020, "DA", "20260614").text(0x00080050, "SH", e.accession);
  builder.text(0x00080060, "CS", e.modality).text(0x00080068, "CS", e.intent);
  builder.text(0x0008103E, "LO", e.series);
  if (!e.source.empty())
    builder.header(0x00082112, "SQ", 0xFFFFFFFF)
        .item()
        .text(0x00081155, "UI", e.source)
        .end_item()
        .end_sequence();
  builder.text(0x00100010, "PN", "Miller^Anna").text(0x00100020, "LO", e.patient);
  builder.text(0x00100030, "DA", e.birth).text(0x00100040, "CS", "F");
  builder.text(0x00101010, "AS", e.age).text(0x00180015, "CS", e.body);
  builder.text(0x00185101, "CS", e.view).text(0x0020000D, "UI", e.study);
  builder.text(0x00200020, "CS", e.orientation);
  if (!e.frames.empty()) builder.text(0x00280008, "IS", e.frames);
  builder.image({.photometric = e.photometric}).text(0x00280301, "CS", e.burned_in);
  if (e.pixels) builder.pixels({0, 100, 200, 300, 400, 500});
  return builder.file();
}

PrepareOptions options_of(const CorpusTree& tree) {
  PrepareOptions options;
  options.root = tree.path();
  return options;
}

PreparedCorpus prepare(const PrepareOptions& options) {
  return prepare_corpus(find_corpus("dicom"), options);
}

// An export with every trap once, and its table of reports.
void plant_traps(CorpusTree& tree) {
  tree.file("a/1.dcm", dicom({.instance = "1.1", .birth = "19500101"}));
  tree.file("a/2", dicom({.instance = "1.2", .view = "", .orientation = "A\\F"}));
  tree.file("a/3.dcm", dicom({.instance = "1.1"}));
  tree.file("a/4.dcm", dicom({.instance = "1.4", .intent = "FOR PROCESSING", .sop_class = kRaw}));
  tree.file("a/5.dcm", dicom({.instance = "1.5", .source = "1.1"}));
  tree.file("notes.txt", "not a DICOM file");
  tree.file("DICOMDIR", dicom({.instance = "9.0", .sop_class = "1.2.840.10008.1.3.10"}));
  tree.file("b/broken.dcm", dicom({.instance = "9.1"}).substr(0, 303));
  tree.file("b/ct", dicom({.instance = "9.2", .sop_class = "1.2.840.10008.5.1.4.1.1.2"}));
  tree.file("b/screen", dicom({.instance = "9.3", .sop_class = kCapture, .modality = "OT"}));
  tree.file("b/header", dicom({.instance = "9.4", .pixels = false}));
  tree.file("b/frames", dicom({.instance = "9.5", .frames = "2"}));
  tree.file("b/colour", dicom({.instance = "9.6", .photometric = "RGB"}));
  tree.file("b/knee", dicom({.instance = "9.7", .body = "KNEE"}));
  tree.file("b/film", dicom({.instance = "9.8", .syntax = "1.2.840.10008.1.2.4.100"}));
  tree.file("b/nameless", dicom({.study = "", .instance = "9.9"}));
  tree.file("c/1", dicom({.study = "1.2.826.77002",
                          .instance = "2.1",
                          .accession = "ACC78",
                          .patient = "PATIENT78",
                          .burned_in = "YES"}));
  tree.file("c/2", dicom({.study = "1.2.826.77002",
                          .instance = "2.2",
                          .accession = "ACC78",
                          .patient = "PATIENT79"}));
  tree.file("d/1", dicom({.study = "1.2.826.77003", .instance = "3.1", .accession = "ACC79"}));
  const std::string whole =
      dicom({.study = "1.2.826.77004", .instance = "4.1", .accession = "ACC80"});
  tree.file("d/2", whole.substr(0, whole.size() - 4));
  tree.file("d/3", dicom({.study = "1.2.826.77005", .instance = "5.1", .accession = "ACC81"}));
  tree.file("reports/reports.csv",
            "Accession No.;Befund\nACC77;FINDINGS: Clear lungs. IMPRESSION: Normal.\n"
            "ACC77;FINDINGS: Clear lungs. IMPRESSION: Normal.\nACC77;Addendum.\nACC78;Effusion.\n"
            ";Nobody's.\nACC78;\nACC99;Elsewhere.\nACC80;Edema.\nACC81;___\nACC82;a;b\n");
}

TEST(Pacs, CountsEveryTrapOnce) {
  CorpusTree tree;
  plant_traps(tree);
  PrepareOptions options = options_of(tree);
  options.reports = tree.path() / "reports/reports.csv";
  const PreparedCorpus made = prepare(options);
  const std::string files = "files found: ", chests = "radiographs of the chest: ";
  const std::string apart = "images told apart: ", rows = "reports joined: ";
  EXPECT_EQ(reasons_of(made.funnel),
            (Reasons{{files + "not a DICOM file", 2},  // the table of reports is one of them
                     {files + "DICOMDIR", 1},
                     {files + "broken DICOM file", 1},
                     {chests + "not a CR or DX image", 2},
                     {chests + "header without an image", 1},
                     {chests + "several frames", 1},
                     {chests + "colour", 1},
                     {chests + "body part other than chest", 1},
                     {chests + "transfer syntax that is not supported", 1},
                     {chests + "image without StudyInstanceUID or SOPInstanceUID", 1},
                     {apart + "repeated image: same SOPInstanceUID", 1},
                     {apart + "for processing, beside one for presentation", 1},
                     {apart + "another form of an image of its study", 1},
                     {"images without burned-in texts: BurnedInAnnotation is YES: kept", 1},
                     {"images grouped into studies: names another patient than its study", 1},
                     {rows + "repeated row", 1},
                     {rows + "further report of a study: not used", 1},
                     {rows + "row without a key", 1},
                     {rows + "row without a report", 1},
                     {rows + "report of a study that is not there", 1},
                     {rows + "unreadable row", 1},
                     {"studies with a report: no row of the reports names it", 1},
                     {"images read: broken image", 1},
                     {"studies complete: no image left", 1},
                     {"studies complete: empty report", 1}}));
  EXPECT_EQ(items_in(made.funnel, "files found"), 22);
  ASSERT_EQ(made.studies.size(), 2u);
  const Study& first = made.studies[0];
  ASSERT_EQ(first.views.size(), 2u);
  EXPECT_EQ(first.views[0].path, "a/1.dcm");
  EXPECT_EQ(first.views[0].view, ViewPosition::kPA);
  EXPECT_EQ(first.views[1].view, ViewPosition::kLateral);
  EXPECT_EQ(first.report.findings, "Clear lungs.");
  EXPECT_EQ(first.report.impression, "Normal.");
  EXPECT_EQ(first.sex, "F");
  EXPECT_EQ(first.age, 45);
  EXPECT_EQ(first.source_file, "reports.csv");
  EXPECT_EQ(first.source_row, 1);
  EXPECT_NE(first.patient_id, made.studies[1].patient_id);
}

TEST(Pacs, NobodysNameOrNumberIsInTheManifest) {
  CorpusTree tree;
  plant_traps(tree);
  PrepareOptions options = options_of(tree);
  options.reports = tree.path() / "reports/reports.csv";
  const PreparedCorpus made = prepare(options);
  ManifestWriter writer(tree.path() / "manifest.jsonl");
  for (const Study& study : made.studies) writer.write(study);
  writer.finish();
  const std::string written = read_file(tree.path() / "manifest.jsonl") + made.funnel.json();
  for (const char* secret : {"PATIENT7", "ACC7", "1.2.826.7700", "Miller", "19500101", "20260614"})
    EXPECT_THAT(written, Not(HasSubstr(secret)));
}

TEST(Pacs, NamesDependOnTheSaltAlone) {
  CorpusTree one, other;
  one.file("x", dicom({.instance = "1.1"}));
  other.file("deep/y.dcm", dicom({.instance = "1.7"}));
  other.file("deep/z.dcm", dicom({.study = "1.2.826.77009", .instance = "1.8"}));
  const auto names = [](const CorpusTree& tree, const std::string& salt) {
    PrepareOptions options = options_of(tree);
    options.pacs.salt = salt;
    const Study study = prepare(options).studies.at(0);
    EXPECT_EQ(study.study_id.size(), 32u);
    return study.study_id + " " + study.patient_id;
  };
  EXPECT_EQ(names(one, "pepper"), names(other, "pepper"));
  EXPECT_NE(names(one, "pepper"), names(one, "thyme"));
  EXPECT_EQ(names(one, ""), names(one, ""));
  EXPECT_NE(names(one, ""), names(other, ""));  // each export has a salt of its own
  EXPECT_EQ(Pseudonyms("pepper", {}).name("PATIENT77").substr(0, 16), "c3ea166985605023");
}

TEST(Pacs, ReportsAreFoundByStudyBeforeAccessionAndByColumnsThatAreNamed) {
  CorpusTree tree;
  tree.file("1", dicom({.instance = "1.1"}));
  tree.file("2", dicom({.study = "1.2.826.77002", .instance = "2.1"}));  // the same accession
  const auto texts = [&](const std::string& table, ColumnNames columns = {}) {
    tree.file("t.csv", table);
    PrepareOptions options = options_of(tree);
    options.reports = tree.path() / "t.csv";
    options.columns = columns;
    std::vector<std::string> found;
    for (const Study& study : prepare(options).studies) found.push_back(study.report.text);
    return found;
  };
  using Texts = std::vector<std::string>;
  EXPECT_EQ(texts("StudyInstanceUID,accession_number,Report Text\n1.2.826.77002,ACC77,Second.\n"
                  "1.2.826.77001,ACC77,First.\n"),
            (Texts{"First.", "Second."}));
  EXPECT_EQ(texts("accession\ttext\nACC77\tBoth.\n"), (Texts{"Both.", "Both."}));
  EXPECT_EQ(texts("Study UID,Findings,Impression\n1.2.826.77001,Clear lungs.,Normal.\n"),
            (Texts{"Clear lungs. Normal."}));
  ColumnNames mapped;
  mapped.accession = "nr";
  mapped.report = "words";
  EXPECT_EQ(texts("nr,words\nACC77,Mapped.\n", mapped), (Texts{"Mapped.", "Mapped."}));
  try {
    texts("nr,words\nACC77,Mapped.\n");
    ADD_FAILURE() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadContent);
    EXPECT_THAT(error.what(), HasSubstr("it has nr, words"));
  }
  mapped.accession = "no";
  EXPECT_THROW(texts("nr,words\nACC77,a\n", mapped), Error);
}

TEST(Pacs, WithoutReportsStudiesAreOfImages) {
  CorpusTree tree;
  tree.file(
      "1",
      dicom(
          {.instance = "1.1", .patient = "", .burned_in = "YES", .age = "", .birth = "19500614"}));
  tree.file("2", dicom({.instance = "1.2", .patient = "", .view = "LL", .age = ""}));
  PrepareOptions options = options_of(tree);
  const PreparedCorpus made = prepare(options);
  ASSERT_EQ(made.studies.size(), 1u);
  EXPECT_EQ(made.studies[0].patient_id, made.studies[0].study_id);
  EXPECT_EQ(made.studies[0].age, 76);  // on the day of the study
  EXPECT_EQ(made.studies[0].views.size(), 2u);
  options.pacs.drop_burned_in = true;
  EXPECT_EQ(prepare(options).studies.at(0).views.size(), 1u);
}

TEST(Pacs, LinksInCirclesAreWalkedOnceAndThreadsChangeNothing) {
  CorpusTree tree;
  for (int i = 0; i < 40; ++i)
    tree.file("s" + std::to_string(i) + "/image", dicom({.study = "1.2.826." + std::to_string(i),
                                                         .instance = "1." + std::to_string(i),
                                                         .patient = "P" + std::to_string(i / 2)}));
  std::filesystem::create_directory_symlink(tree.path(), tree.path() / "s1" / "up");
  PrepareOptions options = options_of(tree);
  options.fractions = {0.2, 0.3};
  const PreparedCorpus one = prepare(options);
  EXPECT_EQ(items_in(one.funnel, "files found"), 40);
  options.threads = 2;
  const PreparedCorpus two = prepare(options);
  ASSERT_EQ(two.studies.size(), 40u);
  std::map<std::string, Split> patients;
  for (std::size_t i = 0; i < two.studies.size(); ++i) {
    EXPECT_EQ(one.studies[i].study_id, two.studies[i].study_id);
    const Study& study = two.studies[i];
    EXPECT_EQ(patients.emplace(study.patient_id, study.split).first->second, study.split);
  }
  EXPECT_EQ(patients.size(), 20u);
}

TEST(Pacs, ThePhantomsDicomFilesAreRead) {
  CorpusTree tree;
  for (const char* view : {"PA", "LL"}) {
    DigitalXray xray;
    xray.shown = make_float(20, 16);
    xray.shown.pixels[5] = 1;
    xray.view = view;
    xray.patient_orientation = view == std::string("LL") ? "P\\F" : "L\\F";
    xray.study_uid = text_uid("study");
    xray.instance_uid = text_uid(view);
    xray.patient_id = "somebody";
    xray.accession = "17";
    xray.sex = "M";
    xray.age = 57;
    tree.file(std::string(view) + ".dcm", encode_dicom(xray));
  }
  const PreparedCorpus made = prepare(options_of(tree));
  EXPECT_TRUE(reasons_of(made.funnel).empty());
  const Study& study = made.studies.at(0);
  ASSERT_EQ(study.views.size(), 2u);
  EXPECT_EQ(study.views[0].view, ViewPosition::kPA);
  EXPECT_EQ(study.views[1].view, ViewPosition::kLateral);
  EXPECT_EQ(study.views[1].rows, 20);
  EXPECT_EQ(study.sex + std::to_string(static_cast<int>(study.age.value_or(0))), "M57");
}

// ---- what headers say

TEST(DicomView, ComesFromPositionThenCodeThenOrientationThenWords) {
  struct Case {
    const char *position, *code, *meaning, *orientation, *series;
    ViewPosition view;
  };
  constexpr auto kPA = ViewPosition::kPA, kAP = ViewPosition::kAP;
  constexpr auto kLateral = ViewPosition::kLateral, kUnknown = ViewPosition::kUnknown;
  for (const Case& c : {Case{"PA", "", "", "A\\F", "lateral", kPA},
                        {" AP ", "272479007", "", "", "", kAP},
                        {"LL", "", "", "", "", kLateral},
                        {"RL", "", "", "", "", kLateral},
                        {"LATERAL", "", "", "", "", kLateral},
                        {"LAO", "", "", "L\\F", "pa", kUnknown},
                        {"AP AXIAL", "", "", "", "", kUnknown},
                        {"", "R-10206", "", "A\\F", "", kAP},
                        {"", "", "postero-anterior", "", "", kPA},
                        {"", "399173006", "left lateral", "L\\F", "", kLateral},
                        {"", "", "", "P\\F", "Thorax pa", kLateral},
                        {"", "", "", "L\\F", "", kPA},
                        {"", "", "", "L\\F", "Thorax a.p. liegend", kAP},
                        {"", "", "", "L\\F", "lat", kPA},
                        {"", "", "", "", "Thorax p.a.", kPA},
                        {"", "", "", "", "Thorax seitlich", kLateral},
                        {"", "", "", "", "Thorax seitl.", kLateral},
                        {"", "", "", "", "THORAX_LAT", kLateral},
                        {"", "", "", "", "Thorax Bettaufnahme", kAP},
                        {"", "", "", "", "Thorax de face", kPA},
                        {"", "", "", "", "Thorax profil gauche", kLateral},
                        {"", "", "", "", "cliché latéral", kLateral},
                        {"", "", "", "", "clich\xE9 lat\xE9ral", kLateral},
                        {"", "", "", "", "incidence postéro-antérieure", kPA},
                        {"", "", "", "", "Portable chest", kAP},
                        {"", "", "", "", "PA and lateral", kUnknown},
                        {"", "", "", "", "Thorax schräg", kUnknown},
                        {"", "", "", "", "lateral decubitus", kUnknown},
                        {"", "", "", "", "Chest", kUnknown}}) {
    DicomInfo info;
    info.view_position = c.position;
    info.view_code = {c.code, c.meaning};
    info.patient_orientation = c.orientation;
    info.series_description = c.series;
    EXPECT_EQ(view_name(view_of(info)), view_name(c.view))
        << c.position << "|" << c.code << c.meaning << "|" << c.orientation << "|" << c.series;
  }
}

TEST(DicomView, TheBodyPartIsTheChestOrAnother) {
  const auto part = [](const std::string& body, const std::string& region,
                       const std::string& words) {
    DicomInfo info;
    info.body_part = body;
    info.anatomic_region.meaning = region;
    info.protocol_name = words;
    return body_part_of(info);
  };
  for (const char* chest : {"CHEST", "THORAX", "Lunge", "PORT CHEST", "thx"})
    EXPECT_EQ(part(chest, "", ""), BodyPart::kChest) << chest;
  for (const char* other : {"KNEE", "TSPINE", "THORACIC SPINE", "CHEST ABDOMEN", "RIBS", "XYZ"})
    EXPECT_EQ(part(other, "", "chest"), BodyPart::kOther) << other;
  EXPECT_EQ(part("", "Chest", "knee"), BodyPart::kChest);
  EXPECT_EQ(part("UNKNOWN", "", "Thorax 2 Ebenen"), BodyPart::kChest);
  EXPECT_EQ(part("", "", "BWS seitlich"), BodyPart::kOther);
  EXPECT_EQ(part("", "", "Hüfte links"), BodyPart::kOther);
  EXPECT_EQ(part("", "", "view: PA"), BodyPart::kUnknown);
}

}  // namespace
}  // namespace biplane

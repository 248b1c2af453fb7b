#include "tests/corpus/corpus_tree.h"

namespace biplane {
namespace {

using testing::CorpusTree;
using testing::reasons_of;
using testing::study_of;
using Reasons = std::map<std::string, std::int64_t>;

constexpr const char* kHeader =
    "path_to_image,path_to_dcm,frontal_lateral,ap_pa,deid_patient_id,patient_report_date_order,"
    "report,section_narrative,section_clinical_history,section_history,section_comparison,"
    "section_technique,section_procedure_comments,section_findings,section_impression,"
    "section_end_of_impression,section_summary,section_accession_number,age,sex,race,ethnicity,"
    "interpreter_needed,insurance_type,recent_bmi,deceased,split\n";

struct Row {
  std::string image, side, position, report, findings, impression, age = "61", split = "train";
};

std::string line(const Row& row) {
  return row.image + ",x.dcm," + row.side + "," + row.position + ",p,1,\"" + row.report +
         "\",,\"Cough.\",,\"None.\",,,\"" + row.findings + "\",\"" + row.impression + "\",,,," +
         row.age + ",Female,,,,,,," + row.split + "\n";
}

TEST(ChexpertPlus, ReportsViewsAndEveryTrap) {
  CorpusTree tree;
  const std::string one = "train/patient00001/study1/view",
                    narrative =
                        "CLINICAL HISTORY: Cough.\n\nIMPRESSION:\n\n1. SMALL LEFT EFFUSION.\n";
  tree.file(
      "df_chexpert_plus_240401.csv",
      std::string(kHeader) +
          line({one + "1_frontal.jpg", "Frontal", "AP", "r", "Lungs are clear.", "1. No edema."}) +
          line({one + "2_lateral.jpg", "Lateral", "", "r", "Lungs are clear.", "1. No edema."}) +
          line({one + "2_lateral.jpg", "Lateral", "", "r", "Lungs are clear.", "1. No edema."}) +
          line({one + "3_frontal.jpg", "Frontal", "LL", "other", "", ""}) +
          line({"train/patient00002/study1/view1_frontal.jpg", "Frontal", "PA", narrative, "", "",
                "", "train"}) +
          line({"train/patient00003/study1/view1_frontal.jpg", "Frontal", "PA", "nan", "nan", "",
                "200"}) +
          line({"valid/patient64541/study1/view1_frontal.jpg", "Frontal", "PA", "r", "Clear.", "",
                "old", "valid"}) +
          line({"train/patient00004/study1/view1_frontal.jpg", "Frontal", "PA", "r", "", "", "61",
                "trial"}) +
          line({"train/patient00005/study1/view1_frontal.jpg", "Oblique", "PA", "r", "", ""}) +
          line({"train/x.jpg", "Frontal", "PA", "r", "", ""}) +
          line({"", "Frontal", "PA", "r", "", ""}) + "a,b\n");
  for (const char* name :
       {"train/patient00001/study1/view1_frontal", "train/patient00001/study1/view2_lateral",
        "train/patient00001/study1/view3_frontal", "train/patient00002/study1/view1_frontal",
        "train/patient00003/study1/view1_frontal", "valid/patient64541/study1/view1_frontal"})
    tree.image("PNG/PNG/" + std::string(name) + ".png");
  const PreparedCorpus made = tree.prepare("chexpert-plus");
  const std::string rows = "rows grouped into studies: ";
  EXPECT_EQ(reasons_of(made.funnel),
            (Reasons{{rows + "merged: further image of a study", 1},
                     {rows + "merged: its other report is not used", 1},
                     {rows + "repeated row", 1},
                     {rows + "unknown split", 1},
                     {rows + "neither Frontal nor Lateral", 1},
                     {rows + "path without patient, study and view", 1},
                     {rows + "row without an image", 1},
                     {rows + "unreadable row", 1},
                     {"views as the tables say: Frontal with LL or RL: a lateral", 1},
                     {"ages believed: impossible age: left out", 1},
                     {"ages believed: age that is no number", 1},
                     {"studies complete: empty report", 1}}));
  ASSERT_EQ(made.studies.size(), 3u);
  const Study& first = study_of(made, "patient00001/study1");
  ASSERT_EQ(first.views.size(), 3u);
  EXPECT_EQ(first.views[0].path, "PNG/PNG/train/patient00001/study1/view1_frontal.png");
  EXPECT_EQ(first.views[0].view, ViewPosition::kAP);
  EXPECT_EQ(first.views[1].view, ViewPosition::kLateral);
  EXPECT_EQ(first.views[2].view, ViewPosition::kLateral);
  EXPECT_EQ(first.report.findings, "Lungs are clear.");
  EXPECT_EQ(first.report.impression, "No edema.");
  EXPECT_EQ(first.report.other, "Cough. None.");
  EXPECT_EQ(first.report.text, "Lungs are clear. No edema.");
  EXPECT_EQ(first.sex, "F");
  EXPECT_EQ(first.age, 61);
  EXPECT_TRUE(first.labels.empty());
  // Without the corpus's own sections the report is taken apart here.
  EXPECT_EQ(study_of(made, "patient00002/study1").report.text, "SMALL LEFT EFFUSION.");
  EXPECT_EQ(study_of(made, "patient64541/study1").split, Split::kValidate);
}

}  // namespace
}  // namespace biplane

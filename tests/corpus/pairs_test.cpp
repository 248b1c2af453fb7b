#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/corpus/corpora/corpus.h"
#include "biplane/corpus/selection.h"
#include "tests/corpus/small_corpus.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

using ::testing::HasSubstr;

class Pairs : public ::testing::Test {
 protected:
  Pairs() {
    for (const char* name : {"a", "b", "c", "d", "e"})
      testing::write_test_image(folder_ / (std::string(name) + ".png"), name[0]);
  }

  PreparedCorpus prepare(const std::string& csv) {
    write_file_atomically(folder_ / "studies.csv", csv);
    options_.root = folder_.path();
    PreparedCorpus result = prepare_corpus(find_corpus("pairs"), options_);
    for (const FunnelStage& stage : result.funnel.stages()) {
      std::int64_t lost = 0;
      for (const auto& reason : stage.reasons()) lost += reason.count;
      EXPECT_EQ(stage.in(), stage.out() + lost);
    }
    EXPECT_EQ(result.funnel.stages().back().out(),
              static_cast<std::int64_t>(result.studies.size()));
    return result;
  }

  void expect_error(const std::string& csv, ErrorKind kind, const std::string& message) {
    try {
      prepare(csv);
      ADD_FAILURE() << "accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind) << error.what();
      EXPECT_THAT(error.what(), HasSubstr(message));
    }
  }

  static std::int64_t count(const PreparedCorpus& result, const std::string& reason) {
    for (const FunnelStage& stage : result.funnel.stages()) {
      for (const auto& found : stage.reasons()) {
        if (found.name == reason) return found.count;
      }
    }
    return 0;
  }

  testing::TemporaryFolder folder_;
  PrepareOptions options_;
};

TEST_F(Pairs, LettersThatAreNotUtf8AreNoted) {
  const PreparedCorpus result = prepare(
      "study_id,frontal,report\n"
      "s1,a.png,Normal caf\xE9.\ns2,b.png,Normal caf\xC3\xA9.\n");
  EXPECT_EQ(result.studies.at(0).report.text, "Normal caf.");
  EXPECT_EQ(result.studies.at(1).report.text, "Normal caf\xC3\xA9.");
  const auto& notes = result.funnel.stages().front().notes();
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_EQ(notes[0].count, 1);
  EXPECT_THAT(notes[0].examples, ::testing::ElementsAre("studies.csv row 1"));
}

TEST_F(Pairs, ReadsByteOrderMarkCarriageReturnsAndQuotes) {
  const PreparedCorpus result = prepare(
      "\xEF\xBB\xBF"
      "study_id,patient_id,frontal,lateral,report,frontal_view,labels\r\n"
      "s1,p1,a.png,b.png,\"Small effusion,\r\nno \"\"mass\"\".\",AP Supine,\"Effusion, "
      "Edema;Mass/upper\"\r\n"
      "s2,p2,c.png,,Clear lungs.,PA,\r\n");
  ASSERT_EQ(result.studies.size(), 2u);
  const Study& first = result.studies[0];
  EXPECT_EQ(first.patient_id, "p1");
  EXPECT_EQ(first.report.text, "Small effusion, no \"mass\".");
  ASSERT_EQ(first.views.size(), 2u);
  EXPECT_EQ(first.views[0].view, ViewPosition::kAP);
  EXPECT_EQ(first.views[1].view, ViewPosition::kLateral);
  EXPECT_EQ(first.views[0].path, "a.png");
  EXPECT_EQ(first.views[0].rows, 24);
  EXPECT_EQ(first.views[0].sha256.size(), 64u);
  EXPECT_EQ(first.labels,
            (std::map<std::string, int>{{"Edema", 1}, {"Effusion", 1}, {"Mass/upper", 1}}));
  EXPECT_EQ(first.source_row, 1);
  EXPECT_EQ(result.studies[1].views.size(), 1u);
  EXPECT_EQ(result.studies[1].views[0].view, ViewPosition::kPA);
}

TEST_F(Pairs, RowsOfOneStudyAreOneStudy) {
  const PreparedCorpus result = prepare(
      "study_id,patient_id,frontal,lateral,report\n"
      "s1,p1,a.png,b.png,Effusion.\n"
      "s1,p1,c.png,b.png,Effusion.\n"
      "s1,p1,c.png,b.png,Effusion.\n"
      "s1,p1,c.png,,Other words.\n"
      "s1,p2,d.png,,Effusion.\n"
      "s2,p2,,e.png,Effusion.\n");
  ASSERT_EQ(result.studies.size(), 2u);
  ASSERT_EQ(result.studies[0].views.size(), 3u);
  EXPECT_EQ(result.studies[0].views[1].path, "c.png");  // both frontals, then the lateral
  EXPECT_EQ(result.studies[0].report.text, "Effusion.");
  EXPECT_EQ(count(result, "merged: further image of a study"), 1);
  EXPECT_EQ(count(result, "repeated row"), 1);
  EXPECT_EQ(count(result, "merged: its other report is not used"), 1);
  EXPECT_EQ(count(result, "names another patient than its study"), 1);
  EXPECT_FALSE(has_frontal(result.studies[1]));
}

TEST_F(Pairs, CountsWhatIsMissingBrokenOrEmpty) {
  write_file_atomically(folder_ / "broken.png", read_file(folder_ / "a.png").substr(0, 60));
  write_file_atomically(folder_ / "text.png", "this is no image");
  const PreparedCorpus result = prepare(
      "study_id,frontal,lateral,report\n"
      "s1,a.png,nowhere.png,Effusion.\n"
      "s2,broken.png,b.png,Effusion.\n"
      "s3,text.png,,Effusion.\n"
      "s4,c.png,,\n"
      "s5,d.png,,___ XXXX\n"
      "s6,,,Effusion.\n"
      "s7,e.png,Effusion.\n");
  ASSERT_EQ(result.studies.size(), 2u);
  EXPECT_EQ(result.studies[0].views.size(), 1u);
  EXPECT_EQ(result.studies[1].views[0].view, ViewPosition::kLateral);
  EXPECT_EQ(count(result, "missing image"), 1);
  EXPECT_EQ(count(result, "broken image"), 2);
  EXPECT_EQ(count(result, "no image left"), 1);
  EXPECT_EQ(count(result, "empty report"), 2);
  EXPECT_EQ(count(result, "row without an image"), 1);
  EXPECT_EQ(count(result, "unreadable row"), 1);
  EXPECT_THROW(result.funnel.check_bad(0.05), Error);
}

TEST_F(Pairs, ReadsTheMethodsOwnListAndTheNamesInMimicsFolders) {
  for (const char* path :
       {"files/p10/p10000032/s50414267/x.png", "files/p10/p10000032/s50414267/y.png",
        "files/p10/p10000032/s53189527/z.png"}) {
    testing::write_test_image(folder_ / path, path[34]);
  }
  const PreparedCorpus result = prepare(
      "Path_frontal,Path_lateral,Report\n"
      "files/p10/p10000032/s50414267/x.png,files/p10/p10000032/s50414267/y.png,FINDINGS: Small "
      "effusion. IMPRESSION: Effusion.\n"
      "files/p10/p10000032/s53189527/z.png,,No effusion.\n"
      "a.png,,No mass.\n");
  ASSERT_EQ(result.studies.size(), 3u);
  EXPECT_EQ(result.studies[0].study_id, "s50414267");
  EXPECT_EQ(result.studies[0].patient_id, "p10000032");
  EXPECT_EQ(result.studies[1].patient_id, "p10000032");
  EXPECT_EQ(result.studies[2].study_id, "a.png");
  EXPECT_EQ(result.studies[2].patient_id, "a.png");
  EXPECT_EQ(result.studies[0].report.findings, "Small effusion.");
  EXPECT_EQ(result.studies[0].report.impression, "Effusion.");
}

TEST_F(Pairs, TakesTheColumnsThatTheUserNames) {
  options_.columns = {"pa", "lat", "text", "exam", "person", "", ""};
  const PreparedCorpus result =
      prepare("exam,person,pa,lat,text,pa_view\nx,y,a.png,b.png,Effusion.,portable ap\n");
  ASSERT_EQ(result.studies.size(), 1u);
  EXPECT_EQ(result.studies[0].study_id, "x");
  EXPECT_EQ(result.studies[0].patient_id, "y");
  EXPECT_EQ(result.studies[0].views[0].view, ViewPosition::kAP);
}

TEST_F(Pairs, WritesPathsRelativeToTheManifest) {
  options_.out = folder_ / "deep/out";
  const PreparedCorpus result = prepare("study_id,frontal,report\ns1,a.png,Effusion.\n");
  EXPECT_EQ(result.studies[0].views[0].path, "../../a.png");
}

TEST_F(Pairs, SplitsByPatient) {
  std::string csv = "study_id,patient_id,frontal,report\n";
  for (int i = 0; i < 200; ++i) {
    csv += "s" + std::to_string(i) + ",p" + std::to_string(i / 2) + "," +
           std::string(1, static_cast<char>('a' + i % 5)) + ".png,Effusion.\n";
  }
  options_.fractions = {0.2, 0.3};
  options_.threads = 2;
  const PreparedCorpus result = prepare(csv);
  std::map<std::string, Split> patients;
  std::map<Split, int> counts;
  for (const Study& study : result.studies) {
    EXPECT_EQ(patients.emplace(study.patient_id, study.split).first->second, study.split);
    ++counts[study.split];
  }
  EXPECT_EQ(counts.size(), 3u);
  EXPECT_GT(counts[Split::kTrain], counts[Split::kValidate]);
}

TEST_F(Pairs, NamesTheCauseOfAnUnusableList) {
  expect_error("", ErrorKind::kBadContent, "studies.csv");
  expect_error("study_id,frontal,report\n", ErrorKind::kBadContent, "no row");
  expect_error("study_id,frontal,reports\ns1,a.png,x\n", ErrorKind::kBadContent, "'reports'");
  expect_error("study_id,frontal,report\ns1,zz.png,x\n", ErrorKind::kUsage, "none of the 1 images");
  options_.columns.lateral = "laterl";
  expect_error("study_id,frontal,lateral,report\ns1,a.png,,x\n", ErrorKind::kUsage, "lateral");
  options_.columns = {};
  options_.csv = folder_ / "absent.csv";
  expect_error("study_id,frontal,report\ns1,a.png,x\n", ErrorKind::kMissingInput, "absent.csv");
}

// Expected numbers are counted from the CSV by other means here (no quotes or line ends of the
// format needed: the first three columns hold none).
TEST(PairsRealData, GivesTheStudiesThatTheListHolds) {
  BIPLANE_NEEDS_TEST_DATA("cxr/studies.csv");
  PrepareOptions options;
  options.root = testing::test_data("cxr");
  options.threads = 2;
  const PreparedCorpus result = prepare_corpus(find_corpus("pairs"), options);

  const std::string csv = read_file(options.root / "studies.csv");
  std::set<std::string> ids, two_view, images;
  std::size_t begin = csv.find('\n') + 1;
  for (; begin < csv.size(); begin = csv.find('\n', begin) + 1) {
    std::vector<std::string> fields;
    std::size_t at = begin;
    for (int i = 0; i < 4; ++i) {
      const std::size_t comma = csv.find(',', at);
      fields.push_back(csv.substr(at, comma - at));
      at = comma + 1;
    }
    ids.insert(fields[0]);
    images.insert(fields[2]);
    if (!fields[3].empty()) {
      two_view.insert(fields[0]);
      images.insert(fields[3]);
    }
  }
  EXPECT_EQ(result.studies.size(), ids.size());
  StudyFilter filter;
  filter.require_both = true;
  EXPECT_EQ(select_studies(Manifest(result.studies, {}), filter).size(), two_view.size());
  std::size_t views = 0, several = 0;
  for (const Study& study : result.studies) {
    views += study.views.size();
    several += study.views.size() > 2 ? 1 : 0;
    EXPECT_FALSE(study.report.text.empty());
    EXPECT_EQ(study.report.text.find("XXXX"), std::string::npos);
  }
  EXPECT_EQ(views, images.size());
  EXPECT_EQ(several, 1u);
  EXPECT_NO_THROW(result.funnel.check_bad(0));
}

}  // namespace
}  // namespace biplane

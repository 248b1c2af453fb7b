#include "biplane/corpus/exclusion.h"

#include <gmock/gmock.h>

#include "biplane/core/error.h"
#include "biplane/corpus/selection.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Exclusion : public ::testing::Test {
 protected:
  // A manifest FOLDER/manifest.jsonl with a study of each patient.
  Manifest write(const std::string& folder, const std::vector<std::string>& patients,
                 const std::vector<std::string>& in_nih = {}) const {
    ManifestWriter writer(folder_ / folder / "manifest.jsonl");
    for (std::size_t i = 0; i < patients.size(); ++i) {
      Study study;
      study.study_id = "s" + std::to_string(i);
      study.patient_id = patients[i];
      if (i < in_nih.size() && !in_nih[i].empty()) study.patient_in["nih"] = in_nih[i];
      study.views.push_back({"a.png", ViewPosition::kPA, "", 0, 0, ""});
      writer.write(study);
    }
    writer.finish();
    return Manifest::read(folder_ / folder);
  }
  std::string at(const std::string& folder) const { return (folder_ / folder).string(); }
  static std::string refusal(const Manifest& manifest, const std::string& other) {
    try {
      exclude_patients(manifest, {other});
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      return error.what();
    }
    return "accepted";
  }

  testing::TemporaryFolder folder_;
};

TEST_F(Exclusion, LeavesOutEveryStudyOfThePatientsAndCounts) {
  const Manifest ours = write("ours", {"p1", "p2", "p1", "p3", "p4"});
  write("theirs", {"p1", "p9", "p9"});
  write("others", {"p4", "p1"});
  EXPECT_THAT(exclude_patients(ours, {}).studies, IsEmpty());
  const PatientExclusion one = exclude_patients(ours, {at("theirs")});
  EXPECT_THAT(one.studies, ElementsAre(0, 2));
  EXPECT_THAT(one.lines(), ElementsAre("2 studies of 1 patients that stand in " + at("theirs") +
                                       " are left out"));
  const PatientExclusion two = exclude_patients(ours, {at("theirs"), at("others")});
  EXPECT_THAT(two.studies, ElementsAre(0, 2, 4));
  EXPECT_EQ(two.sources[1].studies, 3);
  // As good as not in the manifest: not the first ones, and not "all others".
  EXPECT_THAT(select_studies(ours, StudyFilter::parse("limit=1"), two.studies), ElementsAre(1));
  EXPECT_THAT(select_studies(ours, StudyFilter::parse("limit=1,invert=true"), two.studies),
              ElementsAre(3));
}

TEST_F(Exclusion, ComparesNamesWhereTheCorporaHaveTheSame) {
  const Manifest mimic = write("mimic", {"p1", "p2"});
  write("ms-cxr", {"p2"});
  write("vindr", {"p2"});
  write("rsna", {"p2"});
  EXPECT_THAT(exclude_patients(mimic, {at("ms-cxr")}).studies, ElementsAre(1));
  EXPECT_THAT(refusal(mimic, at("vindr")), HasSubstr("are none of those of"));
  EXPECT_THAT(exclude_patients(mimic, {"ms-cxr=" + at("vindr")}).studies, ElementsAre(1));
  EXPECT_THAT(refusal(write("nih", {"p2"}), at("rsna")),
              AllOf(HasSubstr("have other names"), HasSubstr("biplane audit")));
  EXPECT_THAT(exclude_patients(write("mine", {"p2"}), {at("rsna")}).studies, ElementsAre(0))
      << "of a corpus that is not known";
}

TEST_F(Exclusion, ComparesTheNamesThatPatientsHaveInTheOtherCorpus) {
  const Manifest nih = write("nih", {"13", "14", "15", "13"});
  const Manifest rsna = write("rsna", {"a", "b", "c", "14"}, {"13", "", "77", ""});
  EXPECT_THAT(exclude_patients(nih, {at("rsna")}).studies, ElementsAre(0, 3));
  EXPECT_THAT(exclude_patients(rsna, {at("nih")}).studies, ElementsAre(0))
      << "14 of RSNA is not 14 of NIH";
  // COVIDx has RSNA's names, and may know NIH's of others.
  write("covidx", {"b", "13", "x"}, {"", "", "77"});
  EXPECT_THAT(exclude_patients(rsna, {at("covidx")}).studies, ElementsAre(1));
}

TEST_F(Exclusion, PatientsOfTwoCorporaAreThoseThatTheirNamesCanTell) {
  const std::vector<std::int64_t> all{0, 1, 2};
  const auto found = [&](const std::string& corpus, const Manifest& ours, const std::string& other,
                         const Manifest& others) {
    return studies_of_patients({ours, corpus}, {others, other}, all);
  };
  const Manifest numbers = write("numbers", {"1", "2", "3"}),
                 some = write("some", {"2", "3", "4", "1"}),
                 rsna = write("rsna", {"a", "2", "c"}, {"3", "", ""});
  EXPECT_THAT(found("mimic", some, "mimic", numbers), ElementsAre(0, 1, 3));
  EXPECT_THAT(
      studies_of_patients({some, "mimic"}, {numbers, "ms-cxr"}, std::vector<std::int64_t>{2}),
      ElementsAre(1));
  EXPECT_THAT(found("", some, "", numbers), ElementsAre(0, 1, 3)) << "not known";
  EXPECT_THAT(found("vindr", some, "mimic", numbers), IsEmpty()) << "equal names by chance";
  EXPECT_THAT(found("nih", some, "rsna", rsna), ElementsAre(1)) << "3, which RSNA calls a";
  try {
    found("nih", some, "siim", numbers);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_THAT(error.what(), HasSubstr("share patients whose names"));
  }
}

}  // namespace
}  // namespace biplane

#include "biplane/train/run_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Three studies of one frontal each; the images are not read here.
class RunDataTest : public ::testing::Test {
 protected:
  static std::string study(const std::string& id, const std::string& report) {
    return R"({"format":1,"study_id":")" + id + R"(","patient_id":"p)" + id +
           R"(","split":"train","views":[{"path":")" + id +
           R"(.png","view":"PA","rows":8,"cols":8}],"report":{"text":")" + report + "\"}}\n";
  }

  DataConfig write(const std::string& folder, const std::vector<std::string>& reports) const {
    std::string text;
    for (std::size_t i = 0; i < reports.size(); ++i)
      text += study(std::string(1, static_cast<char>('a' + i)), reports[i]);
    make_folder(folder_ / folder);
    write_file_atomically(folder_ / folder / "manifest.jsonl", text);
    DataConfig config;
    config.manifest = (folder_ / folder / "manifest.jsonl").string();
    config.vocabulary = write_vocabulary("effusion\n");
    return config;
  }

  std::string write_vocabulary(const std::string& words) const {
    const std::filesystem::path file = folder_ / "vocab.txt";
    write_file_atomically(file, "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n" + words);
    return file.string();
  }

  static std::string fingerprint(const DataConfig& config) {
    return data_fingerprint(read_run_data(config, 0), config);
  }

  testing::TemporaryFolder folder_;
};

TEST_F(RunDataTest, FingerprintFollowsWhatBatchesAreMadeOfButNotThePlace) {
  DataConfig config = write("one", {"effusion", "no effusion"});
  const std::string first = fingerprint(config);
  EXPECT_EQ(fingerprint(write("two", {"effusion", "no effusion"})), first);
  EXPECT_NE(fingerprint(write("two", {"effusion", "effusion"})), first);
  write_file_atomically(folder_ / "words.yaml", read_file("share/lexicon/en.yaml") + "# changed\n");
  DataConfig other = config;
  other.lexicon = (folder_ / "words.yaml").string();
  EXPECT_NE(fingerprint(other), first);
  other = config;
  other.limit = 1;
  EXPECT_NE(fingerprint(other), first);
  write_vocabulary("effusion\nno\n");
  EXPECT_NE(fingerprint(config), first);
}

TEST_F(RunDataTest, ReportsThatTrainingCannotUseAreNamed) {
  DataConfig config = write("corpus", {"effusion", "", "\u2603", "effusion effusion effusion"});
  config.max_tokens = 4;
  EXPECT_THAT(report_warnings(read_run_data(config, 0), config),
              ElementsAre(AllOf(HasSubstr("1 studies have no report"), HasSubstr("first: b")),
                          AllOf(HasSubstr("without any word"), HasSubstr("first: c")),
                          AllOf(HasSubstr("max_tokens = 4"), HasSubstr("first: d"))));
  EXPECT_THAT(report_warnings(read_run_data(write("good", {"effusion"}), 0), config), IsEmpty());
}

TEST_F(RunDataTest, PatientsOfAnotherManifestAreNotTrainedOn) {
  DataConfig config = write("one", {"effusion", "no effusion", "an effusion"});
  const std::string all = fingerprint(config);
  write("two", {"effusion"});  // of patient pa
  config.exclude_patients_of = {(folder_ / "two").string()};
  const RunData data = read_run_data(config, 0);
  EXPECT_THAT(data.chosen, ElementsAre(1, 2));
  EXPECT_NE(data_fingerprint(data, config), all);
  EXPECT_THAT(report_warnings(data, config),
              ElementsAre(AllOf(HasSubstr("1 studies of 1 patients"), HasSubstr("two"))));
  write("two", {"effusion", "effusion", "effusion"});
  try {
    read_run_data(config, 0);
    ADD_FAILURE() << "a run without a study began";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("data.exclude_patients_of"));
  }
}

}  // namespace
}  // namespace biplane

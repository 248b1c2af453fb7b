#include "biplane/corpus/manifest_lines.h"

#include <gmock/gmock.h>

#include <fstream>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/corpus/manifest.h"
#include "tests/formats/guarded_child.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr std::size_t kPiece = std::size_t{256} << 10;  // as in manifest_lines.cpp

// A line of `size` bytes with its line end.
std::string line_of(const std::string& id, std::size_t size) {
  const std::string begin = R"({"study_id": ")" + id + R"(", "report": {"text": ")", end = "\"}}\n";
  return begin + std::string(size - begin.size() - end.size(), 'x') + end;
}

class ManifestLinesTest : public ::testing::Test {
 protected:
  std::filesystem::path write(const std::string& content) const {
    write_file_atomically(folder_ / "manifest.jsonl", content);
    return folder_ / "manifest.jsonl";
  }
  std::string refusal(const std::string& content) const { return refusal_of(write(content)); }
  static std::string refusal_of(const std::filesystem::path& path) {
    try {
      Manifest::read(path);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kBadContent);
      return error.what();
    }
    return "accepted";
  }
  // The ids of all studies, by both ways of reading; one letter for a report.
  static std::string ids(const std::filesystem::path& path, int threads) {
    std::vector<StudySummary> summaries;
    const ManifestLines lines(path, threads, summaries);
    std::string text;
    for (std::size_t i = 0; i < summaries.size(); ++i) {
      const Study study = lines.read(static_cast<std::int64_t>(i), summaries[i]);
      EXPECT_EQ(study.study_id, summaries[i].study_id);
      EXPECT_EQ(study.report.text.empty(), !summaries[i].has_report);
      text += summaries[i].study_id + " ";
    }
    return text;
  }

  testing::TemporaryFolder folder_;
};

TEST_F(ManifestLinesTest, LinesMayEndAnywhereInAPieceOrBeLongerThanOne) {
  // The first piece ends with a line end, just before one, just behind one.
  for (const std::size_t first : {kPiece, kPiece + 1, kPiece - 1}) {
    const auto path =
        write(line_of("a", first) + line_of("b", 100) + "\n \r\n" + line_of("c", 3 * kPiece) +
              line_of("d", 200) + line_of("e", kPiece) + R"({"study_id": "f"})");
    EXPECT_EQ(ids(path, 1), "a b c d e f ") << first;
    EXPECT_EQ(ids(path, 3), "a b c d e f ") << first;
  }
}

TEST_F(ManifestLinesTest, RowsAreCountedOverAllPieces) {
  std::string content = line_of("first", 100) + "\n";
  for (int i = 0; i < 5; ++i) content += line_of("s" + std::to_string(i), kPiece - 10);
  EXPECT_THAT(refusal(content + "{\"study_id\": 7}\n"),
              AllOf(HasSubstr("manifest.jsonl: row 8: "), HasSubstr("study_id is 7")));
  EXPECT_THAT(refusal(content + line_of("first", 100) + "{\n"),
              HasSubstr("row 8: study_id 'first' is already in row 1"));
  EXPECT_THAT(refusal(content + "{\n" + line_of("first", 100)), HasSubstr("row 8: not valid JSON"));
}

TEST_F(ManifestLinesTest, TheFirstOfSeveralBadLinesIsNamed) {
  std::string content;
  for (int i = 0; i < 6; ++i)
    content += line_of("s" + std::to_string(i), kPiece / 2) + (i < 2 ? "" : "no JSON\n");
  for (int repeat = 0; repeat < 5; ++repeat) EXPECT_THAT(refusal(content), HasSubstr("row 4: "));
}

TEST_F(ManifestLinesTest, BytesThatAreNoTextAreNamedWithTheirRow) {
  const std::string good = "{\"study_id\": \"a\"}\n";
  const auto path = write("\xEF\xBB\xBF" + good + "{\"study_id\": \"b\"}\r\n");
  EXPECT_EQ(ids(path, 1), "a b ");
  EXPECT_THAT(refusal(good + "{\"study_id\": \"M\xFCller\"}\n"),
              HasSubstr("row 2: not valid JSON"));
  EXPECT_THAT(refusal(good + std::string(3, '\0') + "\n"), HasSubstr("row 2: not valid JSON"));
  EXPECT_THAT(refusal(good + std::string("{\"study_id\": \"b\0\"}\n", 20)), HasSubstr("row 2: "));
  EXPECT_THAT(refusal("{\"study_id\": \"b\"} {\"study_id\": \"c\"}\n"), HasSubstr("row 1: "));
  EXPECT_THAT(refusal(std::string("\xFF\xFE{\0\"\0", 6)), HasSubstr("row 1: not valid JSON"));
}

TEST_F(ManifestLinesTest, AValueThatOpeningDoesNotNeedIsNamedWhenItsStudyIsRead) {
  const Manifest manifest = Manifest::read(
      write("{\"study_id\": \"a\"}\n\n{\"study_id\": \"b\", \"labels\": {\"mass\": 2}}\n"));
  EXPECT_EQ(manifest.study(0).study_id, "a");
  try {
    manifest.study(1);
    ADD_FAILURE() << "a label of 2 was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadContent);
    EXPECT_THAT(error.what(), HasSubstr("manifest.jsonl: row 3: key labels.mass is 2"));
  }
}

TEST_F(ManifestLinesTest, AManifestStaysTheOneThatWasOpened) {
  const auto path = write("{\"study_id\": \"a\", \"patient_id\": \"p\"}\n");
  const Manifest manifest = Manifest::read(path);
  write("{\"study_id\": \"b\", \"patient_id\": \"p\"}\n");  // a new file takes its name
  EXPECT_EQ(manifest.study(0).study_id, "a");
  const Manifest again = Manifest::read(path);
  std::ofstream(path) << "{\"study_id\": \"c\", \"patient_id\": \"p\"}\n";  // the same file
  try {
    again.study(0);
    ADD_FAILURE() << "another study was given";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("row 1: was changed"));
  }
}

TEST_F(ManifestLinesTest, ALineWithoutEndIsRefusedInLittleMemory) {
  const auto path = write("{\"study_id\": \"a\"}\n");
  std::filesystem::resize_file(path, std::uintmax_t{10} << 30);  // zeros that take no disk
  EXPECT_EQ(testing::complaint_in_child([&] {
              const std::string message = refusal_of(path);
              return message.find("row 2: a line of more than 64 MiB") == std::string::npos
                         ? message
                         : "";
            }),
            "");
}

TEST_F(ManifestLinesTest, WhatIsNoFileIsRefused) {
  EXPECT_THROW(Manifest::read("/dev/zero"), Error);
}

}  // namespace
}  // namespace biplane

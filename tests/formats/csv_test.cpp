#include "biplane/formats/csv.h"

#include <gmock/gmock.h>
#include <zlib.h>

#include <fstream>
#include <string>
#include <vector>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/core/random.h"
#include "tests/formats/guarded_child.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Csv : public ::testing::Test {
 protected:
  std::filesystem::path write(const std::string& content) {
    const auto path = folder_ / "table.csv";
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
  std::vector<CsvRow> rows(const std::string& content, const CsvOptions& options = {}) {
    CsvReader csv(write(content), options);
    std::vector<CsvRow> all;
    for (CsvRow row; csv.next(row);) all.push_back(row);
    return all;
  }
  // The message with which a content is refused; empty if it is read to its end.
  std::string refusal(const std::string& content, const CsvOptions& options = {}) {
    try {
      rows(content, options);
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::kBadContent);
      EXPECT_THAT(e.what(), HasSubstr("table.csv"));
      return e.what();
    }
    return {};
  }
  testing::TemporaryFolder folder_;
};

TEST_F(Csv, ReadsQuotesDelimitersAndLineEndsInsideFields) {
  const auto all = rows("a,b\r\n1,\"x, \"\"y\"\"\nz\"\r\n\r\n2,\n");
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].number, 1);
  EXPECT_THAT(all[0].fields, ElementsAre("1", "x, \"y\"\nz"));
  EXPECT_EQ(all[1].number, 2);
  EXPECT_THAT(all[1].fields, ElementsAre("2", ""));
}

TEST_F(Csv, LineEndsByteOrderMarkAndMissingLastLineEndDoNotMatter) {
  for (const std::string text : {"a,b\n1,2\n", "a,b\r\n1,2\r\n", "a,b\r1,2\r", "a,b\n1,2",
                                 "\xEF\xBB\xBF"
                                 "a,b\n1,2"}) {
    CsvReader csv(write(text));
    EXPECT_EQ(csv.column("a"), 0U) << text;
    CsvRow row;
    ASSERT_TRUE(csv.next(row));
    EXPECT_THAT(row.fields, ElementsAre("1", "2"));
    EXPECT_EQ(row.problem, "");
    EXPECT_FALSE(csv.next(row));
  }
}

TEST_F(Csv, BlanksInValuesAreKeptAndInColumnNamesForgiven) {
  CsvReader csv(write("ImageId, EncodedPixels\n1, -1\n"));
  EXPECT_EQ(csv.column("EncodedPixels"), 1U);
  CsvRow row;
  ASSERT_TRUE(csv.next(row));
  EXPECT_EQ(row.fields[1], " -1");
}

TEST_F(Csv, AMissingColumnIsNamedWithTheNearestAndAllOthers) {
  CsvReader csv(write("frontal,lateral,report\n"));
  try {
    csv.column("lateal");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kBadContent);
    for (const char* part :
         {"table.csv", "'lateal'", "did you mean 'lateral'", "'frontal'", "'report'"})
      EXPECT_THAT(e.what(), HasSubstr(part));
  }
  EXPECT_FALSE(csv.find_column("study").has_value());
}

TEST_F(Csv, AColumnThatIsThereTwiceIsRefusedWhereItIsAskedFor) {
  CsvReader csv(write("report,frontal,report\n"));
  EXPECT_EQ(csv.column("frontal"), 1U);
  EXPECT_THROW(csv.find_column("report"), Error);
}

TEST_F(Csv, EmptyFilesAreCalledEmpty) {
  for (const char* text : {"", "\n\n\r\n", "\xEF\xBB\xBF"})
    EXPECT_THAT(refusal(text), HasSubstr("empty")) << text;
  try {
    CsvReader csv(folder_ / "gone.csv");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kMissingInput);
  }
  EXPECT_THROW(CsvReader(folder_.path()), Error);
}

TEST_F(Csv, RowsOfAnotherLengthAreMarkedNotDropped) {
  const auto all = rows("a,b,c\n1,2\n1,2,3,4\n1,2,3,,\n1,2,3\n");
  ASSERT_EQ(all.size(), 4U);
  EXPECT_EQ(all[0].problem, "2 fields, the header has 3");
  EXPECT_EQ(all[1].problem, "4 fields, the header has 3");
  EXPECT_EQ(all[2].problem, "");  // empty trailing columns mean nothing
  EXPECT_EQ(all[2].fields.size(), 3U);
  EXPECT_EQ(all[3].problem, "");
}

TEST_F(Csv, OnlyColumnsWithoutANameMayBeMissing) {
  const auto all = rows("a,[x,y],,\n1,2,3\n1,2,3,,\n1,2\n");
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].problem, "");
  EXPECT_EQ(all[0].fields.size(), 5U);
  EXPECT_EQ(all[1].problem, "");
  EXPECT_EQ(all[2].problem, "2 fields, the header has 5");
}

TEST_F(Csv, NulBytesAndUtf16AreRefusedOrMarked) {
  const std::string nul("a,b\n1,x\0y\n3,4\n", 14);
  const auto all = rows(nul);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].problem, "NUL byte in column 'b'");
  EXPECT_EQ(all[1].problem, "");
  EXPECT_THAT(refusal(std::string("a\0,b\n", 5)), HasSubstr("NUL"));
  EXPECT_THAT(refusal(std::string("\xFF\xFE"
                                  "a\0,\0",
                                  6)),
              HasSubstr("UTF-16"));
}

TEST_F(Csv, AnUnclosedQuoteIsReportedAtTheEndOrAtTheFieldCap) {
  const auto all = rows("a,b\n1,2\n3,\"open\n");
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].problem, "");
  EXPECT_THAT(all[1].problem, HasSubstr("unclosed quote"));
  EXPECT_EQ(rows("a,b\n1,\"ends with a line end\n\"")[0].problem, "");
  const std::string endless = "a,b\n1,2\n3,\"" + std::string(3 << 20, 'x');
  const std::string message = refusal(endless);
  EXPECT_THAT(message, HasSubstr("unclosed quote"));
  EXPECT_THAT(message, HasSubstr("row 2"));
  EXPECT_THAT(refusal("\"" + std::string(3 << 20, 'x')), HasSubstr("header"));
}

TEST_F(Csv, CapsOnFieldsAndColumnsHold) {
  CsvOptions options;
  options.max_field_bytes = 10;
  options.max_columns = 3;
  EXPECT_EQ(refusal("a,b\n0123456789,1\n", options), "");
  EXPECT_THAT(refusal("a,b\n01234567890,1\n", options), HasSubstr("row 1"));
  EXPECT_THAT(refusal("a,b,c\n1,2,3,4\n", options), HasSubstr("3 columns"));
  CsvReader csv(write("a,b\n1,2\n3,01234567890\n"), options);
  CsvRow row;
  EXPECT_TRUE(csv.next(row));  // what comes before the failure is handed out
  EXPECT_THROW(csv.next(row), Error);
}

TEST_F(Csv, LinesWithoutEndAreRefusedInLittleMemory) {
  const auto complaint = [&](const std::string& begin, const std::string& wanted) {
    const auto path = write(begin);
    std::filesystem::resize_file(path, std::uintmax_t{10} << 30);  // zeros that take no disk
    return testing::complaint_in_child([&]() -> std::string {
      try {
        CsvReader csv(path);
        for (CsvRow row; csv.next(row);) {
        }
        return "accepted";
      } catch (const Error& error) {
        const std::string message = error.what();
        return message.find(wanted) == std::string::npos ? message : "";
      }
    });
  };
  EXPECT_EQ(complaint("", "header: a field of more than 1048576 bytes"), "");
  EXPECT_EQ(complaint("a,b\n1,2\n3,", "row 2: a field of more than 1048576 bytes"), "");
  EXPECT_EQ(complaint("a,b\n1,2\n3,\"", "row 2: a field of more than 1048576 bytes"), "");
  std::string columns = "a,b\n1";
  for (int i = 0; i < 5000; ++i) columns += ",1";
  EXPECT_EQ(complaint(columns, "row 1: more than 4096 columns"), "");
}

TEST_F(Csv, BytesOfLatin1AreGivenAsTheyStand) {
  const auto all = rows("a,b\r\nM\xFCller,1\r\n\xFF,2\r\n");
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].fields[0], "M\xFCller");
  EXPECT_EQ(all[1].fields[0], "\xFF");
  EXPECT_EQ(all[1].problem, "");
}

TEST_F(Csv, GzipIsReadAndItsDamageIsAnError) {
  std::string text = "a,b\n";
  CounterRandom random(1, "csv");
  for (int i = 0; i < 5000; ++i)
    text += std::to_string(i) + "," + std::to_string(random.next_u64()) + "\n";
  const auto path = folder_ / "table.csv";
  gzFile out = gzopen(path.c_str(), "wb");
  gzwrite(out, text.data(), static_cast<unsigned>(text.size()));
  gzclose(out);
  const std::string packed = read_file(path);
  ASSERT_LT(packed.size(), text.size());
  EXPECT_EQ(rows(packed).size(), 5000U);
  EXPECT_THAT(refusal(packed.substr(0, packed.size() / 2)), HasSubstr("gzip"));
}

TEST_F(Csv, WhatCsvLineWritesIsReadBack) {
  CounterRandom random(7, "csv");
  const std::string alphabet = "ab ,\"\n\r\t;'";
  for (int round = 0; round < 200; ++round) {
    std::string text = "x,y,z\n";
    std::vector<std::vector<std::string>> written;
    for (int r = 0; r < 5; ++r) {
      std::vector<std::string> fields(3);
      for (std::string& field : fields)
        for (auto n = random.below(6); n > 0; --n)
          field += alphabet[static_cast<std::size_t>(
              random.below(static_cast<std::int64_t>(alphabet.size())))];
      text += csv_line(fields) + "\n";
      written.push_back(fields);
    }
    const auto all = rows(text);
    ASSERT_EQ(all.size(), written.size()) << text;
    for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i].fields, written[i]) << text;
  }
}

}  // namespace
}  // namespace biplane

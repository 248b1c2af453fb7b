#include "biplane/formats/zip.h"

#include <gmock/gmock.h>

#include "biplane/core/error.h"
#include "tests/formats/torch_builder.h"

namespace biplane {
namespace {

using testing::deflated;
using ::testing::HasSubstr;
using testing::little;
using testing::make_zip;
using testing::ZipRecord;

ZipArchive archive(const std::string& content, const ZipLimits& limits = {}) {
  return ZipArchive(FileBytes::keep(content, "weights.zip"), limits);
}

// The message with which an archive is refused when it is opened or read; empty if it is not.
std::string refusal(const std::string& content, const ZipLimits& limits = {}) {
  try {
    const ZipArchive zip = archive(content, limits);
    for (const ZipEntry& entry : zip.entries()) zip.read(entry);
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kBadContent);
    EXPECT_THAT(e.what(), HasSubstr("weights.zip"));
    return e.what();
  }
  return {};
}

TEST(Zip, StoredAndDeflatedEntriesAreRead) {
  const std::string text(5000, 'a');
  const ZipArchive zip = archive(make_zip({{"a/1", "one"}, deflated("a/2", text), {"empty", ""}}));
  ASSERT_EQ(zip.entries().size(), 3U);
  EXPECT_EQ(zip.entries()[0].name, "a/1");
  EXPECT_EQ(zip.read(zip.entries()[0]), "one");
  ASSERT_NE(zip.find("a/2"), nullptr);
  EXPECT_TRUE(zip.find("a/2")->is_compressed);
  EXPECT_EQ(zip.read(*zip.find("a/2")), text);
  EXPECT_EQ(zip.read(*zip.find("empty")), "");
  EXPECT_EQ(zip.find("a"), nullptr);
}

// As archives beyond 4 GB are, and an entry of which is that far away.
TEST(Zip, Zip64DirectoriesAreRead) {
  const auto zip64 = [](std::uint64_t header_at) {
    std::string fields = testing::zip_fields({"a", "one"});
    const std::string header = "PK\x03\x04" + fields + "aone";
    fields.replace(fields.size() - 12, 8, std::string(8, '\xFF'));  // its two sizes
    fields.replace(fields.size() - 2, 2, little<std::uint16_t>(28));
    const std::string directory =
        "PK\x01\x02" + little<std::uint16_t>(45) + fields + std::string(10, '\0') +
        little(0xFFFFFFFF) + "a" + little<std::uint16_t>(1) + little<std::uint16_t>(24) +
        little<std::uint64_t>(3) + little<std::uint64_t>(3) + little(header_at);
    return header + directory + testing::zip64_end(1, directory.size(), header.size()) +
           make_zip({}, {0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF});
  };
  const ZipArchive zip = archive(zip64(0));
  ASSERT_EQ(zip.entries().size(), 1U);
  EXPECT_EQ(zip.read(zip.entries()[0]), "one");
  EXPECT_THAT(refusal(zip64(1)), HasSubstr("no entry record at byte 1"));
  EXPECT_THAT(refusal(zip64(~std::uint64_t{0})), HasSubstr("no entry record"));
}

TEST(Zip, LimitsHoldAtTheirValues) {
  ZipLimits limits;
  limits.max_entries = 2;
  limits.max_name_bytes = 4;
  limits.max_inflated_bytes = 3 << 20;
  limits.max_all_inflated_bytes = 4 << 20;
  limits.max_ratio = 10;
  EXPECT_EQ(refusal(make_zip({{"a", "1"}, {"four", "2"}}), limits), "");
  EXPECT_THAT(refusal(make_zip({{"a", "1"}, {"b", "2"}, {"c", "3"}}), limits),
              HasSubstr("3 entries"));
  EXPECT_THAT(refusal(make_zip({{"fives", "1"}}), limits), HasSubstr("'fives': a name of 5 bytes"));
  EXPECT_EQ(refusal(make_zip({deflated("z", std::string(1 << 20, '0'))}), limits), "");
  EXPECT_THAT(refusal(make_zip({deflated("z", std::string((1 << 20) + 1, '0'))}), limits),
              HasSubstr("zip bomb"));
  EXPECT_THAT(refusal(make_zip({deflated("z", std::string((3 << 20) + 1, '0'))}), limits),
              HasSubstr("the limit is 3145728"));
  limits.max_entries = 5;
  std::vector<ZipRecord> records;
  for (const char* name : {"1", "2", "3", "4"})
    records.push_back(deflated(name, std::string(1 << 20, '0')));
  EXPECT_EQ(refusal(make_zip(records), limits), "");
  records.push_back(deflated("5", "0"));
  EXPECT_THAT(
      refusal(make_zip(records), limits),
      HasSubstr("'5': the entries up to this one would inflate to more than 4194304 bytes"));
}

TEST(Zip, ADuplicateNameAnUnknownMethodAndEncryptionAreRefusedByName) {
  EXPECT_THAT(refusal(make_zip({{"a", "1"}, {"b", "2"}, {"a", "3"}})), HasSubstr("occurs twice"));
  EXPECT_THAT(refusal(make_zip({{"a", "1", 12}})), HasSubstr("'a': compression method 12"));
  EXPECT_THAT(refusal(make_zip({{"a", "1", 0, 1}})), HasSubstr("'a': is encrypted"));
}

TEST(Zip, ContentThatIsNotWhatTheDirectorySaysIsRefused) {
  ZipRecord wrong{"a", "content"};
  wrong.crc = 7;
  EXPECT_THAT(refusal(make_zip({wrong})), HasSubstr("'a': CRC error"));
  ZipRecord squeezed = deflated("a", std::string(1000, 'x'));
  squeezed.crc = 7;
  EXPECT_THAT(refusal(make_zip({squeezed})), HasSubstr("'a'"));
  for (const std::uint32_t bytes : {999U, 1001U, 0U}) {
    ZipRecord lying = deflated("a", std::string(1000, 'x'));
    lying.bytes = bytes;
    EXPECT_THAT(refusal(make_zip({lying})), HasSubstr("'a'")) << bytes;
  }
  ZipRecord stored{"a", "content"};
  stored.bytes = 8;
  EXPECT_THAT(refusal(make_zip({stored})), HasSubstr("stored with 7 bytes"));
}

TEST(Zip, EntriesThatShareTheirBytesAreRefused) {
  const std::string content(1000, 'x');
  ZipRecord again{"b", content};
  again.offset = 0;  // the header of "a"
  EXPECT_THAT(refusal(make_zip({{"a", content}, again})), HasSubstr("inconsistent"));
  // A header of its own, and the bytes of the next entry as content.
  ZipRecord empty{"a", ""};
  empty.bytes = empty.packed = 1000;
  EXPECT_THAT(refusal(make_zip({empty, {"b", content}})), HasSubstr("overlap"));
}

TEST(Zip, ADirectoryThatLiesAboutItselfIsRefused) {
  const std::vector<ZipRecord> records = {{"a", "one"}, {"b", "two"}};
  const std::string zip = make_zip(records);
  EXPECT_EQ(refusal(zip), "");
  EXPECT_NE(refusal(""), "");
  EXPECT_NE(refusal("PK\x03\x04"), "");
  EXPECT_NE(refusal(zip.substr(0, zip.size() - 1)), "");
  EXPECT_NE(refusal(zip.substr(1)), "");
  for (const testing::ZipEnd& end :
       {testing::ZipEnd{3, {}, {}}, testing::ZipEnd{0xFFFE, {}, {}},
        testing::ZipEnd{{}, 0xFFFFFFF0, {}}, testing::ZipEnd{{}, {}, 0xFFFFFFF0},
        testing::ZipEnd{{}, {}, 1}, testing::ZipEnd{0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF}})
    EXPECT_NE(refusal(make_zip(records, end)), "");
  // A zip64 directory of 2^60 entries.
  std::string end64 = "PK\x06\x06" + testing::little<std::uint64_t>(44) +
                      testing::little<std::uint32_t>(0x002D002D) + std::string(8, '\0') +
                      testing::little(std::uint64_t{1} << 60) +
                      testing::little(std::uint64_t{1} << 60) +
                      testing::little(std::uint64_t{1} << 62) + std::string(8, '\0');
  const std::string locator = "PK\x06\x07" + std::string(12, '\0') + std::string("\1\0\0\0", 4);
  EXPECT_NE(refusal(end64 + locator + make_zip({}, {0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF})), "");
}

}  // namespace
}  // namespace biplane

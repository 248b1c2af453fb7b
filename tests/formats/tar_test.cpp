#include "biplane/formats/tar.h"

#include <gmock/gmock.h>

#include <sstream>

#include "biplane/core/error.h"

namespace biplane {
namespace {

struct Archive {
  std::string bytes;
  std::vector<TarMember> members;
};

Archive small_archive() {
  std::ostringstream stream;
  TarWriter tar(stream);
  Archive archive;
  archive.members.push_back(tar.add("a.txt", "alpha"));
  archive.members.push_back(tar.add("b.bin", std::string(1024, 'b')));
  archive.members.push_back(tar.add("empty.txt", ""));
  archive.members.push_back(tar.add("d.txt", "delta"));
  tar.finish();
  archive.bytes = stream.str();
  return archive;
}

TEST(TarWriter, MembersLieWhereItSays) {
  const Archive archive = small_archive();
  const auto content = [&](std::size_t i) {
    const TarMember& member = archive.members[i];
    return archive.bytes.substr(static_cast<std::size_t>(member.offset),
                                static_cast<std::size_t>(member.length));
  };
  EXPECT_EQ(content(0), "alpha");
  EXPECT_EQ(content(1), std::string(1024, 'b'));
  EXPECT_EQ(content(2), "");
  EXPECT_EQ(content(3), "delta");
  EXPECT_EQ(archive.members[1].offset, 512 + 512 + 512);
  // The header before each says its name, and that it is ustar.
  for (const TarMember& member : archive.members) {
    const auto header = static_cast<std::size_t>(member.offset) - 512;
    EXPECT_EQ(archive.bytes.substr(header, member.name.size() + 1), member.name + '\0');
    EXPECT_EQ(archive.bytes.substr(header + 257, 5), "ustar");
  }
  EXPECT_EQ(archive.bytes.size() % 512, 0u);
}

TEST(TarWriter, SaysNothingOfTimeUserOrMachine) {
  const Archive archive = small_archive();
  EXPECT_EQ(archive.bytes, small_archive().bytes);
  // mode, uid, gid at 100, 108, 116; mtime at 136; user and group name at 265, 297
  EXPECT_EQ(archive.bytes.substr(100, 6), "000644");
  EXPECT_EQ(archive.bytes.substr(108, 6), "000000");
  EXPECT_EQ(archive.bytes.substr(116, 6), "000000");
  EXPECT_EQ(archive.bytes.substr(136, 11), "00000000000");
  EXPECT_EQ(archive.bytes.substr(265, 64), std::string(64, '\0'));
}

TEST(TarWriter, RefusesNamesThatDoNotFitAHeader) {
  std::ostringstream stream;
  TarWriter tar(stream);
  EXPECT_THROW(tar.add(std::string(101, 'x'), "x"), Error);
  EXPECT_THROW(tar.add("", "x"), Error);
  EXPECT_EQ(tar.add(std::string(100, 'x'), "x").offset, 512);
}

TEST(TarWriter, AFailingStreamIsNotAnExceptionButItsState) {
  std::ostringstream stream;
  TarWriter tar(stream);
  stream.setstate(std::ios::badbit);
  tar.add("big", std::string(100000, 'x'));
  tar.finish();
  EXPECT_FALSE(stream);
}

}  // namespace
}  // namespace biplane

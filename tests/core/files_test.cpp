#include "biplane/core/files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <stdexcept>

#include "biplane/core/checksums.h"
#include "biplane/core/error.h"
#include "biplane/core/folder_lock.h"
#include "biplane/core/sha256.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

std::size_t entries(const fs::path& folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

ErrorKind kind_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.kind();
  }
  ADD_FAILURE() << "no error";
  return ErrorKind::kFailure;
}

TEST(Files, AtomicWriteReplacesTheOldContent) {
  const testing::TemporaryFolder folder;
  write_file_atomically(folder / "a", "one");
  write_file_atomically(folder / "a", "two");
  EXPECT_EQ(read_file(folder / "a"), "two");
  EXPECT_EQ(entries(folder.path()), 1u);
}

TEST(Files, AFailingWriterLeavesTheOldContentAndNoRest) {
  const testing::TemporaryFolder folder;
  write_file_atomically(folder / "a", "old");
  EXPECT_THROW(write_file_atomically(folder / "a",
                                     [](std::ostream& stream) {
                                       stream << std::string(200000, 'x');
                                       throw std::runtime_error("stopped");
                                     }),
               std::runtime_error);
  EXPECT_EQ(read_file(folder / "a"), "old");
  EXPECT_EQ(entries(folder.path()), 1u);
}

TEST(Files, FullDiskIsAnIoError) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
  LineAppender full("/dev/full");
  EXPECT_EQ(kind_of([&] { full.append("x"); }), ErrorKind::kIo);
}

TEST(Files, AtomicWriteThroughALinkReplacesWhatItPointsTo) {
  const testing::TemporaryFolder folder;
  make_folder(folder / "other");
  write_file_atomically(folder / "other/target", "old");
  fs::create_symlink("other/target", folder / "second");
  fs::create_symlink("second", folder / "first");
  fs::create_symlink("other/none", folder / "dangling");
  write_file_atomically(folder / "first", "new");
  write_file_atomically(folder / "dangling", "made");
  EXPECT_TRUE(fs::is_symlink(folder / "first"));
  EXPECT_TRUE(fs::is_symlink(folder / "second"));
  EXPECT_EQ(read_file(folder / "other/target"), "new");
  EXPECT_EQ(read_file(folder / "other/none"), "made");
  EXPECT_EQ(entries(folder.path()), 4u);
  EXPECT_EQ(entries(folder / "other"), 2u);
}

TEST(Files, APipeIsWrittenToAndStays) {
  const testing::TemporaryFolder folder;
  const fs::path pipe = folder / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  write_file_atomically(pipe, "content");
  std::string read(100, ' ');
  const ssize_t size = ::read(reader, read.data(), read.size());
  ::close(reader);
  EXPECT_EQ(read.substr(0, static_cast<std::size_t>(std::max<ssize_t>(size, 0))), "content");
  EXPECT_TRUE(fs::is_fifo(pipe));
}

TEST(Files, ErrorsHaveTheirKinds) {
  const testing::TemporaryFolder folder;
  EXPECT_EQ(kind_of([&] { read_file(folder / "none"); }), ErrorKind::kMissingInput);
  EXPECT_EQ(kind_of([&] { read_file(folder.path()); }), ErrorKind::kBadContent);
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(kind_of([&] { read_file(folder / "pipe"); }), ErrorKind::kBadContent);
  write_file_atomically(folder / "big", std::string(1000, 'x'));
  EXPECT_EQ(kind_of([&] { read_file(folder / "big", 999); }), ErrorKind::kBadContent);
  EXPECT_EQ(kind_of([&] { write_file_atomically(folder / "no/such/folder", "x"); }),
            ErrorKind::kIo);
  EXPECT_EQ(kind_of([&] { make_folder(folder / "big/sub"); }), ErrorKind::kIo);
  EXPECT_EQ(kind_of([&] { sha256_file(folder / "none"); }), ErrorKind::kMissingInput);
}

TEST(Files, AppenderGoesOnOrStartsEmpty) {
  const testing::TemporaryFolder folder;
  LineAppender(folder / "log").append("one");
  LineAppender(folder / "log").append("two");
  EXPECT_EQ(read_file(folder / "log"), "one\ntwo\n");
  LineAppender(folder / "log", true).append("three");
  EXPECT_EQ(read_file(folder / "log"), "three\n");
}

TEST(Files, AppenderRemovesALastLineThatWasTorn) {
  const testing::TemporaryFolder folder;
  write_file_atomically(folder / "log", "one\ntw");
  LineAppender(folder / "log").append("three");
  EXPECT_EQ(read_file(folder / "log"), "one\nthree\n");
  write_file_atomically(folder / "log", "on");
  LineAppender(folder / "log").append("two");
  EXPECT_EQ(read_file(folder / "log"), "two\n");
}

TEST(Checksums, DoNotLeaveTheirFolder) {
  const testing::TemporaryFolder folder;
  make_folder(folder / "model");
  write_file_atomically(folder / "secret", "x");
  write_file_atomically(folder / "model/SHA256SUMS", sha256_hex("x") + "  ../secret\n");
  EXPECT_EQ(kind_of([&] { verify_checksums(folder / "model"); }), ErrorKind::kBadContent);
}

TEST(Sha256, AgreesWithThePublishedTestVectors) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  const testing::TemporaryFolder folder;
  write_file_atomically(folder / "million", std::string(1000000, 'a'));
  EXPECT_EQ(sha256_file(folder / "million"),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(FolderLock, KeepsASecondOneOutUntilItGoesAndLeavesNoFile) {
  const testing::TemporaryFolder folder;
  {
    const FolderLock first(folder / "made");
    EXPECT_EQ(kind_of([&] { FolderLock second(folder / "made"); }), ErrorKind::kUsage);
    EXPECT_EQ(entries(folder / "made"), 0u);
  }
  EXPECT_NO_THROW(FolderLock(folder / "made"));
  write_file_atomically(folder / "file", "");
  EXPECT_EQ(kind_of([&] { FolderLock lock(folder / "file"); }), ErrorKind::kIo);
}

}  // namespace
}  // namespace biplane

// What treesum does when the tree changes under it.
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "gtest/gtest.h"
#include "weft/examples/treesum/digest.h"
#include "weft/examples/treesum/walk.h"

namespace treesum {
namespace {

namespace fs = std::filesystem;

class VanishTest : public testing::Test {
 protected:
  VanishTest() {
    std::string pattern = testing::TempDir() + "/vanish.XXXXXX";
    root_ = mkdtemp(pattern.data());
  }
  ~VanishTest() override { fs::remove_all(root_); }

  std::string Make(const std::string& name, const std::string& content = "content") {
    fs::path path = root_ + "/" + name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << content;
    return path;
  }

  int Digest(const std::string& path, bool is_root = false) {
    Sha256 sha256;
    return digester_.Digest(path, is_root, &sha256);
  }

  void ExpectNext(TreeWalker& walker, const std::string& name, int error) {
    std::optional<Found> found = walker.Next();
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->path, root_ + "/" + name);
    EXPECT_EQ(found->error, error);
  }

  std::string root_;
  Tally tally_;
  Digester digester_{&tally_};
};

TEST_F(VanishTest, DirectoryThatVanishesIsToldAndTheRestIsFound) {
  for (const char* name : {"a/file", "b/file", "c/file"}) Make(name);
  TreeWalker walker(root_);
  ExpectNext(walker, "a/file", 0);
  fs::remove_all(root_ + "/b");
  ExpectNext(walker, "b", ENOENT);
  ExpectNext(walker, "c/file", 0);
  EXPECT_FALSE(walker.Next().has_value());
}

TEST_F(VanishTest, LinkInTheDirectorysPlaceIsNotFollowed) {
  for (const char* name : {"a/file", "b/file", "c/file"}) Make(name);
  TreeWalker walker(root_);
  ExpectNext(walker, "a/file", 0);
  fs::remove_all(root_ + "/b");
  fs::create_directory_symlink("c", root_ + "/b");
  ExpectNext(walker, "b", ENOTDIR);
  ExpectNext(walker, "c/file", 0);
}

TEST_F(VanishTest, DirectoryEnteredBeforeItVanishedIsListed) {
  for (const char* name : {"a/1", "a/2"}) Make(name);
  TreeWalker walker(root_);
  ExpectNext(walker, "a/1", 0);
  fs::remove_all(root_ + "/a");
  ExpectNext(walker, "a/2", 0);
  EXPECT_EQ(Digest(root_ + "/a/2"), ENOENT);
}

TEST_F(VanishTest, FifoInTheFilesPlaceIsNotWaitedFor) {
  ASSERT_EQ(mkfifo((root_ + "/fifo").c_str(), 0600), 0);
  EXPECT_EQ(Digest(root_ + "/fifo"), kNotRegular);
}

TEST_F(VanishTest, LinkInTheFilesPlaceIsNotFollowed) {
  fs::create_symlink(Make("file"), root_ + "/link");
  EXPECT_EQ(Digest(root_ + "/link"), kNotRegular);
  EXPECT_EQ(Digest(root_ + "/link", /*is_root=*/true), 0);
}

TEST_F(VanishTest, ReadErrorIsToldAndTheNextFileIsHashed) {
  EXPECT_EQ(Digest("/proc/self/mem"), EIO);
  EXPECT_EQ(Digest(Make("file")), 0);
}

// The tally's count of bytes shows how far each was read.
TEST_F(VanishTest, FileIsReadToWhereItEndsByThen) {
  std::string path = Make("file", "short");
  EXPECT_EQ(Digest(path), 0);
  EXPECT_EQ(tally_.bytes, 5u);
  std::ofstream(path, std::ios::app) << std::string(300'000, 'x');
  EXPECT_EQ(Digest(path), 0);
  EXPECT_EQ(tally_.bytes, 5u + 300'005u);
}

TEST_F(VanishTest, StopsInTheMiddleOfALargeFile) {
  std::string path = Make("file");
  fs::resize_file(path, uint64_t{1} << 40);
  tally_.stop = true;
  EXPECT_EQ(Digest(path), kStopped);
}

}  // namespace
}  // namespace treesum

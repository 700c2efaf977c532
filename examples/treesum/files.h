// files.h: what treesum asks of the kernel.
//
// None of these functions parks the fiber, and they are compiled by themselves: the address of
// errno belongs to a thread and must not be remembered across anything that parks, so errno is read
// here and handed on as a value.
#ifndef WEFT_EXAMPLES_TREESUM_FILES_H_
#define WEFT_EXAMPLES_TREESUM_FILES_H_

#include <sys/stat.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace treesum {

// A file descriptor, or the error that stands in its place.
class File {
 public:
  // open(2) for reading. Paths of PATH_MAX bytes and more, which a deep tree has, are opened piece
  // by piece.
  File(const std::string& path, int flags);
  ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  // 0, or the errno of the first call that failed.
  int error() const { return error_; }

  struct stat Stat();
  // Up to `size` bytes; 0 at the end of the file and on an error.
  size_t Read(char* buffer, size_t size);
  // The file will be read from its beginning to its end: read ahead farther than usual.
  void WillReadAll();
  // Regular files by their names and directories by their names and a slash, in any order;
  // everything else is left out. After an error: what was read before it.
  std::vector<std::string> List();

 private:
  int fd_;
  int error_ = 0;
};

// Writes everything; 0 or an errno.
int WriteAll(int fd, std::string_view data);

// Closes; 0 or an errno. A full disk may show only here.
int CloseForWriting(int fd);

}  // namespace treesum

#endif  // WEFT_EXAMPLES_TREESUM_FILES_H_

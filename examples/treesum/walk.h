// walk.h: the files below a path, one after the other, in the byte order of their paths.
//
// A directory is read whole and sorted before it is entered, with a directory's name taken as
// "name/". That is the order in which the full paths sort, "a-b" before "a/x" before "a0", so
// nothing has to be sorted later. Symbolic links, fifos, sockets and devices are left out. Memory:
// the entries of the directories on the way down; no descriptor stays open.
#ifndef WEFT_EXAMPLES_TREESUM_WALK_H_
#define WEFT_EXAMPLES_TREESUM_WALK_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace treesum {

// A regular file, or, with an error (an errno), a directory that could not be read or not to its
// end.
struct Found {
  std::string path;
  int error = 0;
  // The very path that the walk was asked for. It is opened whatever it is, links followed.
  bool is_root = false;
};

class TreeWalker {
 public:
  explicit TreeWalker(std::string root) : path_(std::move(root)) {}

  // The next file; nothing at the end.
  std::optional<Found> Next();

 private:
  // What is left of a directory, last name first. Its own path is the first `prefix_bytes` of
  // path_.
  struct Level {
    size_t prefix_bytes;
    std::vector<std::string> names;
  };

  std::optional<Found> Start();
  int Enter(const std::string& directory, int flags);

  bool started_ = false;
  std::string path_;
  std::vector<Level> levels_;
};

}  // namespace treesum

#endif  // WEFT_EXAMPLES_TREESUM_WALK_H_

#include "weft/examples/treesum/walk.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <utility>

#include "weft/examples/treesum/files.h"

namespace treesum {

std::optional<Found> TreeWalker::Next() {
  if (!started_) {
    if (std::optional<Found> found = Start()) return found;
  }
  while (!levels_.empty()) {
    Level& level = levels_.back();
    path_.resize(level.prefix_bytes);
    if (level.names.empty()) {
      levels_.pop_back();
      continue;
    }
    path_ += level.names.back();
    level.names.pop_back();
    if (path_.back() != '/') return Found{.path = path_};

    // Without the slash, which would follow a link that has taken the directory's place.
    std::string directory = path_.substr(0, path_.size() - 1);
    if (int error = Enter(directory, O_NOFOLLOW)) return Found{.path = directory, .error = error};
  }
  return std::nullopt;
}

// The root itself if it is not a directory.
std::optional<Found> TreeWalker::Start() {
  started_ = true;
  std::string root = path_;
  if (!path_.ends_with('/')) path_ += '/';
  int error = Enter(root, 0);
  if (error == 0) return std::nullopt;
  if (error == ENOTDIR) error = 0;
  return Found{.path = root, .error = error, .is_root = true};
}

// Adds a level for `directory`, whose path is path_ without a slash behind it, with as much as can
// be read.
int TreeWalker::Enter(const std::string& directory, int flags) {
  File file(directory, flags | O_DIRECTORY);
  if (file.error() != 0) return file.error();
  std::vector<std::string> names = file.List();
  std::sort(names.begin(), names.end(), std::greater<>());
  levels_.push_back({path_.size(), std::move(names)});
  return file.error();
}

}  // namespace treesum

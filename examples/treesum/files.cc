#include "weft/examples/treesum/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>

namespace treesum {
namespace {

int OpenAt(int directory, const char* path, int flags) {
  for (;;) {
    int fd = openat(directory, path, flags);
    if (fd >= 0 || errno != EINTR) return fd;
  }
}

// Where to cut a path that is too long: at the last slash that leaves a first piece the kernel
// takes; 0 if none does.
size_t Cut(std::string_view path) {
  if (path.size() < PATH_MAX) return 0;
  size_t slash = path.rfind('/', PATH_MAX - 1);
  return slash == std::string_view::npos ? 0 : slash;
}

int OpenInPieces(std::string path, int flags) {
  int directory = AT_FDCWD;
  while (size_t slash = Cut(path)) {
    path[slash] = '\0';
    int next = OpenAt(directory, path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    int error = errno;
    if (directory != AT_FDCWD) close(directory);
    errno = error;
    if (next < 0) return next;
    directory = next;
    path.erase(0, path.find_first_not_of('/', slash + 1));
  }
  int fd = OpenAt(directory, path.c_str(), flags);
  int error = errno;
  if (directory != AT_FDCWD) close(directory);
  errno = error;
  return fd;
}

bool IsDots(const char* name) {
  std::string_view view(name);
  return view == "." || view == "..";
}

// DT_REG, DT_DIR or something else. Not every file system says so in the entry itself.
unsigned char TypeOf(int directory, const dirent& entry) {
  if (entry.d_type != DT_UNKNOWN) return entry.d_type;
  struct stat info;
  if (fstatat(directory, entry.d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) return DT_UNKNOWN;
  return IFTODT(info.st_mode);
}

}  // namespace

File::File(const std::string& path, int flags) {
  flags |= O_RDONLY | O_CLOEXEC | O_NOCTTY;
  fd_ = OpenAt(AT_FDCWD, path.c_str(), flags);
  if (fd_ < 0 && errno == ENAMETOOLONG) fd_ = OpenInPieces(path, flags);
  if (fd_ < 0) error_ = errno;
}

File::~File() {
  if (fd_ >= 0) close(fd_);
}

struct stat File::Stat() {
  struct stat info = {};
  if (error_ == 0 && fstat(fd_, &info) != 0) error_ = errno;
  return info;
}

size_t File::Read(char* buffer, size_t size) {
  while (error_ == 0) {
    ssize_t n = read(fd_, buffer, size);
    if (n >= 0) return n;
    if (errno != EINTR) error_ = errno;
  }
  return 0;
}

void File::WillReadAll() { posix_fadvise(fd_, 0, 0, POSIX_FADV_SEQUENTIAL); }

std::vector<std::string> File::List() {
  std::vector<std::string> names;
  DIR* directory = fdopendir(fd_);
  if (directory == nullptr) {
    error_ = errno;
    return names;
  }
  errno = 0;
  while (const dirent* entry = readdir(directory)) {
    unsigned char type = TypeOf(fd_, *entry);
    if ((type == DT_REG || type == DT_DIR) && !IsDots(entry->d_name)) {
      names.emplace_back(entry->d_name);
      if (type == DT_DIR) names.back() += '/';
    }
    errno = 0;
  }
  error_ = errno;
  closedir(directory);
  fd_ = -1;
  return names;
}

int WriteAll(int fd, std::string_view data) {
  while (!data.empty()) {
    ssize_t n = write(fd, data.data(), data.size());
    if (n >= 0) {
      data.remove_prefix(n);
    } else if (errno == EAGAIN) {
      pollfd writable = {.fd = fd, .events = POLLOUT, .revents = 0};
      poll(&writable, 1, -1);
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

int CloseForWriting(int fd) { return close(fd) == 0 ? 0 : errno; }

}  // namespace treesum

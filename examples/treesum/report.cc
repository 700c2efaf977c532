#include "weft/examples/treesum/report.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "weft/examples/treesum/files.h"

namespace treesum {
namespace {

constexpr size_t kFlushBytes = 64 << 10;

// Erases from the start of the line to its end.
constexpr std::string_view kEraseLine = "\r\x1b[K";

bool CanDrawBar() {
  const char* terminal = std::getenv("TERM");
  return isatty(STDERR_FILENO) && terminal != nullptr && std::string_view(terminal) != "dumb";
}

int Columns() {
  winsize size = {};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

void AppendHex(std::string* text, const Sha256& sha256) {
  constexpr char kDigits[] = "0123456789abcdef";
  for (unsigned char byte : sha256) {
    *text += kDigits[byte >> 4];
    *text += kDigits[byte & 15];
  }
}

std::string Bytes(uint64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes);
  int unit = 0;
  for (; value >= 1000 && unit < 6; ++unit) value /= 1024;
  char text[32];
  std::snprintf(text, sizeof(text), unit == 0 ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
  return text;
}

// "[#####.....] 512/1024 files, 3.1 GiB"; a '+' behind the second number while files are still
// being found.
std::string Bar(const Progress& progress, int columns) {
  constexpr int kMaxWidth = 40;
  std::string text = std::to_string(progress.done) + "/" + std::to_string(progress.found) +
                     (progress.all_found ? "" : "+") + " files, " + Bytes(progress.bytes);
  int room = std::min(kMaxWidth, columns - static_cast<int>(text.size()) - 4);
  if (room < 4) return text.substr(0, std::max(columns - 1, 0));
  size_t width = room;
  size_t filled = progress.found == 0 ? 0 : width * progress.done / progress.found;
  return "[" + std::string(filled, '#') + std::string(width - filled, '.') + "] " + text;
}

const char* ErrorText(int error) {
  return error == kNotRegular ? "No longer a regular file" : std::strerror(error);
}

}  // namespace

std::string Escape(std::string_view name) {
  std::string escaped;
  for (char c : name) {
    switch (c) {
      case '\\':
        escaped += "\\\\";
        break;
      case '\n':
        escaped += "\\n";
        break;
      case '\r':
        escaped += "\\r";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

Report::Report() : has_bar_(CanDrawBar()), to_terminal_(isatty(STDOUT_FILENO) != 0) {}

void Report::Line(const Sha256& sha256, std::string_view path) {
  if (broken_) return;
  bool plain = path.find_first_of("\\\n\r") == std::string_view::npos;
  if (!plain) pending_ += '\\';
  AppendHex(&pending_, sha256);
  pending_ += "  ";
  if (plain) {
    pending_ += path;
  } else {
    pending_ += Escape(path);
  }
  pending_ += '\n';
  if (pending_.size() >= kFlushBytes) Flush();
}

void Report::Problem(std::string_view path, int error) {
  had_problem_ = true;
  Flush();  // where both go to one place, a message stands between the lines where its file would
  Message(Escape(path) + ": " + ErrorText(error));
}

void Report::Pause() {
  if (to_terminal_) Flush();
}

void Report::DrawBar(const Progress& progress) {
  if (!has_bar_) return;
  std::string text(kEraseLine);
  text += Bar(progress, Columns());
  WriteAll(STDERR_FILENO, text);
  bar_drawn_ = true;
}

void Report::Finish() {
  Flush();
  EraseBar();
  if (broken_) return;
  if (int error = CloseForWriting(STDOUT_FILENO)) Break(error);
}

void Report::Flush() {
  if (pending_.empty()) return;
  if (to_terminal_) EraseBar();
  int error = WriteAll(STDOUT_FILENO, pending_);
  pending_.clear();
  if (error != 0) Break(error);
}

void Report::Break(int error) {
  broken_ = true;
  Message(std::string("write error: ") + std::strerror(error));
}

void Report::Message(const std::string& text) {
  EraseBar();
  WriteAll(STDERR_FILENO, "treesum: " + text + "\n");
}

void Report::EraseBar() {
  if (!bar_drawn_) return;
  WriteAll(STDERR_FILENO, kEraseLine);
  bar_drawn_ = false;
}

}  // namespace treesum

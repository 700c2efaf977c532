// report.h: what treesum prints: lines as sha256sum's, messages, and a progress bar when stderr is
// a terminal.
//
// Thread safety: none; one fiber prints everything, so that bar, messages and lines never run into
// each other.
#ifndef WEFT_EXAMPLES_TREESUM_REPORT_H_
#define WEFT_EXAMPLES_TREESUM_REPORT_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "weft/examples/treesum/digest.h"

namespace treesum {

// As coreutils writes names: "\\", "\n" and "\r" for backslash, newline and carriage return.
std::string Escape(std::string_view name);

struct Progress {
  uint64_t done = 0;
  uint64_t found = 0;
  bool all_found = false;
  uint64_t bytes = 0;
};

class Report {
 public:
  Report();

  // Whether DrawBar() draws anything.
  bool has_bar() const { return has_bar_; }

  // "DIGEST  PATH", with a backslash in front if PATH was escaped.
  void Line(const Sha256& sha256, std::string_view path);

  // "treesum: PATH: what is wrong" on stderr. `error` is an errno, or kNotRegular.
  void Problem(std::string_view path, int error);

  // To be called when there will be nothing more to print for a while: a reader at a terminal wants
  // to see it.
  void Pause();

  void DrawBar(const Progress& progress);

  // Writes what is left and takes the bar away.
  void Finish();

  // Some write failed, which has been said on stderr. Nothing more is written to stdout.
  bool broken() const { return broken_; }
  // Everything asked for was printed: no problem, no failed write.
  bool good() const { return !had_problem_ && !broken_; }

 private:
  void Flush();
  void Message(const std::string& text);
  void EraseBar();
  void Break(int error);

  const bool has_bar_;
  const bool to_terminal_;
  bool bar_drawn_ = false;
  bool had_problem_ = false;
  bool broken_ = false;
  std::string pending_;
};

}  // namespace treesum

#endif  // WEFT_EXAMPLES_TREESUM_REPORT_H_

// options.h: treesum's command line.
#ifndef WEFT_EXAMPLES_TREESUM_OPTIONS_H_
#define WEFT_EXAMPLES_TREESUM_OPTIONS_H_

#include <string>
#include <string_view>

namespace treesum {

struct Options {
  std::string path;
  int workers = 0;  // 0: one for each processor
  bool help = false;
};

std::string_view Usage();

// Returns what is wrong, or an empty string.
std::string ParseOptions(int argc, char** argv, Options* options);

}  // namespace treesum

#endif  // WEFT_EXAMPLES_TREESUM_OPTIONS_H_

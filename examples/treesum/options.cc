#include "weft/examples/treesum/options.h"

#include <charconv>
#include <string>
#include <string_view>
#include <vector>

namespace treesum {
namespace {

constexpr int kMaxWorkers = 1024;

bool ParseWorkers(std::string_view text, int* workers) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *workers);
  return error == std::errc() && end == text.data() + text.size() && *workers >= 1 &&
         *workers <= kMaxWorkers;
}

std::string BadWorkers(std::string_view text) {
  return "--workers takes a number from 1 to " + std::to_string(kMaxWorkers) + ", not '" +
         std::string(text) + "'";
}

}  // namespace

std::string_view Usage() {
  return "Usage: treesum [--workers N] PATH\n"
         "\n"
         "Prints the SHA-256 of every regular file below the directory PATH, or of the file PATH, "
         "in the\n"
         "format of sha256sum and in the byte order of the paths. Symbolic links below PATH are "
         "not followed.\n"
         "\n"
         "  --workers N   hash up to N files at the same time (default: the number of processors)\n"
         "  --help        print this text\n"
         "\n"
         "Exit status: 0 if everything was hashed, 1 if something could not be read or written, 2 "
         "for a\n"
         "wrong command line.\n";
}

std::string ParseOptions(int argc, char** argv, Options* options) {
  constexpr std::string_view kWorkers = "--workers";
  std::vector<std::string_view> paths;
  bool only_paths = false;
  for (int i = 1; i < argc; ++i) {
    std::string_view argument = argv[i];
    if (only_paths || argument == "-" || !argument.starts_with('-')) {
      paths.push_back(argument);
    } else if (argument == "--") {
      only_paths = true;
    } else if (argument == "--help") {
      options->help = true;
      return "";
    } else if (argument == kWorkers || argument.starts_with("--workers=")) {
      if (argument == kWorkers && i + 1 == argc) return "--workers needs a number";
      std::string_view number =
          argument == kWorkers ? argv[++i] : argument.substr(kWorkers.size() + 1);
      if (!ParseWorkers(number, &options->workers)) return BadWorkers(number);
    } else {
      return "unknown option " + std::string(argument);
    }
  }
  if (paths.empty()) return "no PATH given";
  if (paths.size() > 1) return "more than one PATH given";
  options->path = paths.front();
  return "";
}

}  // namespace treesum

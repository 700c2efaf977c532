// Java's PipedWriter and PipedReader: characters from one to the other, through a buffer of 1024.
#include <cstdio>
#include <string>

#include "weft/context/context.h"
#include "weft/patterns/pipe.h"
#include "weft/sched/main.h"

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    auto [reader, writer] = weft::MakePipe(1024);  // new PipedReader(writer)
    weft::Go([w = std::move(writer)]() mutable {
      for (const char* line : {"first line\n", "second line\n", "no end"}) {
        if (!w.Write(weft::Background(), line).ok()) return;
      }
    });  // close()
    for (;;) {
      const std::string line =
          *reader.ReadUntil(weft::Background(), '\n');  // new BufferedReader(reader).readLine()
      if (line.empty()) break;
      std::printf("%d: %s\n", static_cast<int>(line.size()),
                  line.substr(0, line.find('\n')).c_str());
    }
  });
}

// Output:
// 11: first line
// 12: second line
// 6: no end

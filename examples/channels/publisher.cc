// A publisher with two subscribers: one wants everything, the other what is about golang.
#include <cstdio>
#include <string>

#include "weft/context/context.h"
#include "weft/patterns/pubsub.h"
#include "weft/sched/main.h"
#include "weft/sync/waitgroup.h"

using Text = weft::Topic<std::string>;

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    weft::Publisher<std::string> publisher;
    auto all = publisher.Subscribe();
    auto golang = publisher.Subscribe(Text::Where([](const std::string&, const std::string& text) {
      return text.find("golang") != std::string::npos;
    }));

    for (const char* text : {"hello, world!", "hello, golang!"}) {
      if (!publisher.Publish(weft::Background(), "", text).ok()) return 1;
    }
    if (!publisher.Close(weft::Background()).ok()) return 1;

    weft::WaitGroup readers;
    readers.Go([&] {
      for (const std::string& text : all.C()) std::printf("all: %s\n", text.c_str());
    });
    readers.Go([&] {
      for (const std::string& text : golang.C()) std::printf("golang: %s\n", text.c_str());
    });
    readers.Wait();
    return 0;
  });
}

// Output in any order:
// all: hello, world!
// all: hello, golang!
// golang: hello, golang!

#include "weft/patterns/pipe.h"

#include <cstddef>
#include <optional>
#include <random>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "weft/chan/internal/test_util.h"
#include "weft/context/context.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

using chan_internal::Group;
using chan_internal::TestSeed;
using testing::Repeat;
using testing::RunInFiber;

using PipeTest = testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, PipeTest, testing::kWorkerCounts);

const absl::Status kFailure = absl::DataLossError("failure");

TEST_P(PipeTest, WhatIsWrittenIsRead) {
  for (size_t buffer : {0, 1, 3, 100}) {
    RunInFiber([&] {
      auto [reader, writer] = MakePipe(buffer);
      Group group;
      group.Go([&writer = writer] {
        EXPECT_TRUE(writer.Write(Background(), "hello, ").ok());
        EXPECT_TRUE(writer.Write(Background(), "").ok());
        EXPECT_TRUE(writer.Write(Background(), "world").ok());
        writer.Close();
      });
      EXPECT_EQ(*reader.ReadAll(Background()), "hello, world");
      group.Wait();
      EXPECT_EQ(*reader.ReadAll(Background()), "") << "the end stays";
    });
  }
}

TEST_P(PipeTest, LinesComeOneByOne) {
  RunInFiber([] {
    auto [reader, writer] = MakePipe(64);
    EXPECT_TRUE(writer.Write(Background(), "one\ntwo\nthr").ok());
    writer.Close();
    EXPECT_EQ(*reader.ReadUntil(Background(), '\n'), "one\n");
    EXPECT_EQ(*reader.ReadUntil(Background(), '\n'), "two\n");
    EXPECT_EQ(*reader.ReadUntil(Background(), '\n'), "thr");
    EXPECT_EQ(*reader.ReadUntil(Background(), '\n'), "");
  });
}

TEST_P(PipeTest, WithoutABufferAWriteEndsWhenAllIsTaken) {
  RunInFiber([] {
    auto [reader, writer] = MakePipe();
    bool returned = false;
    Group group;
    group.Go([&, &writer = writer] {
      EXPECT_TRUE(writer.Write(Background(), "abc").ok());
      returned = true;
    });
    char c[2];
    EXPECT_EQ(*reader.Read(Background(), absl::MakeSpan(c)), 2u);
    for (int i = 0; i < 20; ++i) Gosched();
    EXPECT_FALSE(returned);
    EXPECT_EQ(*reader.Read(Background(), absl::MakeSpan(c)), 1u);
    group.Wait();
  });
}

TEST_P(PipeTest, TheWritersErrorComesAfterItsBytes) {
  auto [reader, writer] = MakePipe(8);
  EXPECT_TRUE(writer.Write(Background(), "x").ok());
  writer.Close(kFailure);
  writer.Close();
  char c;
  EXPECT_EQ(*reader.Read(Background(), absl::MakeSpan(&c, 1)), 1u);
  EXPECT_EQ(reader.Read(Background(), absl::MakeSpan(&c, 1)).status(), kFailure);
  EXPECT_EQ(writer.Write(Background(), "x").code(), absl::StatusCode::kFailedPrecondition);
}

TEST_P(PipeTest, TheReadersEndEndsTheWait) {
  for (size_t buffer : {0, 2}) {
    RunInFiber([&] {
      auto pipe = MakePipe(buffer);
      std::optional<PipeReader> reader(std::move(pipe.first));
      Group group;
      group.Go([&] {
        size_t written = 99;
        EXPECT_EQ(pipe.second.Write(Background(), "abcdef", &written).code(),
                  absl::StatusCode::kFailedPrecondition);
        EXPECT_GE(written, 1u);
        EXPECT_LE(written, buffer + 1) << "what was read, and what is in the buffer";
      });
      char c;
      EXPECT_EQ(*reader->Read(Background(), absl::MakeSpan(&c, 1)), 1u);
      if (buffer == 0) {
        reader.reset();
      } else {
        reader->Close();
      }
      group.Wait();
    });
  }
}

TEST_P(PipeTest, AReaderMayTellWhy) {
  auto [reader, writer] = MakePipe();
  reader.Close(kFailure);
  EXPECT_EQ(writer.Write(Background(), "x"), kFailure);
  char c;
  EXPECT_EQ(reader.Read(Background(), absl::MakeSpan(&c, 1)).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_P(PipeTest, TheContextEndsEveryWait) {
  RunInFiber([] {
    auto [ctx, cancel] = WithCancel(Background());
    auto [reader, writer] = MakePipe();
    auto [other_reader, other_writer] = MakePipe();
    Group group;
    group.Go([&, ctx = ctx, &reader = reader] {
      EXPECT_EQ(reader.ReadAll(ctx).status().code(), absl::StatusCode::kCancelled);
    });
    for (int i = 0; i < 2; ++i) {
      group.Go([&, ctx = ctx, &writer = other_writer] {
        EXPECT_EQ(writer.Write(ctx, "x").code(), absl::StatusCode::kCancelled);
      });
    }
    Gosched();
    cancel();
    group.Wait();
    char c;
    auto [soon, cancel_soon] = WithTimeout(Background(), absl::Milliseconds(1));
    EXPECT_EQ(other_reader.Read(soon, absl::MakeSpan(&c, 1)).status().code(),
              absl::StatusCode::kDeadlineExceeded)
        << "what was offered is taken back";
  });
}

// Writers do not mix, whatever the sizes; the reader sees each one's writes in order.
TEST_P(PipeTest, WritesStayWhole) {
  std::mt19937_64 random(TestSeed());
  for (int round = Repeat(30); round > 0; --round) {
    auto pipe = MakePipe(random() % 8);
    Group group;
    for (char who = 'a'; who < 'd'; ++who) {
      group.Go([&, who, seed = random()] {
        std::mt19937_64 r(seed);
        for (int i = 0; i < 20; ++i) {
          std::string line(r() % 9, who);
          EXPECT_TRUE(pipe.second.Write(Background(), line + "\n").ok());
        }
      });
    }
    std::string all;
    Group reading;
    reading.Go([&] { all = *pipe.first.ReadAll(Background()); });
    group.Wait();
    pipe.second.Close();
    reading.Wait();
    int lines = 0;
    for (size_t at = 0; at < all.size(); ++lines) {
      const size_t end = all.find('\n', at);
      ASSERT_NE(end, std::string::npos);
      EXPECT_EQ(all.substr(at, end - at), std::string(end - at, all[at])) << "one writer's line";
      at = end + 1;
    }
    EXPECT_EQ(lines, 60);
  }
}

}  // namespace
}  // namespace weft

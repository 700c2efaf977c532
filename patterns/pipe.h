// pipe.h: bytes from a writer to a reader in the same process.
//
// Go: io.Pipe: without a buffer each Write() ends when a reader has taken all of it. Java:
//   PipedReader and PipedWriter, with a buffer. The ends are closed when they are destroyed.
//
// Thread safety: all methods; several writers do not mix within one Write().
// Blocks: Write(): until everything is taken, or is in the buffer. Read(): until there is
//   something. Close(): nothing.
// Ordering: a Write() is before the Read() of its bytes; without a buffer, that before the return
//   of the Write().
// Lifetime: the two ends share the pipe.
// Misuse: to use an end that was closed or moved from: kFailedPrecondition, or a crash.
// Cost: a lock for each operation, and a channel whenever somebody has to wait; the bytes are
//   copied once without a buffer, twice with one.
//
//   auto [reader, writer] = weft::MakePipe();
//   weft::Go([w = std::move(writer)]() mutable { w.Write(ctx, "hello\n").IgnoreError(); });
//   absl::StatusOr<std::string> all = reader.ReadAll(ctx);
#ifndef WEFT_PATTERNS_PIPE_H_
#define WEFT_PATTERNS_PIPE_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "weft/context/context.h"

namespace weft {

namespace patterns_internal {
class PipeCore;
}  // namespace patterns_internal

class PipeReader {
 public:
  PipeReader(PipeReader&&) = default;
  PipeReader& operator=(PipeReader&& other) noexcept {
    std::swap(core_, other.core_);
    return *this;
  }
  ~PipeReader() { Close(); }

  // Reads what there is, at least one byte unless `into` is empty. 0: the writer has closed, and
  // all was read. The error that the writer has closed with; ctx.Err().
  absl::StatusOr<size_t> Read(const Context& ctx, absl::Span<char> into);

  // Everything up to the end; or up to and with `delimiter`, if it comes before. Empty: the end.
  absl::StatusOr<std::string> ReadAll(const Context& ctx);
  absl::StatusOr<std::string> ReadUntil(const Context& ctx, char delimiter);

  // Whoever writes gets `error`; OK stands for kFailedPrecondition. Only the first Close() counts.
  void Close(absl::Status error = absl::OkStatus());

 private:
  friend std::pair<PipeReader, class PipeWriter> MakePipe(size_t buffer_bytes);
  explicit PipeReader(std::shared_ptr<patterns_internal::PipeCore> core) : core_(std::move(core)) {}
  std::shared_ptr<patterns_internal::PipeCore> core_;
};

class PipeWriter {
 public:
  PipeWriter(PipeWriter&&) = default;
  PipeWriter& operator=(PipeWriter&& other) noexcept {
    std::swap(core_, other.core_);
    return *this;
  }
  ~PipeWriter() { Close(); }

  // Writes everything. An error: what the reader has closed with, ctx.Err(), or kFailedPrecondition
  // on a closed writer; then *written bytes have been taken.
  absl::Status Write(const Context& ctx, std::string_view bytes, size_t* written = nullptr);

  // Whoever reads gets, after what was written, `error`; OK: the end. Only the first Close()
  // counts.
  void Close(absl::Status error = absl::OkStatus());

 private:
  friend std::pair<PipeReader, PipeWriter> MakePipe(size_t buffer_bytes);
  explicit PipeWriter(std::shared_ptr<patterns_internal::PipeCore> core) : core_(std::move(core)) {}
  std::shared_ptr<patterns_internal::PipeCore> core_;
};

// A pipe with room for so many bytes.
std::pair<PipeReader, PipeWriter> MakePipe(size_t buffer_bytes = 0);

}  // namespace weft

#endif  // WEFT_PATTERNS_PIPE_H_

#include "weft/patterns/pipe.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "weft/patterns/internal/changed.h"
#include "weft/sync/mutex.h"
#include "weft/sync/semaphore.h"

namespace weft {
namespace patterns_internal {

class PipeCore {
 public:
  explicit PipeCore(size_t capacity) : capacity_(capacity) {}

  absl::StatusOr<size_t> Read(const Context& ctx, absl::Span<char> into) {
    MutexLock lock(mu_);
    for (;;) {
      if (reader_closed_) return absl::FailedPreconditionError("read on closed pipe");
      if (into.empty()) return 0;
      if (const size_t n = Take(into); n > 0) return n;
      if (writer_closed_) {
        if (!writer_closed_->ok()) return *writer_closed_;
        return 0;
      }
      if (absl::Status s = changed_.Wait(ctx); !s.ok()) return s;
    }
  }

  absl::Status Write(const Context& ctx, std::string_view bytes, size_t* written) {
    *written = 0;
    if (absl::Status s = writers_.Acquire(ctx); !s.ok()) return s;
    absl::Status s = WriteInTurn(ctx, bytes, written);
    writers_.Release();
    return s;
  }

  void CloseReader(absl::Status error) {
    MutexLock lock(mu_);
    if (reader_closed_) return;
    reader_closed_ =
        error.ok() ? absl::FailedPreconditionError("write on closed pipe") : std::move(error);
    changed_.Notify();
  }

  void CloseWriter(absl::Status error) {
    MutexLock lock(mu_);
    if (writer_closed_) return;
    writer_closed_ = std::move(error);
    changed_.Notify();
  }

 private:
  // Bytes from the buffer, or else from the writer that waits.
  size_t Take(absl::Span<char> into) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    const std::string_view source =
        capacity_ > 0 ? std::string_view(buffer_).substr(read_) : offered_;
    const size_t n = std::min(into.size(), source.size());
    if (n == 0) return 0;
    std::memcpy(into.data(), source.data(), n);
    if (capacity_ == 0) {
      offered_.remove_prefix(n);
    } else if (read_ += n; read_ == buffer_.size()) {
      buffer_.clear();
      read_ = 0;
    }
    changed_.Notify();
    return n;
  }

  absl::Status WriteInTurn(const Context& ctx, std::string_view bytes, size_t* written) {
    MutexLock lock(mu_);
    if (capacity_ > 0) return Fill(ctx, bytes, written);
    if (absl::Status s = CanWrite(); !s.ok()) return s;
    offered_ = bytes;
    changed_.Notify();
    absl::Status s;
    while (!offered_.empty() && s.ok()) {
      s = CanWrite();
      if (s.ok()) s = changed_.Wait(ctx);
    }
    *written = bytes.size() - offered_.size();
    // All was taken at the same time as the context ended or an end was closed: that is a success.
    if (offered_.empty()) return absl::OkStatus();
    offered_ = {};
    return s;
  }

  absl::Status Fill(const Context& ctx, std::string_view bytes, size_t* written)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    for (;;) {
      if (absl::Status s = CanWrite(); !s.ok()) return s;
      const size_t n = std::min(bytes.size() - *written, capacity_ - (buffer_.size() - read_));
      if (n > 0) {
        if (read_ > 0) {
          buffer_.erase(0, read_);
          read_ = 0;
        }
        buffer_.append(bytes.substr(*written, n));
        *written += n;
        changed_.Notify();
      }
      if (*written == bytes.size()) return absl::OkStatus();
      if (absl::Status s = changed_.Wait(ctx); !s.ok()) return s;
    }
  }

  absl::Status CanWrite() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (writer_closed_) return absl::FailedPreconditionError("write on closed pipe");
    return reader_closed_ ? *reader_closed_ : absl::OkStatus();
  }

  const size_t capacity_;
  Semaphore writers_{1};
  Mutex mu_;
  Changed changed_{mu_};
  // With a buffer: what is in it, from read_ on.
  std::string buffer_ ABSL_GUARDED_BY(mu_);
  size_t read_ ABSL_GUARDED_BY(mu_) = 0;
  // Without: what the writer in turn still has to get rid of.
  std::string_view offered_ ABSL_GUARDED_BY(mu_);
  std::optional<absl::Status> reader_closed_ ABSL_GUARDED_BY(mu_), writer_closed_
      ABSL_GUARDED_BY(mu_);
};

}  // namespace patterns_internal

absl::StatusOr<size_t> PipeReader::Read(const Context& ctx, absl::Span<char> into) {
  return core_->Read(ctx, into);
}

absl::StatusOr<std::string> PipeReader::ReadAll(const Context& ctx) {
  std::string all;
  char chunk[4096];
  for (;;) {
    absl::StatusOr<size_t> n = Read(ctx, absl::MakeSpan(chunk));
    if (!n.ok()) return n.status();
    if (*n == 0) return all;
    all.append(chunk, *n);
  }
}

absl::StatusOr<std::string> PipeReader::ReadUntil(const Context& ctx, char delimiter) {
  std::string line;
  for (char c = static_cast<char>(~delimiter); c != delimiter;) {
    absl::StatusOr<size_t> n = Read(ctx, absl::Span<char>(&c, 1));
    if (!n.ok()) return n.status();
    if (*n == 0) break;
    line += c;
  }
  return line;
}

void PipeReader::Close(absl::Status error) {
  if (core_ != nullptr) core_->CloseReader(std::move(error));
}

absl::Status PipeWriter::Write(const Context& ctx, std::string_view bytes, size_t* written) {
  size_t ignored;
  return core_->Write(ctx, bytes, written != nullptr ? written : &ignored);
}

void PipeWriter::Close(absl::Status error) {
  if (core_ != nullptr) core_->CloseWriter(std::move(error));
}

std::pair<PipeReader, PipeWriter> MakePipe(size_t buffer_bytes) {
  auto core = std::make_shared<patterns_internal::PipeCore>(buffer_bytes);
  return {PipeReader(core), PipeWriter(core)};
}

}  // namespace weft

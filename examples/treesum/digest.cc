#include "weft/examples/treesum/digest.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "weft/examples/treesum/files.h"
#include "weft/sched/go.h"
#include "weft/sched/panic.h"

namespace treesum {
namespace {

// Large enough that a read's cost does not show, small enough to stay in the second-level cache
// between the read and the hash.
constexpr size_t kChunkBytes = 128 << 10;

// A large file must not keep the other fibers of this processor waiting: yield every half
// millisecond or so.
constexpr uint64_t kBytesPerYield = 1 << 20;

// O_NONBLOCK: should a fifo have taken the file's place, opening it must not wait for a writer.
constexpr int kInTree = O_NOFOLLOW | O_NONBLOCK;

void Check(int openssl_result) {
  if (openssl_result != 1) weft::Panic("treesum: OpenSSL cannot compute SHA-256");
}

int CheckInTree(File& file) {
  struct stat info = file.Stat();
  if (file.error() != 0) return file.error();
  if (!S_ISREG(info.st_mode)) return kNotRegular;
  if (info.st_size > static_cast<off_t>(kChunkBytes)) file.WillReadAll();
  return 0;
}

}  // namespace

Digester::Digester(Tally* tally)
    : tally_(tally),
      algorithm_(EVP_MD_fetch(nullptr, "SHA256", nullptr)),
      context_(EVP_MD_CTX_new()),
      buffer_(new char[kChunkBytes]) {
  Check(algorithm_ != nullptr && context_ != nullptr);
}

int Digester::Digest(const std::string& path, bool is_root, Sha256* sha256) {
  if (tally_->stop.load(std::memory_order_relaxed))
    return kStopped;  // relaxed: nothing is read because of it
  File file(path, is_root ? 0 : kInTree);
  if (file.error() != 0) return file.error() == ELOOP && !is_root ? kNotRegular : file.error();
  if (!is_root) {
    if (int error = CheckInTree(file)) return error;
  }
  Begin();
  uint64_t since_yield = 0;
  while (size_t n = file.Read(buffer_.get(), kChunkBytes)) {
    Update(n);
    since_yield += n;
    if (since_yield < kBytesPerYield) continue;
    since_yield = 0;
    weft::Gosched();
    if (tally_->stop.load(std::memory_order_relaxed)) return kStopped;  // relaxed: as above
  }
  if (file.error() != 0) return file.error();
  End(sha256);
  return 0;
}

void Digester::Begin() { Check(EVP_DigestInit_ex2(context_.get(), algorithm_.get(), nullptr)); }

void Digester::Update(size_t bytes) {
  Check(EVP_DigestUpdate(context_.get(), buffer_.get(), bytes));
  tally_->bytes.fetch_add(bytes, std::memory_order_relaxed);  // relaxed: a statistic
}

void Digester::End(Sha256* sha256) {
  Check(EVP_DigestFinal_ex(context_.get(), sha256->data(), nullptr));
}

}  // namespace treesum

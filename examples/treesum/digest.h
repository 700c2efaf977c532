// digest.h: the SHA-256 of files.
#ifndef WEFT_EXAMPLES_TREESUM_DIGEST_H_
#define WEFT_EXAMPLES_TREESUM_DIGEST_H_

#include <openssl/evp.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

namespace treesum {

using Sha256 = std::array<unsigned char, 32>;

// In place of an errno: the file in the tree has been replaced by something else since it was
// listed.
inline constexpr int kNotRegular = -1;
// In place of an errno: told to stop.
inline constexpr int kStopped = -2;

// What all digesters share.
struct Tally {
  std::atomic<uint64_t> bytes{0};
  std::atomic<bool> stop{false};
};

// Hashes one file after the other: a context and a buffer for all of them, nothing allocated for
// each.
class Digester {
 public:
  explicit Digester(Tally* tally);

  // 0, an errno or one of the constants above. A root is opened as sha256sum would; a file in the
  // tree must be a regular file and not a link to one. Reads until the end of the file, wherever
  // that is by then. Yields now and then.
  int Digest(const std::string& path, bool is_root, Sha256* sha256);

 private:
  struct Free {
    void operator()(EVP_MD* algorithm) const { EVP_MD_free(algorithm); }
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };

  void Begin();
  void Update(size_t bytes);
  void End(Sha256* sha256);

  Tally* tally_;
  std::unique_ptr<EVP_MD, Free> algorithm_;
  std::unique_ptr<EVP_MD_CTX, Free> context_;
  std::unique_ptr<char[]> buffer_;
};

}  // namespace treesum

#endif  // WEFT_EXAMPLES_TREESUM_DIGEST_H_

#include "weft/sched/internal/held_mutexes.h"

#include <link.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <tuple>
#include <utility>

namespace weft::sched_internal {
namespace {

// Of the stack, the innermost. Who locks a mutex above that much of frames can do without.
constexpr size_t kMaxStackBytes = 1 << 20;
constexpr size_t kChunkBytes = 64 << 10;
constexpr size_t kBatch = kChunkBytes / kWindow;

// The C library's layouts, the same for x86-64 and aarch64; others are never recognized. All of it
// counts: in a container threads' ids are small numbers, and many things begin with three of these.
struct MutexWords {
  uint32_t lock;
  uint32_t count;
  int32_t owner;
  uint32_t users;
  uint32_t kind;
  uint16_t spins;
  uint16_t elision;
  uint64_t list[2];  // of robust mutexes
};
struct WriteLockWords {
  uint32_t readers;
  uint32_t writers;
  uint32_t phase_futex;
  uint32_t writers_futex;
  uint32_t padding[2];
  int32_t writer;
  uint32_t shared;
  uint64_t unused[2];
  uint32_t flags;
};

constexpr uint32_t kMany = 1 << 20;  // of threads, or of times that one locks it

template <typename Words>
bool Copy(const char* bytes, size_t size, Words* words) {
  if (size < sizeof *words) return false;
  std::memcpy(words, bytes, sizeof *words);
  return true;
}

bool IsHeld(const MutexWords& m, int32_t thread) {
  const uint32_t type = m.kind & 3;
  const bool counted = type == PTHREAD_MUTEX_RECURSIVE;
  return m.owner == thread && (m.lock == 1 || m.lock == 2) && (m.count != 0) == counted &&
         m.count < kMany && m.users != 0 && m.users < kMany && m.kind < 0x400 &&
         (m.spins == 0 || type == PTHREAD_MUTEX_ADAPTIVE_NP) && m.elision == 0 && m.list[0] == 0 &&
         m.list[1] == 0;
}

// The bits say: it is the writers' turn, and one of them has it.
bool IsHeld(const WriteLockWords& l, int32_t thread) {
  return l.writer == thread && (l.readers & 3) == 3 && l.readers < kMany && l.writers < kMany &&
         (l.phase_futex | 2) == 3 && (l.writers_futex | 2) == 3 && l.padding[0] == 0 &&
         l.padding[1] == 0 && l.shared <= 1 && l.unused[0] == 0 && l.unused[1] == 0 && l.flags <= 2;
}

bool LooksHeld(const char* bytes, size_t size, int32_t thread) {
  MutexWords mutex;
  WriteLockWords lock;
  return (Copy(bytes, size, &mutex) && IsHeld(mutex, thread)) ||
         (Copy(bytes, size, &lock) && IsHeld(lock, thread));
}

class Search {
 public:
  Search() : thread_(static_cast<int32_t>(syscall(SYS_gettid))), chunk_(kChunkBytes) {}
  // Nothing that looks like a locked mutex stays behind for the next search.
  ~Search() { std::fill(chunk_.begin(), chunk_.end(), 0); }

  void Stack(const AddressRange& piece);
  void Pointers();
  void StaticStorage();

  std::vector<HeldMutex> TakeFound();

 private:
  struct Pointer {
    uintptr_t target;
    uintptr_t seen_at;
  };

  // How many bytes could be read, one window after the other; the rest of them is the first that
  // could not be.
  size_t Read(const iovec* windows, size_t count);
  // Calls fn(address, bytes, size) for each word of a range that can be read.
  template <typename Fn>
  void ForEachWord(const AddressRange& range, Fn fn);
  void Windows(const Pointer* pointers, size_t count);
  void Found(uintptr_t mutex, const Pointer& pointer);

  const int32_t thread_;
  std::vector<char> chunk_;
  std::vector<Pointer> pointers_;
  std::vector<HeldMutex> found_;
};

size_t Search::Read(const iovec* windows, size_t count) {
  const iovec local = {chunk_.data(), chunk_.size()};
  // Not by the library's function, which sanitizers replace.
  const long bytes = syscall(SYS_process_vm_readv, getpid(), &local, 1UL, windows, count, 0UL);
  return bytes < 0 ? 0 : static_cast<size_t>(bytes);
}

template <typename Fn>
void Search::ForEachWord(const AddressRange& range, Fn fn) {
  // Chunks overlap by what a lock takes.
  constexpr size_t kOverlap = sizeof(WriteLockWords);
  for (uintptr_t low = range.low; low < range.high; low += kChunkBytes - kOverlap) {
    const iovec window = {reinterpret_cast<void*>(low),
                          std::min<size_t>(kChunkBytes, range.high - low)};
    const size_t size = Read(&window, 1);
    for (size_t i = 0; i + sizeof(uintptr_t) <= size; i += sizeof(uintptr_t)) {
      fn(low + i, chunk_.data() + i, size - i);
    }
  }
}

void Search::Found(uintptr_t mutex, const Pointer& pointer) {
  const auto copies = reinterpret_cast<uintptr_t>(chunk_.data());
  if (mutex - copies < kChunkBytes) return;
  for (const HeldMutex& known : found_) {
    if (known.address == mutex) return;
  }
  found_.push_back({mutex, pointer.target, pointer.seen_at});
}

void Search::Stack(const AddressRange& piece) {
  ForEachWord(piece, [&](uintptr_t address, const char* bytes, size_t size) {
    uintptr_t word;
    std::memcpy(&word, bytes, sizeof word);
    constexpr uintptr_t kLowest = 1 << 16;
    constexpr uintptr_t kHighest = uintptr_t{1} << 48;
    if (word % sizeof word == 0 && word >= kLowest && word < kHighest) {
      pointers_.push_back({word, address});
    }
    // One that is a local variable itself.
    if (LooksHeld(bytes, size, thread_)) pointers_.push_back({address, address});
  });
}

void Search::Windows(const Pointer* pointers, size_t count) {
  for (size_t done = 0; done < count;) {
    iovec windows[kBatch];
    const size_t batch = std::min(kBatch, count - done);
    for (size_t i = 0; i < batch; ++i) {
      windows[i] = {reinterpret_cast<void*>(pointers[done + i].target), kWindow};
    }
    const size_t bytes = Read(windows, batch);
    for (size_t i = 0; i < bytes; i += sizeof(uintptr_t)) {
      const Pointer& pointer = pointers[done + i / kWindow];
      const size_t end = std::min(bytes, (i / kWindow + 1) * kWindow);
      if (LooksHeld(chunk_.data() + i, end - i, thread_)) {
        Found(pointer.target + i % kWindow, pointer);
      }
    }
    // One that cannot be read whole is passed over.
    done += bytes == batch * kWindow ? batch : bytes / kWindow + 1;
  }
}

void Search::Pointers() {
  // Those that lead furthest first: what is found in two windows is then nearest to the pointer that
  // comes first. Of several with one target the outermost, last of all the target itself.
  std::sort(pointers_.begin(), pointers_.end(), [](const Pointer& a, const Pointer& b) {
    const auto rank = [](const Pointer& p) {
      return std::tuple(p.target, p.seen_at != p.target, p.seen_at);
    };
    return rank(a) > rank(b);
  });
  const auto end =
      std::unique(pointers_.begin(), pointers_.end(),
                  [](const Pointer& a, const Pointer& b) { return a.target == b.target; });
  Windows(pointers_.data(), static_cast<size_t>(end - pointers_.begin()));
}

void Search::StaticStorage() {
  std::vector<AddressRange> pieces;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* argument) {
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const ElfW(Phdr)& piece = info->dlpi_phdr[i];
          const bool wanted = piece.p_type == PT_LOAD && (piece.p_flags & PF_W) != 0 &&
                              piece.p_memsz <= kMaxStaticBytes;
          const uintptr_t low = (info->dlpi_addr + piece.p_vaddr + 7) & ~uintptr_t{7};
          const uintptr_t high = info->dlpi_addr + piece.p_vaddr + piece.p_memsz;
          if (wanted && low < high) {
            static_cast<std::vector<AddressRange>*>(argument)->push_back({low, high});
          }
        }
        return 0;
      },
      &pieces);
  for (const AddressRange& piece : pieces) {
    ForEachWord(piece, [&](uintptr_t address, const char* bytes, size_t size) {
      if (LooksHeld(bytes, size, thread_)) Found(address, {0, 0});
    });
  }
}

std::vector<HeldMutex> Search::TakeFound() { return std::move(found_); }

}  // namespace

std::vector<HeldMutex> FindHeldMutexes(const std::vector<AddressRange>& stack) {
#if defined(__GLIBC__)
  Search search;
  size_t left = kMaxStackBytes;
  for (const AddressRange& piece : stack) {
    const size_t bytes = std::min<size_t>(left, piece.high - piece.low);
    search.Stack({piece.low, piece.low + bytes});
    left -= bytes;
  }
  search.Pointers();
  search.StaticStorage();
  return search.TakeFound();
#else
  static_cast<void>(stack);
  return {};
#endif
}

}  // namespace weft::sched_internal

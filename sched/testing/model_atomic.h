// model_atomic.h: the model explorer's atomics. They take the place of std::atomic in code that is
// compiled with WEFT_MODEL: each operation is a point where the explorer may run another thread,
// and a load may return an older value wherever the C++ memory model lets it.
//
// Differences from std::atomic: every operation names its memory order, there are no operators, no
// wait() and notify(), and T has at most eight bytes. Outside an execution of model::Explore() it
// is a plain value.
#ifndef WEFT_SCHED_TESTING_MODEL_ATOMIC_H_
#define WEFT_SCHED_TESTING_MODEL_ATOMIC_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace weft::sched_internal::model {

// A place in the source, filled in by the caller's default argument.
struct Site {
  const char* file;
  int line;

  static constexpr Site Here(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    return {file, line};
  }
};

// One turn of a spin loop: the caller runs again only after a value that it read in this turn has
// changed.
void SpinHint(Site site = Site::Here());

// As std::atomic_thread_fence().
void Fence(std::memory_order order, Site site = Site::Here());

namespace internal {

// Which location of which execution an atomic stands for.
struct Handle {
  uint32_t id = 0;
  uint32_t epoch = 0;  // 0: none yet
};

// The running execution; 0 outside.
extern uint32_t current_epoch;

// Gives the atomic a location if it has none. Returns false outside an execution.
bool Bind(Handle& handle, const void* address, uint64_t initial);
void Construct(Handle& handle, const void* address, uint64_t initial);
void Destroy(Handle& handle);

uint64_t Load(const Handle& handle, std::memory_order order, Site site);
void Store(const Handle& handle, uint64_t bits, std::memory_order order, Site site);

using Update = uint64_t (*)(uint64_t old, uint64_t operand);
uint64_t ReadModifyWrite(const Handle& handle, Update update, uint64_t operand,
                         std::memory_order order, Site site);

struct CompareExchangeArgs {
  uint64_t desired;
  std::memory_order success;
  std::memory_order failure;
  bool weak;
};
// Waits until the value is 0 and makes it 1, with acquire.
void Lock(const Handle& handle, Site site);
bool CompareExchange(const Handle& handle, uint64_t& expected, const CompareExchangeArgs& args,
                     Site site);

// The failure order that a compare-exchange with one order implies.
constexpr std::memory_order FailureOrder(std::memory_order order) {
  if (order == std::memory_order_acq_rel) return std::memory_order_acquire;
  if (order == std::memory_order_release) return std::memory_order_relaxed;
  return order;
}

}  // namespace internal

template <typename T>
class Atomic {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(uint64_t));

 public:
  using value_type = T;
  using Order = std::memory_order;
  static constexpr bool is_always_lock_free = true;

  constexpr Atomic() noexcept : Atomic(T()) {}
  constexpr Atomic(T value) noexcept : plain_(value) {  // implicit, as std::atomic's
    if (!std::is_constant_evaluated()) internal::Construct(handle_, this, ToBits(value));
  }
  constexpr ~Atomic() {
    if (!std::is_constant_evaluated()) internal::Destroy(handle_);
  }
  Atomic(const Atomic&) = delete;
  Atomic& operator=(const Atomic&) = delete;

  bool is_lock_free() const { return true; }

  T load(Order order, Site site = Site::Here()) const {
    if (!Bind()) return plain_;
    return FromBits(internal::Load(handle_, order, site));
  }

  void store(T value, Order order, Site site = Site::Here()) {
    if (!Bind()) {
      plain_ = value;
    } else {
      internal::Store(handle_, ToBits(value), order, site);
    }
  }

  // For the explorer's own locks: waits until the value is 0 and makes it 1, with acquire.
  void WaitAndLock(Site site = Site::Here()) {
    if (Bind()) internal::Lock(handle_, site);
  }

  T exchange(T value, Order order, Site site = Site::Here()) {
    return Apply(&Second, ToBits(value), order, site);
  }

  bool compare_exchange_strong(T& expected, T desired, Order success, Order failure,
                               Site site = Site::Here()) {
    return CompareExchange(expected, {ToBits(desired), success, failure, false}, site);
  }
  bool compare_exchange_strong(T& expected, T desired, Order order, Site site = Site::Here()) {
    return CompareExchange(expected, {ToBits(desired), order, internal::FailureOrder(order), false},
                           site);
  }
  bool compare_exchange_weak(T& expected, T desired, Order success, Order failure,
                             Site site = Site::Here()) {
    return CompareExchange(expected, {ToBits(desired), success, failure, true}, site);
  }
  bool compare_exchange_weak(T& expected, T desired, Order order, Site site = Site::Here()) {
    return CompareExchange(expected, {ToBits(desired), order, internal::FailureOrder(order), true},
                           site);
  }

  T fetch_add(T operand, Order order, Site site = Site::Here()) requires std::is_integral_v<T> {
    return Apply(&Sum, ToBits(operand), order, site);
  }
  T fetch_sub(T operand, Order order, Site site = Site::Here()) requires std::is_integral_v<T> {
    return Apply(&Difference, ToBits(operand), order, site);
  }
  T fetch_and(T operand, Order order, Site site = Site::Here()) requires std::is_integral_v<T> {
    return Apply([](uint64_t a, uint64_t b) { return a & b; }, ToBits(operand), order, site);
  }
  T fetch_or(T operand, Order order, Site site = Site::Here()) requires std::is_integral_v<T> {
    return Apply([](uint64_t a, uint64_t b) { return a | b; }, ToBits(operand), order, site);
  }
  T fetch_xor(T operand, Order order, Site site = Site::Here()) requires std::is_integral_v<T> {
    return Apply([](uint64_t a, uint64_t b) { return a ^ b; }, ToBits(operand), order, site);
  }
  T fetch_add(ptrdiff_t elements, Order order,
              Site site = Site::Here()) requires std::is_pointer_v<T> {
    return Apply(&Advance, static_cast<uint64_t>(elements), order, site);
  }
  T fetch_sub(ptrdiff_t elements, Order order,
              Site site = Site::Here()) requires std::is_pointer_v<T> {
    return Apply(&Advance, static_cast<uint64_t>(-elements), order, site);
  }

 private:
  static uint64_t ToBits(T value) {
    uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof(T));
    return bits;
  }
  static T FromBits(uint64_t bits) {
    T value;
    std::memcpy(&value, &bits, sizeof(T));
    return value;
  }

  static uint64_t Second(uint64_t, uint64_t operand) { return operand; }
  // Added as unsigned numbers, so that signed ones wrap around as std::atomic's do.
  static uint64_t Sum(uint64_t a, uint64_t b) { return ToBits(static_cast<T>(a + b)); }
  static uint64_t Difference(uint64_t a, uint64_t b) { return ToBits(static_cast<T>(a - b)); }
  static uint64_t Advance(uint64_t a, uint64_t n) {
    return ToBits(FromBits(a) + static_cast<ptrdiff_t>(n));
  }

  bool Bind() const {
    if (internal::current_epoch != 0 && handle_.epoch == internal::current_epoch) return true;
    return internal::Bind(handle_, this, ToBits(plain_));
  }

  T Apply(internal::Update update, uint64_t operand, Order order, Site site) {
    if (Bind()) return FromBits(internal::ReadModifyWrite(handle_, update, operand, order, site));
    const T old = plain_;
    plain_ = FromBits(update(ToBits(old), operand));
    return old;
  }

  bool CompareExchange(T& expected, const internal::CompareExchangeArgs& args, Site site) {
    uint64_t bits = ToBits(expected);
    bool success;
    if (Bind()) {
      success = internal::CompareExchange(handle_, bits, args, site);
    } else {
      success = ToBits(plain_) == bits;
      bits = ToBits(plain_);
      if (success) plain_ = FromBits(args.desired);
    }
    if (!success) expected = FromBits(bits);
    return success;
  }

  T plain_;  // the first value of an execution, and the value outside one
  mutable internal::Handle handle_;
};

}  // namespace weft::sched_internal::model

#endif  // WEFT_SCHED_TESTING_MODEL_ATOMIC_H_

// singleflight.h: many who ask for the same at the same time share one call.
//
// Go: golang.org/x/sync/singleflight: Do, DoChan, Forget. Differences: also Do() with a context;
//   receivers of a DoChan() whose function calls Goexit() get an error, where Go leaves them
//   waiting.
//
// Thread safety: all methods.
// Blocks: Do(): until the call has ended, or the context. The others: nothing.
// Ordering: the end of the function is before the return of everybody who shares it.
// Lifetime: the group must outlive the calls of its functions, which with DoChan() and Do(ctx) run
//   to the end even if nobody waits any more. It may be destroyed when each has given somebody its
//   result.
// Misuse: a panic of the function is rethrown in every Do() that shares it. If it was started by,
//   or is shared with, a DoChan(), it ends the process: no receiver could handle it, and all would
//   wait for ever. Goexit() in the function ends every fiber that shares it by Do(key). A function
//   that asks for its own key waits for itself.
// Cost: Do() alone: two short locks, an entry of a hash map, one allocation: about 50 ns.
//
//   weft::SingleFlight<std::string, User> flights;
//   absl::StatusOr<User> user = flights.Do(id, [&] { return LoadUser(id); }).value;
#ifndef WEFT_PATTERNS_SINGLEFLIGHT_H_
#define WEFT_PATTERNS_SINGLEFLIGHT_H_

#include <atomic>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/context/context.h"
#include "weft/patterns/panics.h"
#include "weft/sched/go.h"
#include "weft/sched/panic.h"
#include "weft/sync/event.h"
#include "weft/sync/mutex.h"

namespace weft {

template <typename K, typename V>
class SingleFlight {
 public:
  struct Result {
    absl::StatusOr<V> value;
    bool shared = false;  // whether more than one asked
  };

  SingleFlight() = default;
  SingleFlight(const SingleFlight&) = delete;
  SingleFlight& operator=(const SingleFlight&) = delete;

  // Calls fn() -> absl::StatusOr<V> and returns what it returns; or, if a call for `key` is under
  // way, waits for that one's result.
  template <typename Fn>
  Result Do(const K& key, Fn fn) {
    auto [call, leader] = Join(key, nullptr);
    if (leader) {
      Run(*call, key, fn);
    } else {
      call->ended.Wait();
    }
    if (call->goexit) Goexit();
    if (call->panic) call->panic->Rethrow();
    // Unguarded: nobody joins a call that has ended.
    if (leader && call->followers == 0) return {*std::move(call->value), false};
    return {*call->value, call->followers > 0};
  }

  // The same through a channel of capacity 1, which gets one result and is never closed. The
  // function runs in a fiber of its own.
  template <typename Fn>
  RecvChan<Result> DoChan(const K& key, Fn fn) {
    auto answer = MakeChan<Result>(1);
    auto [call, leader] = Join(key, answer);
    if (leader) {
      Go([this, call = std::move(call), key, fn = std::move(fn)]() mutable {
        Run(*call, key, fn);
      });
    }
    return answer;
  }

  // As Do(), but gives up with ctx.Err() when the context ends. The function runs on for the
  // others, in a fiber of its own: what it refers to must outlive that, not the caller.
  template <typename Fn>
  Result Do(const Context& ctx, const K& key, Fn fn) {
    RecvChan<Result> answer = DoChan(key, std::move(fn));
    std::optional<Result> result;
    if (Select(OnRecv(answer, &result), OnDone(ctx)) == 1) return {ctx.Err(), false};
    return *std::move(result);
  }

  // The next Do() for `key` calls its function, even if a call is under way.
  void Forget(const K& key) {
    MutexLock lock(mu_);
    calls_.erase(key);
  }

 private:
  // Written by the leader before `ended` is set, but for what mu_ guards.
  struct Call {
    Event ended{EventReset::kManual};
    std::optional<absl::StatusOr<V>> value;
    std::optional<Recovered> panic;
    bool goexit = false;
    // Guarded by mu_ while the call can be joined.
    int followers = 0;
    std::vector<Chan<Result>> channels;
    // The leader, and the followers who have not left yet.
    std::atomic<int> members{1};
  };

  struct Leave {
    void operator()(Call* call) const {
      // ORDER(flight.members): acquire in the load, acq_rel in the other; they pair with the latter:
      // the last comes after all that the others have done. Who is alone stays alone: one joins by
      // way of calls_ only, as long as the leader is there.
      if (call->members.load(std::memory_order_acquire) == 1 ||
          call->members.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        delete call;
      }
    }
  };
  using Membership = std::unique_ptr<Call, Leave>;

  // The call for `key`, and whether the caller is to make it.
  std::pair<Membership, bool> Join(const K& key, const Chan<Result>& answer) {
    MutexLock lock(mu_);
    Call*& entry = calls_[key];
    const bool leader = entry == nullptr;
    if (leader) {
      entry = new Call;
    } else {
      ++entry->followers;
      entry->members.fetch_add(1, std::memory_order_relaxed);  // it does not start from zero
    }
    if (answer) entry->channels.push_back(answer);
    return {Membership(entry), leader};
  }

  template <typename Fn>
  void Run(Call& call, const K& key, Fn& fn) {
    struct Finish {
      ~Finish() {
        if (!call.value && !call.panic) call.goexit = true;
        flights->End(call, key);
      }
      SingleFlight* flights;
      Call& call;
      const K& key;
    } finish{this, call, key};
    call.panic = Recover([&] { call.value.emplace(fn()); });
  }

  void End(Call& call, const K& key) {
    {
      MutexLock lock(mu_);
      // A Forget() may have made room for a later call, which is not this one's to remove.
      auto entry = calls_.find(key);
      if (entry != calls_.end() && entry->second == &call) calls_.erase(entry);
    }
    // From here on nobody joins the call; and who learns of its end may destroy the group.
    if (call.followers > 0) call.ended.Set();
    if (call.channels.empty()) return;
    if (call.panic) {
      Go([panic = *call.panic] { Panic(panic.message() + "\n\n" + panic.Stack()); });
      return;
    }
    for (const Chan<Result>& channel : call.channels) {
      if (call.value) {
        channel.Send({*call.value, call.followers > 0});
      } else {
        channel.Send({absl::AbortedError("singleflight: the function called Goexit"), false});
      }
    }
  }

  Mutex mu_;
  // Each is there until its leader ends it, or until it is forgotten.
  absl::flat_hash_map<K, Call*> calls_ ABSL_GUARDED_BY(mu_);
};

}  // namespace weft

#endif  // WEFT_PATTERNS_SINGLEFLIGHT_H_

// request.h: questions to a fiber that owns a state, and their answers.
//
// Go: a channel of structs that carry a channel for the answer. Erlang: gen_server:call.
//
// Thread safety: all methods; a Request belongs to one fiber at a time.
// Blocks: Call(): until the answer is there or the context ends. Serve(): until the service or the
//   context ends. Reply() and Close(): nothing.
// Ordering: a Call() is before the receive of its request, and the reply before the return of the
//   Call().
// Lifetime: handles share the service. A request that is destroyed without an answer answers
//   kAborted by itself.
// Misuse: a second Reply() panics.
// Cost: a call: a channel for its answer, and two hand-overs.
//
//   weft::Service<std::string, int> counts;
//   weft::Go([=] {
//     std::map<std::string, int> seen;                       // nobody else touches it: no lock
//     counts.Serve(ctx, [&](std::string word) { return ++seen[word]; }).IgnoreError();
//   });
//   absl::StatusOr<int> n = counts.Call(ctx, "golang");
#ifndef WEFT_PATTERNS_REQUEST_H_
#define WEFT_PATTERNS_REQUEST_H_

#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/context/context.h"
#include "weft/patterns/safe_close.h"
#include "weft/sched/panic.h"

namespace weft {

template <typename Question, typename Answer>
class Request {
 public:
  Request(Question question, Context ctx, Chan<absl::StatusOr<Answer>> reply)
      : question_(std::move(question)), ctx_(std::move(ctx)), reply_(std::move(reply)) {}
  Request(Request&&) = default;
  Request& operator=(Request&& other) noexcept {
    std::swap(question_, other.question_);
    std::swap(ctx_, other.ctx_);
    std::swap(reply_, other.reply_);
    return *this;
  }
  ~Request() {
    if (reply_)
      reply_.TrySend(
          absl::StatusOr<Answer>(absl::AbortedError("request dropped without an answer")));
  }

  Question& question() { return question_; }
  // The caller's: it ends when nobody waits for the answer any more.
  const Context& ctx() const { return ctx_; }

  // Once. Nobody may listen any more; that does not matter.
  void Reply(absl::StatusOr<Answer> answer) {
    if (!reply_) Panic("Request: second reply");
    std::exchange(reply_, nullptr).Send(std::move(answer));  // there is room for one
  }

 private:
  Question question_;
  Context ctx_;
  Chan<absl::StatusOr<Answer>> reply_;  // nil once answered, or moved from
};

template <typename Question, typename Answer>
class Service {
 public:
  using RequestType = Request<Question, Answer>;

  // `backlog` requests may wait before a caller waits to get rid of its own.
  explicit Service(int64_t backlog = 0) : requests_(backlog) {}

  // The answer; what the server answered instead; kFailedPrecondition: the service is closed;
  // ctx.Err().
  absl::StatusOr<Answer> Call(const Context& ctx, Question question) const {
    auto reply = MakeChan<absl::StatusOr<Answer>>(1);
    if (absl::Status s = requests_.Send(ctx, RequestType(std::move(question), ctx, reply)); !s.ok())
      return s;
    std::optional<absl::StatusOr<Answer>> answer;
    if (Select(OnRecv(reply, &answer), OnDone(ctx)) == 1) return ctx.Err();
    return *std::move(answer);
  }

  // For servers that select, or answer later or elsewhere.
  RecvChan<RequestType> C() const { return requests_.C(); }

  // Answers requests with fn(question) or fn(question, caller's context), an Answer or
  // absl::StatusOr<Answer>, until Close(), which returns OK, or the end of the context, which
  // returns its error. Skips what nobody waits for.
  template <typename Fn>
  absl::Status Serve(const Context& ctx, Fn fn) const {
    const RecvChan<RequestType> requests = C();
    std::optional<RequestType> request;
    while (Select(OnRecv(requests, &request), OnDone(ctx)) == 0) {
      if (!request) return absl::OkStatus();
      if (!request->ctx().Err().ok()) continue;
      if constexpr (std::is_invocable_v<Fn&, Question, const Context&>) {
        request->Reply(fn(std::move(request->question()), request->ctx()));
      } else {
        request->Reply(fn(std::move(request->question())));
      }
    }
    return ctx.Err();
  }

  // No more calls. Those that were accepted are still answered.
  bool Close() const { return requests_.Close(); }

 private:
  ClosableChan<RequestType> requests_;
};

}  // namespace weft

#endif  // WEFT_PATTERNS_REQUEST_H_

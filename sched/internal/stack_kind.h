// Which kind of stack the fibers get that this code starts.
//
// Code compiled with -fsplit-stack asks for more stack in its prologues, so its fibers begin with a
// small segment. Everybody else's fibers need all their stack at once. The kind is a property of
// the translation unit that instantiates weft::Go(): whoever turns the flag on defines
// WEFT_SPLIT_STACK for the same target (tools/build_defs/weft.bzl has both). Two kinds of code may
// instantiate weft::Go() for the same type, so the templates of the two are different functions, in
// different inline namespaces.
#ifndef WEFT_SCHED_INTERNAL_STACK_KIND_H_
#define WEFT_SCHED_INTERNAL_STACK_KIND_H_

#include <cstdint>

#if defined(WEFT_SPLIT_STACK) && defined(__x86_64__)
#define WEFT_STACK_NAMESPACE segmented_stacks
#else
#define WEFT_STACK_NAMESPACE fixed_stacks
#endif

namespace weft::sched_internal {

enum class StackKind : uint8_t { kFixed, kSegmented };

// NOLINTNEXTLINE: one of the two, by the namespace
inline namespace WEFT_STACK_NAMESPACE {
#if defined(WEFT_SPLIT_STACK) && defined(__x86_64__)
inline constexpr StackKind kStackKind = StackKind::kSegmented;
#else
inline constexpr StackKind kStackKind = StackKind::kFixed;
#endif
}  // namespace WEFT_STACK_NAMESPACE

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_STACK_KIND_H_

#include "weft/sched/internal/function_name.h"

#include <cxxabi.h>

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <optional>

namespace weft::sched_internal {
namespace {

// Goes through a demangled name from its begin to its end. What returns false has found that the
// name ends too early.
class Shortener {
 public:
  explicit Shortener(std::string_view name) : rest_(name) {}

  std::optional<std::string> Run() {
    while (!rest_.empty()) {
      if (Take("(anonymous namespace)") || (After("operator") && TakeOperator())) continue;
      switch (rest_[0]) {
        case '<':
          if (!SkipBrackets('<', '>')) return std::nullopt;
          out_ += "<>";
          break;
        case '{':
          if (!TakeUnnamed()) return std::nullopt;
          break;
        case '(': {
          if (!SkipBrackets('(', ')')) return std::nullopt;
          // Parameters of the function itself, or of one that something is local to.
          const size_t local = rest_.find("::");
          if (local == rest_.npos) return out_;
          rest_.remove_prefix(local);
          out_ += "()";
          break;
        }
        case ' ':
          if (!TakeSpace()) return std::nullopt;
          break;
        default:
          TakeBytes(1);
      }
    }
    return out_;
  }

 private:
  bool After(std::string_view text) const { return std::string_view(out_).ends_with(text); }

  void TakeBytes(size_t bytes) {
    out_ += rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
  }

  bool Take(std::string_view text) {
    if (!rest_.starts_with(text)) return false;
    TakeBytes(text.size());
    return true;
  }

  // False: it is one whose symbol needs no care.
  bool TakeOperator() {
    for (std::string_view symbol : {"()", "<=>", "<<=", "<<", "<=", "<"}) {
      if (Take(symbol)) return true;
    }
    return false;
  }

  bool TakeSpace() {
    if (After("operator") || out_.find("operator ") != out_.npos || rest_.starts_with(" <")) {
      TakeBytes(1);
      return true;
    }
    const bool is_decltype = After("decltype");
    // What came so far was the type that is returned.
    out_.clear();
    rest_.remove_prefix(1);
    return !is_decltype || SkipBrackets('(', ')');
  }

  // "{lambda(int)#1}" becomes "{lambda()#1}".
  bool TakeUnnamed() {
    while (!rest_.empty() && rest_[0] != '}') {
      if (rest_[0] == '(') {
        if (!SkipBrackets('(', ')')) return false;
        out_ += "()";
      } else {
        TakeBytes(1);
      }
    }
    return Take("}");
  }

  bool SkipBrackets(char open, char close) {
    int depth = 0;
    char before = ' ';
    while (!rest_.empty()) {
      const char c = rest_[0];
      if (c == '(' && open != '(') {
        if (!SkipBrackets('(', ')')) return false;
        before = ')';
        continue;
      }
      rest_.remove_prefix(1);
      if (c == open) ++depth;
      if (c == close && before != '-' && --depth == 0) return true;
      before = c;
    }
    return false;
  }

  std::string_view rest_;
  std::string out_;
};

}  // namespace

std::string ShortenFunctionName(std::string_view name) {
  return Shortener(name).Run().value_or(std::string(name));
}

std::string ShortFunctionName(const char* mangled_or_not) {
  if (*mangled_or_not == '\0') return "?";
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> demangled(
      abi::__cxa_demangle(mangled_or_not, nullptr, nullptr, &status), &std::free);
  return ShortenFunctionName(status == 0 ? demangled.get() : mangled_or_not);
}

}  // namespace weft::sched_internal

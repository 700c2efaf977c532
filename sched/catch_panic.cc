#include "weft/sched/catch_panic.h"

#include "weft/sched/panic.h"

namespace weft {

std::string DescribePanic(const std::exception_ptr& panic) {
  try {
    std::rethrow_exception(panic);
  } catch (const PanicError& error) {
    return std::string(error.what()) + "\n" + error.Stack();
  } catch (const std::exception& error) {
    return error.what();
  } catch (const char* text) {
    return text;
  } catch (const std::string& text) {
    return text;
  } catch (...) {
    return "an exception of unknown type";
  }
}

}  // namespace weft

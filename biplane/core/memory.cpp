#include "biplane/core/memory.h"

#include <sys/resource.h>

namespace biplane {

std::int64_t peak_memory_bytes() {
  constexpr std::int64_t kKibibyte = 1024;
  struct rusage usage {};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss * kKibibyte;
}

}  // namespace biplane

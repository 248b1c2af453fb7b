#pragma once

#include <cstdint>
#include <functional>

namespace biplane {

// Calls body(i) for i = 0 .. count-1 on `threads` threads (1: in the calling thread). Indices are
// handed out in order; the first exception (lowest index) stops the rest and is thrown again here.
void parallel_for(std::int64_t count, int threads, const std::function<void(std::int64_t)>& body);

// Threads to use where the user says 0: one a core.
int resolve_threads(std::int64_t threads);

}  // namespace biplane

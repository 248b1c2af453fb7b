#pragma once

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ctime>
#include <fstream>
#include <functional>
#include <new>
#include <string>

// Runs what must stay small and quick in a process of its own, where limits can be proved.
namespace biplane::testing {

#if defined(__has_feature)  // Clang
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define BIPLANE_TEST_IS_SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
    defined(BIPLANE_TEST_IS_SANITIZED)
constexpr bool kIsSanitized = true;  // a sanitizer reserves address space without end
#else
constexpr bool kIsSanitized = false;
#endif
constexpr double kMostSeconds = kIsSanitized ? 20 : 2;  // of one task's processor time
constexpr std::size_t kMostBytes = 400'000'000;         // beyond what the test itself holds

inline double processor_seconds() {
  return static_cast<double>(std::clock()) / static_cast<double>(CLOCKS_PER_SEC);
}

inline void limit_this_process() {
  if (kIsSanitized) return;
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  const rlim_t most = pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE)) + kMostBytes;
  const rlimit limit{most, most};
  setrlimit(RLIMIT_AS, &limit);
}

// `task` returns its complaint, empty for none. It runs in a child process that has no more than
// kMostBytes of memory beyond the test's and kMostSeconds of processor time.
inline std::string complaint_in_child(const std::function<std::string()>& task) {
  int ends[2];
  if (pipe(ends) != 0) return "no pipe";
  const pid_t child = fork();
  if (child == 0) {
    limit_this_process();
    const rlimit seconds{10 * static_cast<rlim_t>(kMostSeconds),
                         10 * static_cast<rlim_t>(kMostSeconds)};
    setrlimit(RLIMIT_CPU, &seconds);  // ends what would never end
    const double before = processor_seconds();
    std::string complaint;
    try {
      complaint = task();
    } catch (const std::bad_alloc&) {
      complaint = "it takes too much memory";
    }
    const double taken = processor_seconds() - before;
    if (taken > kMostSeconds) complaint += " it takes " + std::to_string(taken) + " s";
    const bool is_told = write(ends[1], complaint.data(), complaint.size()) ==
                         static_cast<ssize_t>(complaint.size());
    _exit(is_told ? 0 : 1);
  }
  close(ends[1]);
  std::string complaint(4096, '\0');
  const ssize_t size = read(ends[0], complaint.data(), complaint.size());
  complaint.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return status == 0 ? complaint : complaint + " it ended with status " + std::to_string(status);
}

}  // namespace biplane::testing

#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

namespace biplane {

// Monotonic seconds: the library's only clock, for durations (never for results).
double monotonic_seconds();

// Progress on standard error: on a terminal one line redrawn at most 10 times a second with rate
// and time left; otherwise a plain line every `plain_interval_s`. Thread-safe. This is the single
// place of the library that writes to a terminal, and only when a program made one.
class Progress {
 public:
  struct Options {
    std::string label;           // for example "phantom"
    std::string unit = "items";  // for example "studies"
    std::int64_t total = 0;      // 0: unknown
    double plain_interval_s = 10;
    bool enabled = true;
  };
  explicit Progress(Options options);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `done`: items finished so far; `note`: short text shown behind (for example "loss 1.234").
  void update(std::int64_t done, const std::string& note = {});
  void advance(std::int64_t by = 1, const std::string& note = {});
  // Total of a work whose size is known only after it was begun.
  void expect(std::int64_t total);
  void finish();

 private:
  void draw(bool final);

  Options options_;
  bool terminal_;
  double started_;
  double drawn_ = 0;
  std::int64_t done_ = 0;
  std::int64_t first_ = -1;
  std::string note_;
  bool finished_ = false;
  std::mutex mutex_;
};

}  // namespace biplane

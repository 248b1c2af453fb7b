#include "biplane/core/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace biplane {
namespace {

std::string duration_text(double seconds) {
  const auto total = static_cast<long>(std::max(0.0, seconds) + 0.5);
  if (total >= 3600)
    return fmt::format("{}:{:02}:{:02}", total / 3600, total / 60 % 60, total % 60);
  return fmt::format("{}:{:02}", total / 60, total % 60);
}

}  // namespace

double monotonic_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Progress::Progress(Options options)
    : options_(std::move(options)),
      terminal_(isatty(STDERR_FILENO) == 1),
      started_(monotonic_seconds()) {
  drawn_ = started_;
}

Progress::~Progress() { finish(); }

void Progress::update(std::int64_t done, const std::string& note) {
  const std::lock_guard lock(mutex_);
  if (first_ < 0) {  // the rate counts from here: a resumed run starts with work done
    first_ = done > 0 ? done - 1 : 0;
  }
  done_ = done;
  if (!note.empty()) note_ = note;
  draw(false);
}

void Progress::advance(std::int64_t by, const std::string& note) {
  const std::lock_guard lock(mutex_);
  if (first_ < 0) first_ = 0;
  done_ += by;
  if (!note.empty()) note_ = note;
  draw(false);
}

void Progress::expect(std::int64_t total) {
  const std::lock_guard lock(mutex_);
  options_.total = total;
}

void Progress::finish() {
  const std::lock_guard lock(mutex_);
  if (finished_) return;
  if (done_ > 0) draw(true);
  finished_ = true;
}

void Progress::draw(bool final) {
  if (!options_.enabled || finished_) return;
  const double now = monotonic_seconds();
  const double interval = terminal_ ? 0.1 : options_.plain_interval_s;
  if (!final && now - drawn_ < interval) return;
  drawn_ = now;
  const double rate = static_cast<double>(done_ - std::max<std::int64_t>(first_, 0)) /
                      std::max(now - started_, 1e-9);
  std::string line = fmt::format("{}: {}", options_.label, done_);
  if (options_.total > 0) {
    line +=
        fmt::format("/{} {} ({}%)", options_.total, options_.unit, 100 * done_ / options_.total);
  } else {
    line += " " + options_.unit;
  }
  line += fmt::format(", {:.1f}/s", rate);
  if (final) {
    line += ", took " + duration_text(now - started_);
  } else if (options_.total > done_ && rate > 0) {
    line += ", " + duration_text(static_cast<double>(options_.total - done_) / rate) + " left";
  }
  if (!note_.empty()) line += ", " + note_;
  if (terminal_) {
    fmt::print(stderr, "\r{}\x1b[K{}", line, final ? "\n" : "");
  } else {
    fmt::print(stderr, "{}\n", line);
  }
  std::fflush(stderr);
}

}  // namespace biplane

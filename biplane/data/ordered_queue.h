#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace biplane {

// Runs jobs on worker threads ahead of their consumer and hands the results out in the order of the
// jobs, whatever the number of workers. At most `prefetch` results wait or are being made. An
// exception of a job is thrown by next() at that job's turn; the queue is closed after it.
template <class Job, class Result>
class OrderedQueue {
 public:
  using Source =
      std::function<std::optional<Job>()>;  // the next job; nothing: the end. Called under a lock.
  using Work = std::function<Result(const Job&)>;  // called on many threads at once

  // workers 0: jobs run in the thread that calls next().
  OrderedQueue(Source source, Work work, int workers, int prefetch)
      : source_(std::move(source)),
        work_(std::move(work)),
        prefetch_(static_cast<std::size_t>(prefetch < 1 ? 1 : prefetch)) {
    threads_.reserve(static_cast<std::size_t>(workers < 0 ? 0 : workers));
    for (int i = 0; i < workers; ++i) threads_.emplace_back([this] { run(); });
  }

  ~OrderedQueue() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    room_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }
  OrderedQueue(const OrderedQueue&) = delete;
  OrderedQueue& operator=(const OrderedQueue&) = delete;

  // The next result, or nothing at the end. One consumer.
  std::optional<Result> next() {
    if (threads_.empty()) return run_here();
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [this] {
      return (!slots_.empty() && slots_.front().done) || (slots_.empty() && closed_);
    });
    if (slots_.empty()) return std::nullopt;
    Slot slot = std::move(slots_.front());
    slots_.pop_front();
    ++first_;
    if (slot.error) {
      closed_ = true;
      slots_.clear();
      lock.unlock();
      room_.notify_all();
      std::rethrow_exception(slot.error);
    }
    lock.unlock();
    room_.notify_one();
    return std::move(slot.result);
  }

 private:
  struct Slot {
    bool done = false;
    std::optional<Result> result;
    std::exception_ptr error;
  };

  std::optional<Result> run_here() {
    if (closed_) return std::nullopt;
    std::optional<Job> job = source_();
    if (!job) closed_ = true;
    if (!job) return std::nullopt;
    return work_(*job);
  }

  // Takes the next job and a slot for its result; nothing when the queue is closed.
  std::optional<std::pair<Job, std::uint64_t>> take() {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [this] { return closed_ || slots_.size() < prefetch_; });
    if (closed_) return std::nullopt;
    Slot failed;
    std::optional<Job> job;
    try {
      job = source_();
    } catch (...) {
      failed.done = true;
      failed.error = std::current_exception();
      slots_.push_back(std::move(failed));
    }
    if (!job) {
      closed_ = true;
      lock.unlock();
      ready_.notify_all();
      room_.notify_all();
      return std::nullopt;
    }
    slots_.emplace_back();
    return std::pair<Job, std::uint64_t>(std::move(*job), first_ + slots_.size() - 1);
  }

  void run() {
    while (auto taken = take()) {
      Slot slot;
      slot.done = true;
      try {
        slot.result = work_(taken->first);
      } catch (...) {
        slot.error = std::current_exception();
      }
      {
        const std::lock_guard lock(mutex_);
        if (taken->second >= first_ && taken->second - first_ < slots_.size()) {
          slots_[taken->second - first_] = std::move(slot);
        }
      }
      ready_.notify_all();
    }
  }

  Source source_;
  Work work_;
  std::size_t prefetch_;
  std::mutex mutex_;
  std::condition_variable ready_, room_;
  std::deque<Slot> slots_;  // results of jobs first_, first_ + 1, ...
  std::uint64_t first_ = 0;
  bool closed_ = false;  // no further job will be taken
  std::vector<std::thread> threads_;
};

}  // namespace biplane

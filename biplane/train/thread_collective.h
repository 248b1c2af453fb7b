#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "biplane/nn/collective.h"

namespace biplane {

// Ranks that are threads of this process, for data-parallel training on the CPU. Rank 0 is the
// thread that calls run(); the others are started once and kept, so that their thread-local caches
// stay warm.
class ThreadGroup {
 public:
  explicit ThreadGroup(std::int64_t ranks);  // at least 1
  ~ThreadGroup();
  ThreadGroup(const ThreadGroup&) = delete;
  ThreadGroup& operator=(const ThreadGroup&) = delete;

  std::int64_t ranks() const;

  // Calls body(collective) on every rank at the same time and returns when all have come back. The
  // ranks take over the caller's gradient mode and number of threads per operation.
  //
  // Sums go in rank order, so results are bit-identical from run to run. backward() must be called
  // inside body, on every rank if on any, and every rank must build the same graph as far as
  // gathers are concerned: the backward pass of a gather exchanges too. When a rank throws, the
  // others are freed from the exchange they wait in and the exception of the lowest rank that
  // failed by itself is thrown here. Ranks that ask for different exchanges, or a rank that comes
  // back while others wait in one, are Error kFailure, not a deadlock. CPU tensors only.
  void run(const std::function<void(const Collective&)>& body);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace biplane

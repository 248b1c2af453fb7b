#include "biplane/data/ordered_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>

namespace biplane {
namespace {

using Queue = OrderedQueue<int, std::string>;

Queue::Source count_to(int end) {
  return [i = 0, end]() mutable { return i < end ? std::optional<int>(i++) : std::nullopt; };
}

TEST(OrderedQueue, HandsResultsOutInOrderForAnyNumberOfWorkers) {
  for (const int workers : {0, 1, 2, 4}) {
    // Early jobs take longest, so that later ones overtake them.
    Queue queue(
        count_to(40),
        [](const int& i) {
          std::this_thread::sleep_for(std::chrono::microseconds(i % 4 == 0 ? 2000 : 50));
          return std::to_string(i);
        },
        workers, 6);
    for (int i = 0; i < 40; ++i) EXPECT_EQ(queue.next(), std::to_string(i));
    EXPECT_EQ(queue.next(), std::nullopt);
    EXPECT_EQ(queue.next(), std::nullopt);
  }
}

TEST(OrderedQueue, ThrowsAJobsExceptionAtItsTurn) {
  for (const int workers : {0, 1, 3}) {
    Queue queue(
        count_to(10),
        [](const int& i) {
          if (i == 4) throw std::runtime_error("job 4");
          return std::to_string(i);
        },
        workers, 4);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(queue.next(), std::to_string(i));
    EXPECT_THROW(queue.next(), std::runtime_error);
  }
}

TEST(OrderedQueue, ThrowsASourcesExceptionAfterTheResultsBeforeIt) {
  for (const int workers : {1, 3}) {
    Queue queue(
        [i = 0]() mutable -> std::optional<int> {
          if (i == 3) throw std::runtime_error("source");
          return i++;
        },
        [](const int& i) { return std::to_string(i); }, workers, 4);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(queue.next(), std::to_string(i));
    EXPECT_THROW(queue.next(), std::runtime_error);
    EXPECT_EQ(queue.next(), std::nullopt);
  }
}

TEST(OrderedQueue, NeverRunsFurtherAheadThanItsPrefetch) {
  std::atomic<int> started{0};
  int taken = 0;
  Queue queue(
      count_to(50),
      [&](const int& i) {
        ++started;
        return std::to_string(i);
      },
      4, 5);
  for (; taken < 50; ++taken) {
    std::this_thread::sleep_for(std::chrono::microseconds(200));
    EXPECT_LE(started.load(), taken + 5);
    queue.next();
  }
}

TEST(OrderedQueue, CanBeLeftWhileWorkIsUnderWay) {
  std::atomic<int> finished{0};
  {
    Queue queue(
        count_to(1000000),
        [&](const int& i) {
          std::this_thread::sleep_for(std::chrono::milliseconds(1));
          ++finished;
          return std::to_string(i);
        },
        3, 8);
    queue.next();
  }
  EXPECT_LT(finished.load(), 100);
}

}  // namespace
}  // namespace biplane

#include "biplane/train/thread_collective.h"

#include <ATen/Parallel.h>
#include <ATen/ThreadLocalState.h>

#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "biplane/core/error.h"
#include "biplane/nn/vector_math.h"

namespace biplane {
namespace {

enum class Exchange { kGather, kGatherBackward, kSum };

// What a rank brings to an exchange; `call` numbers the gathers, so that a backward pass finds its
// forward pass.
struct Offer {
  Exchange kind = Exchange::kSum;
  std::int64_t call = 0;
  torch::Tensor tensor;
};

class Meeting;

// One rank's end of the meeting during one run.
struct Member {
  Meeting* meeting = nullptr;
  std::int64_t rank = 0;
  std::int64_t gathers = 0;
  bool followed = false;  // gave up only because another rank failed
};

// The place where ranks meet. All ranks leave an exchange together or not at all.
class Meeting {
 public:
  using Use = std::function<torch::Tensor(const std::vector<torch::Tensor>&)>;

  explicit Meeting(std::int64_t ranks) : offers_(static_cast<std::size_t>(ranks)) {}

  void open() {
    std::lock_guard<std::mutex> lock(mutex_);
    arrived_ = 0;
    failed_ = left_ = false;
  }

  // What `use` makes of every rank's tensor, in rank order; no rank goes on before all have used
  // them.
  torch::Tensor exchange(Member& member, Offer offer, const Use& use) {
    Offer& mine = offers_[static_cast<std::size_t>(member.rank)];
    mine = std::move(offer);
    wait(member);
    check_same();
    std::vector<torch::Tensor> tensors;
    for (const Offer& other : offers_) tensors.push_back(other.tensor);
    torch::Tensor result = use(tensors);
    wait(member);
    mine.tensor.reset();
    return result;
  }

  // Frees waiting ranks: this one will not come again, because it failed or because it is done.
  void leave(bool failed) {
    std::lock_guard<std::mutex> lock(mutex_);
    (failed ? failed_ : left_) = true;
    changed_.notify_all();
  }

 private:
  void wait(Member& member) {
    std::unique_lock<std::mutex> lock(mutex_);
    const std::uint64_t round = round_;
    if (++arrived_ == offers_.size()) {
      arrived_ = 0;
      ++round_;
      changed_.notify_all();
      return;
    }
    changed_.wait(lock, [&] { return round_ != round || failed_ || left_; });
    if (round_ != round) return;
    member.followed = failed_;
    throw Error(ErrorKind::kFailure,
                failed_ ? "another rank failed"
                        : "a rank waits in an exchange that another rank never asked for");
  }

  void check_same() const {
    for (const Offer& offer : offers_) {
      if (offer.kind != offers_[0].kind || offer.call != offers_[0].call) {
        throw Error(ErrorKind::kFailure, "ranks asked for different exchanges at the same time");
      }
    }
  }

  std::vector<Offer> offers_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t arrived_ = 0;
  std::uint64_t round_ = 0;
  bool failed_ = false, left_ = false;
};

torch::Tensor sum_in_order(const std::vector<torch::Tensor>& parts) {
  torch::Tensor total = parts[0].clone();
  for (std::size_t i = 1; i < parts.size(); ++i) total.add_(parts[i]);
  return total;
}

torch::Tensor sum_of_rows(const std::vector<torch::Tensor>& gradients, std::int64_t begin,
                          std::int64_t rows) {
  std::vector<torch::Tensor> mine;
  for (const torch::Tensor& gradient : gradients) mine.push_back(gradient.narrow(0, begin, rows));
  return sum_in_order(mine);
}

class GatherFunction : public torch::autograd::Function<GatherFunction> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& x,
                               std::int64_t member_address) {
    Member& member = *reinterpret_cast<Member*>(member_address);
    const std::int64_t call = member.gathers++;
    std::int64_t begin = 0;
    torch::Tensor all = member.meeting->exchange(member, {Exchange::kGather, call, x.detach()},
                                                 [&](const std::vector<torch::Tensor>& parts) {
                                                   for (std::int64_t r = 0; r < member.rank; ++r)
                                                     begin +=
                                                         parts[static_cast<std::size_t>(r)].size(0);
                                                   return torch::cat(parts, 0);
                                                 });
    context->saved_data["member"] = member_address;
    context->saved_data["call"] = call;
    context->saved_data["begin"] = begin;
    context->saved_data["rows"] = x.size(0);
    return all;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    Member& member = *reinterpret_cast<Member*>(context->saved_data["member"].toInt());
    const std::int64_t begin = context->saved_data["begin"].toInt();
    const std::int64_t rows = context->saved_data["rows"].toInt();
    torch::Tensor mine = member.meeting->exchange(
        member,
        {Exchange::kGatherBackward, context->saved_data["call"].toInt(), gradients[0].detach()},
        [&](const std::vector<torch::Tensor>& all) { return sum_of_rows(all, begin, rows); });
    return {mine, torch::Tensor()};
  }
};

Collective make_collective(Member& member, std::int64_t ranks) {
  Collective collective;
  collective.rank = member.rank;
  collective.size = ranks;
  if (ranks == 1) return collective;
  collective.gather = [&member](const torch::Tensor& x) {
    TORCH_CHECK(x.is_cpu(), "threads as ranks exchange CPU tensors only");
    return GatherFunction::apply(x, reinterpret_cast<std::int64_t>(&member));
  };
  collective.sum = [&member](const torch::Tensor& x) {
    TORCH_CHECK(x.is_cpu(), "threads as ranks exchange CPU tensors only");
    return member.meeting->exchange(member, {Exchange::kSum, 0, x.detach()}, sum_in_order);
  };
  return collective;
}

}  // namespace

struct ThreadGroup::Impl {
  explicit Impl(std::int64_t count)
      : ranks(count), meeting(count), errors(static_cast<std::size_t>(count)) {}

  void run_rank(std::int64_t rank) {
    Member member{&meeting, rank};
    std::exception_ptr error;
    try {
      (*body)(make_collective(member, ranks));
    } catch (...) {
      error = std::current_exception();
    }
    meeting.leave(error != nullptr);
    std::lock_guard<std::mutex> lock(mutex);
    errors[static_cast<std::size_t>(rank)] = member.followed ? nullptr : error;
    ++finished;
    changed.notify_all();
  }

  void serve(std::int64_t rank) {
    std::uint64_t seen = 0;
    while (true) {
      std::unique_lock<std::mutex> lock(mutex);
      changed.wait(lock, [&] { return closing || runs != seen; });
      if (closing) return;
      seen = runs;
      const at::ThreadLocalState state = *caller_state;
      lock.unlock();
      at::init_num_threads();
      at::ThreadLocalStateGuard guard(state);
      run_rank(rank);
    }
  }

  std::int64_t ranks;
  Meeting meeting;
  std::mutex mutex;
  std::condition_variable changed;
  const std::function<void(const Collective&)>* body = nullptr;
  std::optional<at::ThreadLocalState> caller_state;
  std::uint64_t runs = 0;
  std::int64_t finished = 0;
  bool closing = false;
  std::vector<std::exception_ptr> errors;  // of the ranks that failed by themselves
  std::vector<std::thread> threads;
};

ThreadGroup::ThreadGroup(std::int64_t ranks) {
  TORCH_CHECK(ranks >= 1, "a group of threads needs at least one rank, not ", ranks);
  choose_vector_math();
  impl_ = std::make_unique<Impl>(ranks);
  for (std::int64_t rank = 1; rank < ranks; ++rank)
    impl_->threads.emplace_back([this, rank] { impl_->serve(rank); });
}

ThreadGroup::~ThreadGroup() {
  {
    std::lock_guard<std::mutex> lock(impl_->mutex);
    impl_->closing = true;
    impl_->changed.notify_all();
  }
  for (std::thread& thread : impl_->threads) thread.join();
}

std::int64_t ThreadGroup::ranks() const { return impl_->ranks; }

void ThreadGroup::run(const std::function<void(const Collective&)>& body) {
  impl_->meeting.open();
  {
    std::lock_guard<std::mutex> lock(impl_->mutex);
    impl_->body = &body;
    impl_->caller_state.emplace();
    impl_->finished = 0;
    ++impl_->runs;
    impl_->changed.notify_all();
  }
  impl_->run_rank(0);
  std::unique_lock<std::mutex> lock(impl_->mutex);
  impl_->changed.wait(lock, [&] { return impl_->finished == impl_->ranks; });
  for (const std::exception_ptr& error : impl_->errors) {
    if (error != nullptr) std::rethrow_exception(error);
  }
}

}  // namespace biplane

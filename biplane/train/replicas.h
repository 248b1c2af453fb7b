#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "biplane/model/objective.h"
#include "biplane/nn/one_thread.h"
#include "biplane/train/optimizer.h"
#include "biplane/train/thread_collective.h"

namespace biplane {

// What a step computed, over all replicas.
struct StepLoss {
  double total = 0;
  double gradient_norm = 0;                                 // global L2 norm
  std::vector<std::pair<std::string, double>> terms;        // "itc", ...: global values
  std::vector<std::pair<std::string, double>> diagnostics;  // as the objective names them
};

// An objective on several threads of one process. The replicas share the memory of their
// parameters, so there is one optimizer and nothing to send around; each has gradients and buffers
// of its own. Every replica computes its rows of a batch; gradients are summed in the order of the
// ranks. For a fixed number of replicas all results are bit-identical. On a GPU there is one.
class Replicas {
 public:
  using Factory = std::function<std::unique_ptr<Objective>()>;
  // `count` threads, the caller's among them; 1 where `device` is not the CPU. The weights are
  // those of the first objective made. `make` makes them on the CPU; they are moved from there.
  Replicas(const Factory& make, std::int64_t count, torch::Device device = torch::kCPU);

  Objective& master() { return *objectives_.front(); }
  // On the CPU. The end of this object's use.
  std::unique_ptr<Objective> release_master();
  std::int64_t size() const { return group_.ranks(); }

  // Loss of a batch and, in the master, its gradient, summed over the replicas. The batch is cut
  // into `accumulate` micro-batches of equal size, whose losses and gradients are averaged.
  // batch.size() is a multiple of accumulate with at least one study for each rank.
  StepLoss compute(const StudyBatch& batch, std::int64_t accumulate, const StepContext& context,
                   const AdamW& optimizer);
  // Updates the parameters (gradients times `scale`), runs after_step, and clears all gradients.
  void update(AdamW& optimizer, double lr, double scale, const StepContext& context);
  // Copies the master's buffers to the other replicas: after loading weights, and wherever only the
  // master changed them.
  void share_buffers();

 private:
  // One entry for each micro-batch.
  std::vector<LossTerms> compute_rank(const StudyBatch& batch, std::int64_t accumulate,
                                      StepContext context);
  // Sums the gradients into the master's. Returns the norms of those there are, in the optimizer's
  // order.
  std::vector<torch::Tensor> reduce(const AdamW& optimizer);

  OneThreadPerOperation one_thread_;
  torch::Device device_;
  std::vector<std::unique_ptr<Objective>> objectives_;
  std::vector<std::vector<torch::Tensor>> parameters_;  // by rank, in the optimizer's order
  ThreadGroup group_;
};

}  // namespace biplane

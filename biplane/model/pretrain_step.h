#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "biplane/model/pretrain_objective.h"
#include "biplane/nn/libtorch.h"

namespace biplane {

// Private to the objective's two files.

// The first step, and then every step whose number counted from 1 is a multiple, as metrics.jsonl
// counts.
inline bool due(std::int64_t step, std::int64_t every) {
  return every > 0 && (step == 0 || (step + 1) % every == 0);
}

// Which of this rank's studies a term with a share sees: (b) bool on the CPU. Evenly spread over
// the batch of all ranks, whatever their number.
inline torch::Tensor seen_by_share(double share, const GlobalBatch& global) {
  torch::Tensor seen = torch::zeros({global.local}, torch::kBool);
  for (std::int64_t i = 0; i < global.local; ++i)
    if (studies_seen(share, global.offset + i + 1) > studies_seen(share, global.offset + i))
      seen[i] = true;
  return seen;
}

// What one call of compute() works on.
struct PretrainObjective::Step {
  Step(StudyBatch studies, const torch::Tensor& like, const StepContext& step_context,
       const Collective& ranks)
      : given(std::move(studies)),
        batch(given.to(like.device(), like.scalar_type())),
        context(step_context),
        collective(ranks),
        global(gather_batch(given.has_frontal, given.has_lateral, ranks).to(like.device())) {}

  void add_term(const std::string& name, double weight, const torch::Tensor& loss) {
    result.terms.emplace_back(name, loss.detach());
    result.total = result.total.defined() ? result.total + weight * loss : weight * loss;
  }
  // `share`: the sum over the ranks is the value.
  void add_diagnostic(const std::string& name, const torch::Tensor& share) {
    names.push_back(name);
    shares.push_back(share.detach().to(torch::kFloat64));
  }
  // A value that every rank knows.
  void add_common(const std::string& name, const torch::Tensor& value) {
    add_diagnostic(name, value / static_cast<double>(collective.size));
  }
  void reduce_diagnostics() {
    if (names.empty()) return;
    const torch::Tensor values = collective.sum(torch::stack(shares)).to(torch::kCPU);
    for (std::size_t i = 0; i < names.size(); ++i) {
      result.diagnostics.emplace_back(names[i],
                                      values[static_cast<std::int64_t>(i)].item<double>());
    }
  }

  // The batch as it was given, on the CPU as a rule, where flags and labels are read and counted
  // without waiting for a GPU; and on the model's device, what everything is computed from.
  StudyBatch given, batch;
  const StepContext& context;
  const Collective& collective;
  GlobalBatch global;
  bool diagnostics = false;
  TextFeatures report;
  ViewFeatures frontal, lateral;
  torch::Tensor fused;  // (b,D) with view dropout, not normalised; only where a term uses it
  UnitFeatures unit_text, unit_frontal, unit_lateral;
  KeyedDropout dropout;
  LossTerms result;
  std::vector<std::string> names;
  std::vector<torch::Tensor> shares;
};

}  // namespace biplane

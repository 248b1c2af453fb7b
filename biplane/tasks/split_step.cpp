#include "biplane/tasks/split_step.h"

#include <algorithm>

#include "biplane/core/parallel.h"
#include "biplane/nn/one_thread.h"

namespace biplane {
namespace {

// Adds gradients to those of the parameters; an undefined one adds nothing.
void add_gradients(const std::vector<torch::Tensor>& parameters,
                   const std::vector<torch::Tensor>& gradients) {
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (!gradients[i].defined()) continue;
    torch::Tensor& sum = parameters[i].mutable_grad();
    sum = sum.defined() ? sum + gradients[i] : gradients[i];
  }
}

}  // namespace

torch::Tensor number_term(double value, const torch::Tensor& like) {
  return torch::full({1}, value, like.options().requires_grad(false));
}

double split_gradient(const SplitStep& step, const std::vector<torch::Tensor>& parameters) {
  const std::int64_t parts = std::clamp<std::int64_t>(step.parts, 1, step.rows);
  std::vector<torch::Tensor> terms(static_cast<std::size_t>(parts));
  parallel_for(parts, static_cast<int>(parts), [&](std::int64_t part) {
    const OneThreadPerOperation mine;  // the number is kept for each thread
    terms[static_cast<std::size_t>(part)] =
        step.terms(step.rows * part / parts, step.rows * (part + 1) / parts);
  });
  torch::Tensor sum = terms.front().detach().clone();
  for (std::size_t part = 1; part < terms.size(); ++part) sum += terms[part].detach();
  sum.requires_grad_();
  const torch::Tensor loss = step.loss(sum);
  const torch::Tensor by_term = torch::autograd::grad({loss}, {sum})[0];
  std::vector<std::vector<torch::Tensor>> gradients(terms.size());
  parallel_for(parts, static_cast<int>(parts), [&](std::int64_t part) {
    const OneThreadPerOperation mine;
    const auto own = static_cast<std::size_t>(part);
    gradients[own] = torch::autograd::grad({terms[own]}, parameters, {by_term},
                                           /*retain_graph=*/false, /*create_graph=*/false,
                                           /*allow_unused=*/true);
  });
  for (const auto& of_part : gradients) add_gradients(parameters, of_part);  // in order
  return loss.item<double>();
}

}  // namespace biplane

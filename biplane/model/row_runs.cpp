#include "biplane/model/row_runs.h"

namespace biplane {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct SelectRuns : torch::autograd::Function<SelectRuns> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x,
                               const torch::Tensor& order, std::int64_t runs) {
    context->save_for_backward({order});
    context->saved_data["rows"] = x.size(0);
    context->saved_data["runs"] = runs;
    return x.index_select(0, order);
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const torch::Tensor order = context->get_saved_variables()[0];
    const torch::Tensor& gradient = gradients[0];
    std::vector<std::int64_t> shape = gradient.sizes().vec();
    shape[0] = context->saved_data["rows"].toInt();
    torch::Tensor sum = gradient.new_zeros(shape);
    const std::int64_t runs = context->saved_data["runs"].toInt(), length = order.size(0) / runs;
    for (std::int64_t first = 0; first < runs * length; first += length) {
      sum.index_add_(0, order.narrow(0, first, length), gradient.narrow(0, first, length));
    }
    return {sum, {}, {}};
  }
};

}  // namespace

torch::Tensor select_runs(const torch::Tensor& x, const torch::Tensor& order, std::int64_t runs) {
  TORCH_CHECK(runs > 0 && order.size(0) % runs == 0, order.size(0), " rows are not ", runs,
              " lists of equal length");
  return SelectRuns::apply(x, order, runs);
}

}  // namespace biplane

#include "tests/guards/supervised_network.h"

#include <torch/nn.h>
#include <torch/optim/adamw.h>

#include "biplane/core/random.h"
#include "biplane/eval/metrics.h"

namespace biplane::testing {
namespace {

torch::Tensor grey_levels(const torch::Tensor& images) {
  return images.to(torch::kFloat32) / 255.0;
}

// Each view has its own stack, so that the network may learn what it likes of each.
class SmallNetworkImpl : public torch::nn::Module {
 public:
  SmallNetworkImpl(std::int64_t views, std::int64_t classes) {
    for (std::int64_t view = 0; view < views; ++view) {
      torch::nn::Sequential stack;
      std::int64_t channels = 1;
      for (const std::int64_t next : {16, 32, 64, 64}) {
        stack->push_back(
            torch::nn::Conv2d(torch::nn::Conv2dOptions(channels, next, 3).stride(2).padding(1)));
        stack->push_back(torch::nn::BatchNorm2d(next));
        stack->push_back(torch::nn::ReLU());
        channels = next;
      }
      stacks_.push_back(register_module("stack" + std::to_string(view), stack));
    }
    head_ = register_module("head", torch::nn::Linear(views * 64 * 9, classes));
  }
  torch::Tensor forward(const torch::Tensor& images) {
    std::vector<torch::Tensor> features;
    for (std::size_t view = 0; view < stacks_.size(); ++view) {
      const torch::Tensor map =
          stacks_[view]->forward(images.narrow(1, static_cast<std::int64_t>(view), 1));
      features.push_back(torch::adaptive_avg_pool2d(map, {3, 3}).flatten(1));
    }
    return head_->forward(torch::dropout(torch::cat(features, 1), 0.3, is_training()));
  }

 private:
  std::vector<torch::nn::Sequential> stacks_;
  torch::nn::Linear head_{nullptr};
};
TORCH_MODULE(SmallNetwork);

void train(SmallNetwork& network, const SupervisedData& data, const SupervisedOptions& options) {
  torch::optim::AdamW optimizer(network->parameters(),
                                torch::optim::AdamWOptions(2e-3).weight_decay(0.05));
  const std::int64_t count = data.images.size(0);
  network->train();
  for (std::int64_t epoch = 0; epoch < options.epochs; ++epoch) {
    const double progress = static_cast<double>(epoch) / static_cast<double>(options.epochs);
    static_cast<torch::optim::AdamWOptions&>(optimizer.param_groups()[0].options())
        .lr(2e-3 * (1 - progress));
    CounterRandom random(static_cast<std::uint64_t>(options.seed), "guard",
                         {static_cast<std::uint64_t>(epoch)});
    const torch::Tensor order = torch::tensor(random.permutation(count));
    for (std::int64_t begin = 0; begin + options.batch <= count; begin += options.batch) {
      const torch::Tensor rows = order.narrow(0, begin, options.batch);
      const torch::Tensor logits = network->forward(grey_levels(data.images.index_select(0, rows)));
      const torch::Tensor loss =
          torch::binary_cross_entropy_with_logits(logits, data.labels.index_select(0, rows));
      optimizer.zero_grad();
      loss.backward();
      optimizer.step();
    }
  }
}

}  // namespace

SupervisedData SupervisedData::part(std::int64_t first, std::int64_t count) const {
  return {images.narrow(0, first, count), labels.narrow(0, first, count), names};
}

std::map<std::string, double> supervised_auroc(const SupervisedData& train_data,
                                               const SupervisedData& test_data,
                                               const SupervisedOptions& options) {
  torch::manual_seed(options.seed);  // the test's own network; nothing of the library draws from it
  SmallNetwork network(train_data.images.size(1), train_data.labels.size(1));
  train(network, train_data, options);
  network->eval();
  const torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> parts;
  for (const torch::Tensor& images : test_data.images.split(256))
    parts.push_back(network->forward(grey_levels(images)));
  const torch::Tensor scores = torch::cat(parts).to(torch::kFloat64).t().contiguous(),
                      labels = test_data.labels.to(torch::kUInt8).t().contiguous();
  std::map<std::string, double> result;
  const std::size_t count = static_cast<std::size_t>(scores.size(1));
  for (std::size_t k = 0; k < test_data.names.size(); ++k) {
    const std::int64_t row = static_cast<std::int64_t>(k);
    const double* score = scores[row].data_ptr<double>();
    const std::uint8_t* truth = labels[row].data_ptr<std::uint8_t>();
    if (const auto value = auroc({score, count}, {truth, count}))
      result[test_data.names[k]] = *value;
  }
  return result;
}

}  // namespace biplane::testing

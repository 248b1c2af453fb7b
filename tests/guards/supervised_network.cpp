#include "tests/guards/supervised_network.h"

#include <algorithm>
#include <vector>

#include "biplane/core/parallel.h"
#include "biplane/core/random.h"
#include "biplane/eval/metrics.h"
#include "biplane/phantom/finding.h"

namespace biplane::testing {
namespace {

struct Tensors {
  torch::Tensor images;  // (N, views, size, size) f32
  torch::Tensor labels;  // (N, findings) f32
};

torch::Tensor to_tensor(const GreyImage& image) {
  return torch::tensor(at::ArrayRef<std::uint8_t>(image.pixels), torch::kUInt8)
             .view({image.rows, image.cols})
             .to(torch::kFloat32) /
         255.0;
}

Tensors make_tensors(const SupervisedOptions& options, std::int64_t first, std::int64_t count) {
  PhantomOptions phantom;
  phantom.studies = options.train_studies + options.test_studies;
  phantom.test = options.test_studies;
  phantom.validate = 0;
  phantom.seed = options.seed;
  phantom.size = options.size;
  phantom.frontal_only = phantom.lateral_only = 0;
  const std::int64_t views = (options.use_frontal ? 1 : 0) + (options.use_lateral ? 1 : 0);
  const auto& names = finding_names();
  Tensors data{torch::zeros({count, views, options.size, options.size}),
               torch::zeros({count, static_cast<std::int64_t>(names.size())})};
  parallel_for(count, resolve_threads(0), [&](std::int64_t i) {
    const PhantomStudy study = make_phantom_study(phantom, first + i);
    std::int64_t view = 0;
    if (options.use_frontal) data.images[i][view++].copy_(to_tensor(study.frontal));
    if (options.use_lateral) data.images[i][view].copy_(to_tensor(study.lateral));
    for (std::size_t f = 0; f < names.size(); ++f) {
      const auto label = study.study.labels.find(names[f]);
      if (label != study.study.labels.end() && label->second == 1) {
        data.labels[i][static_cast<std::int64_t>(f)] = 1.0F;
      }
    }
  });
  return data;
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

void train(SmallNetwork& network, const Tensors& data, const SupervisedOptions& options) {
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
      const torch::Tensor logits = network->forward(data.images.index_select(0, rows));
      const torch::Tensor loss =
          torch::binary_cross_entropy_with_logits(logits, data.labels.index_select(0, rows));
      optimizer.zero_grad();
      loss.backward();
      optimizer.step();
    }
  }
}

}  // namespace

std::map<std::string, double> supervised_auroc(const SupervisedOptions& options) {
  torch::manual_seed(options.seed);  // the test's own network; nothing of the library draws from it
  const Tensors train_data = make_tensors(options, 0, options.train_studies);
  const Tensors test_data = make_tensors(options, options.train_studies, options.test_studies);
  SmallNetwork network(train_data.images.size(1), train_data.labels.size(1));
  train(network, train_data, options);
  network->eval();
  const torch::NoGradGuard no_grad;
  const torch::Tensor scores = network->forward(test_data.images).to(torch::kFloat64).contiguous();
  std::map<std::string, double> result;
  const auto& names = finding_names();
  for (std::size_t f = 0; f < names.size(); ++f) {
    std::vector<double> score;
    std::vector<std::uint8_t> truth;
    for (std::int64_t i = 0; i < scores.size(0); ++i) {
      score.push_back(scores[i][static_cast<std::int64_t>(f)].item<double>());
      truth.push_back(test_data.labels[i][static_cast<std::int64_t>(f)].item<float>() > 0.5F ? 1
                                                                                             : 0);
    }
    if (const auto value = auroc(score, truth)) result[names[f]] = *value;
  }
  return result;
}

}  // namespace biplane::testing

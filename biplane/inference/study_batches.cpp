#include "biplane/inference/study_batches.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <string>

#include "biplane/core/error.h"
#include "biplane/core/parallel.h"
#include "biplane/data/loader.h"
#include "biplane/nn/one_thread.h"

namespace biplane {
namespace {

SampleBatch read_places(const StudyDataset& dataset, std::int64_t begin, std::int64_t end) {
  BatchPlan plan;
  plan.studies.resize(static_cast<std::size_t>(end - begin));
  std::iota(plan.studies.begin(), plan.studies.end(), begin);
  return read_batch(dataset, plan, /*training=*/false);
}

}  // namespace

std::vector<std::int64_t> studies_of(const StudyBatch& batch) {
  const torch::Tensor index = batch.study_index.to(torch::kCPU).contiguous();
  const auto* first = index.const_data_ptr<std::int64_t>();
  return {first, first + index.numel()};
}

std::int64_t batch_count(const StudyDataset& dataset, const StudyBatchOptions& options) {
  return (dataset.size() + options.batch - 1) / options.batch;
}

std::vector<BrokenStudy> for_each_batch(const StudyDataset& dataset,
                                        const StudyBatchOptions& options,
                                        const StudyBatchBody& body, Progress* progress) {
  const std::int64_t batches = batch_count(dataset, options);
  std::vector<std::vector<BrokenStudy>> broken(static_cast<std::size_t>(batches));
  const OneThreadPerOperation one_thread;
  parallel_for(batches, resolve_threads(options.threads), [&](std::int64_t number) {
    const OneThreadPerOperation mine;  // the number is kept for each thread
    const torch::NoGradGuard no_grad;
    const std::int64_t begin = number * options.batch,
                       end = std::min(begin + options.batch, dataset.size());
    SampleBatch read = read_places(dataset, begin, end);
    broken[static_cast<std::size_t>(number)] = std::move(read.broken);
    if (!read.samples.empty())
      body(number, collate(read.samples, dataset.text(), dataset.options().image.crop));
    if (progress != nullptr) progress->advance(end - begin);
  });
  std::vector<BrokenStudy> all;
  for (auto& part : broken) std::move(part.begin(), part.end(), std::back_inserter(all));
  if (static_cast<std::int64_t>(all.size()) == dataset.size())
    throw Error(ErrorKind::kBadContent,
                "none of " + std::to_string(dataset.size()) +
                    " studies can be read; the first: " + all.front().reason);
  return all;
}

}  // namespace biplane

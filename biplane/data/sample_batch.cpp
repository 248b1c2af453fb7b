#include "biplane/data/sample_batch.h"

#include <utility>

namespace biplane {
namespace {

// Reads the samples of one batch, putting reserves in the place of broken studies.
class BatchMaker {
 public:
  BatchMaker(const StudyDataset& dataset, const BatchPlan& plan, bool training)
      : dataset_(dataset), plan_(plan), training_(training) {}

  SampleBatch make() {
    batch_.step = plan_.step;
    batch_.epoch = plan_.epoch;
    for (const std::int64_t place : plan_.studies) {
      if (try_sample(place) || !training_) continue;
      replace();
    }
    return std::move(batch_);
  }

 private:
  bool try_sample(std::int64_t place) {
    try {
      batch_.samples.push_back(dataset_.sample(place, plan_.epoch));
      batch_.places.push_back(place);
      return true;
    } catch (const Error& error) {
      if (!is_broken_content(error)) throw;
      batch_.broken.push_back({dataset_.summary(place).study_id, error.what(), {}});
      return false;
    }
  }

  void replace() {
    const std::size_t broken =
        batch_.broken.size() - 1;  // further ones may follow while reserves are tried
    while (next_reserve_ < plan_.reserves.size()) {
      if (!try_sample(plan_.reserves[next_reserve_++])) continue;
      for (std::size_t i = broken; i < batch_.broken.size(); ++i)
        batch_.broken[i].replaced_by = batch_.samples.back().study_id;
      return;
    }
    throw Error(ErrorKind::kBadContent,
                "a batch cannot be filled: " + std::to_string(batch_.broken.size()) +
                    " studies cannot be read, the first is " + batch_.broken.front().study_id +
                    ": " + batch_.broken.front().reason);
  }

  const StudyDataset& dataset_;
  const BatchPlan& plan_;
  bool training_;
  std::size_t next_reserve_ = 0;
  SampleBatch batch_;
};

}  // namespace

bool is_broken_content(const Error& error) {
  return error.kind() == ErrorKind::kBadContent || error.kind() == ErrorKind::kMissingInput ||
         error.kind() == ErrorKind::kIo;
}

SampleBatch read_batch(const StudyDataset& dataset, const BatchPlan& plan, bool training) {
  return BatchMaker(dataset, plan, training).make();
}

}  // namespace biplane

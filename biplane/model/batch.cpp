#include "biplane/model/batch.h"

#include "biplane/nn/to_device.h"

namespace biplane {
namespace {

// Grey images are three equal channels that share memory (stride 0); only one of them is copied.
torch::Tensor move_pixels(const torch::Tensor& pixels, torch::Device device, torch::Dtype dtype) {
  if (!pixels.defined()) return pixels;
  if (pixels.dim() == 4 && pixels.size(1) > 1 && pixels.stride(1) == 0) {
    return to_device(pixels.narrow(1, 0, 1), device).to(dtype).expand(pixels.sizes());
  }
  return to_device(pixels, device).to(dtype);
}

torch::Tensor move(const torch::Tensor& tensor, torch::Device device) {
  return tensor.defined() ? to_device(tensor, device) : tensor;
}

torch::Tensor cut(const torch::Tensor& tensor, std::int64_t begin, std::int64_t end) {
  return tensor.defined() ? tensor.slice(0, begin, end) : tensor;
}

// Applies `change` to every tensor but the pixels.
template <class Change>
void change_fields(const StudyBatch& from, StudyBatch& to, const Change& change) {
  to.has_frontal = change(from.has_frontal);
  to.has_lateral = change(from.has_lateral);
  to.input_ids = change(from.input_ids);
  to.attention_mask = change(from.attention_mask);
  to.masked_ids = change(from.masked_ids);
  to.mlm_labels = change(from.mlm_labels);
  to.word_mask = change(from.word_mask);
  to.word_ids = change(from.word_ids);
  to.word_class = change(from.word_class);
  to.word_key = change(from.word_key);
  to.sentence_ids = change(from.sentence_ids);
  to.sentence_key = change(from.sentence_key);
  to.report_key = change(from.report_key);
  to.labels = change(from.labels);
  to.study_index = change(from.study_index);
}

}  // namespace

StudyBatch StudyBatch::to(torch::Device device, torch::Dtype dtype) const {
  StudyBatch moved;
  moved.frontal = move_pixels(frontal, device, dtype);
  moved.lateral = move_pixels(lateral, device, dtype);
  change_fields(*this, moved, [&](const torch::Tensor& tensor) { return move(tensor, device); });
  if (moved.labels.defined()) moved.labels = moved.labels.to(dtype);
  moved.study_ids = study_ids;
  return moved;
}

StudyBatch StudyBatch::rows(std::int64_t begin, std::int64_t end) const {
  TORCH_CHECK(0 <= begin && begin <= end && end <= size(), "StudyBatch::rows: [", begin, ", ", end,
              ") is not inside a batch of ", size());
  StudyBatch part;
  part.frontal = cut(frontal, begin, end);
  part.lateral = cut(lateral, begin, end);
  change_fields(*this, part, [&](const torch::Tensor& tensor) { return cut(tensor, begin, end); });
  if (!study_ids.empty()) part.study_ids.assign(study_ids.begin() + begin, study_ids.begin() + end);
  return part;
}

StudyBatch StudyBatch::without_images(const torch::Tensor& rows) const {
  StudyBatch part;
  change_fields(*this, part, [&](const torch::Tensor& tensor) {
    return tensor.defined() ? tensor.index_select(0, rows.to(tensor.device())) : tensor;
  });
  return part;
}

}  // namespace biplane

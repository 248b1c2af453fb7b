#include <algorithm>
#include <cstring>

#include "biplane/core/error.h"
#include "biplane/data/loader.h"

namespace biplane {
namespace {

static_assert(kStudyLabels == kChexpertLabels.size());

constexpr std::int64_t kTokenMultiple =
    8;  // keeps the number of different T small, which memory allocators like

std::int64_t padded_length(std::int64_t longest, std::int64_t max_tokens) {
  const std::int64_t rounded = (longest + kTokenMultiple - 1) / kTokenMultiple * kTokenMultiple;
  return std::max(longest, std::min(rounded, max_tokens));
}

// (B,3,side,side) f32 over memory of (B,1,side,side), and which rows hold an image (B) bool.
std::pair<torch::Tensor, torch::Tensor> collate_pixels(const std::vector<StudySample>& samples,
                                                       std::int64_t side, bool frontal) {
  const auto count = static_cast<std::int64_t>(samples.size());
  // Not torch::zeros: it would start a team of OpenMP threads in each worker of the loader.
  torch::Tensor pixels = torch::empty({count, 1, side, side});
  torch::Tensor present = torch::zeros({count}, torch::kBool);
  float* target = pixels.data_ptr<float>();
  for (std::int64_t b = 0; b < count; ++b) {
    const StudySample& sample = samples[static_cast<std::size_t>(b)];
    const FloatImage& image = frontal ? sample.frontal : sample.lateral;
    float* row = target + b * side * side;
    if (image.rows == 0) {
      std::fill(row, row + side * side, 0.0F);
      continue;
    }
    TORCH_CHECK(image.rows == side && image.cols == side, "collate: study ", sample.study_id,
                " has an image of ", image.rows, " x ", image.cols, " pixels, ", side, " x ", side,
                " are needed");
    std::memcpy(row, image.pixels.data(), image.pixels.size() * sizeof(float));
    present.data_ptr<bool>()[b] = true;
  }
  return {pixels.expand({count, 3, side, side}), present};
}

// The token tensors of a batch, filled row by row.
class TokenRows {
 public:
  TokenRows(StudyBatch& batch, std::int64_t count, std::int64_t length, std::int64_t pad_id)
      : batch_(batch), length_(length) {
    const auto whole = torch::TensorOptions(torch::kInt64);
    batch.input_ids = torch::full({count, length}, pad_id, whole);
    batch.masked_ids = torch::full({count, length}, pad_id, whole);
    batch.mlm_labels = torch::full({count, length}, -100, whole);
    batch.attention_mask = torch::zeros({count, length}, torch::kBool);
    batch.word_mask = torch::zeros({count, length}, torch::kBool);
    batch.word_ids = torch::full({count, length}, -1, whole);
    batch.word_class = torch::zeros({count, length}, whole);
    batch.word_key = torch::zeros({count, length}, whole);
    batch.sentence_ids = torch::full({count, length}, -1, whole);
    batch.sentence_key = torch::zeros({count, length}, whole);
    batch.report_key = torch::zeros({count}, whole);
  }

  // masked: as mask_report gives it; with nothing in it the row is not masked.
  void fill(std::int64_t row, const EncodedReport& report, const MaskedReport& masked) {
    const Encoding& encoding = report.encoding;
    const std::size_t size = encoding.size();
    const std::int64_t offset = row * length_;
    std::copy(encoding.ids.begin(), encoding.ids.end(),
              batch_.input_ids.data_ptr<std::int64_t>() + offset);
    const auto& masked_ids = masked.masked_ids.empty() ? encoding.ids : masked.masked_ids;
    std::copy(masked_ids.begin(), masked_ids.end(),
              batch_.masked_ids.data_ptr<std::int64_t>() + offset);
    std::copy(masked.labels.begin(), masked.labels.end(),
              batch_.mlm_labels.data_ptr<std::int64_t>() + offset);
    bool* attention = batch_.attention_mask.data_ptr<bool>() + offset;
    bool* word_mask = batch_.word_mask.data_ptr<bool>() + offset;
    std::int64_t* word_ids = batch_.word_ids.data_ptr<std::int64_t>() + offset;
    std::int64_t* word_class = batch_.word_class.data_ptr<std::int64_t>() + offset;
    std::int64_t* word_key = batch_.word_key.data_ptr<std::int64_t>() + offset;
    std::int64_t* sentence_ids = batch_.sentence_ids.data_ptr<std::int64_t>() + offset;
    std::copy(report.sentences.sentence_key.begin(), report.sentences.sentence_key.end(),
              batch_.sentence_key.data_ptr<std::int64_t>() + offset);
    batch_.report_key.data_ptr<std::int64_t>()[row] = report.sentences.report_key;
    for (std::size_t t = 0; t < size; ++t) {
      attention[t] = true;
      word_mask[t] = encoding.special[t] == 0;
      word_ids[t] = report.words.word_ids[t];
      word_class[t] = static_cast<std::int64_t>(report.words.word_class[t]);
      word_key[t] = report.words.word_key[t];
      sentence_ids[t] = report.sentences.sentence_ids[t];
    }
  }

 private:
  StudyBatch& batch_;
  std::int64_t length_;
};

}  // namespace

StudyBatch collate(const std::vector<StudySample>& samples, const TextPipeline& text,
                   std::int64_t crop) {
  TORCH_CHECK(!samples.empty(), "collate: a batch holds at least one study");
  const auto count = static_cast<std::int64_t>(samples.size());
  StudyBatch batch;
  std::tie(batch.frontal, batch.has_frontal) = collate_pixels(samples, crop, true);
  std::tie(batch.lateral, batch.has_lateral) = collate_pixels(samples, crop, false);
  std::size_t longest = 0;
  for (const StudySample& sample : samples)
    longest = std::max(longest, sample.report->encoding.size());
  TokenRows rows(batch, count, padded_length(static_cast<std::int64_t>(longest), text.max_tokens),
                 text.tokenizer.vocabulary().pad_id());
  batch.study_index = torch::empty({count}, torch::kInt64);
  const std::size_t labels = samples.front().labels.size();
  batch.labels = torch::empty({count, static_cast<std::int64_t>(labels)});
  for (std::int64_t b = 0; b < count; ++b) {
    const StudySample& sample = samples[static_cast<std::size_t>(b)];
    rows.fill(b, *sample.report, sample.masked);
    TORCH_CHECK(sample.labels.size() == labels, "collate: study ", sample.study_id, " has ",
                sample.labels.size(), " labels, the first of the batch ", labels);
    std::copy(sample.labels.begin(), sample.labels.end(),
              batch.labels.data_ptr<float>() + static_cast<std::size_t>(b) * labels);
    batch.study_index.data_ptr<std::int64_t>()[b] = sample.study_index;
    batch.study_ids.push_back(sample.study_id);
  }
  return batch;
}

StudyBatch collate_texts(const std::vector<std::string>& texts, const TextPipeline& text) {
  TORCH_CHECK(!texts.empty(), "collate_texts: at least one text is needed");
  const auto count = static_cast<std::int64_t>(texts.size());
  std::vector<EncodedReport> reports;
  std::size_t longest = 0;
  for (const std::string& one : texts) {
    reports.push_back(encode_report(one, text));
    longest = std::max(longest, reports.back().encoding.size());
  }
  StudyBatch batch;
  TokenRows rows(batch, count, padded_length(static_cast<std::int64_t>(longest), text.max_tokens),
                 text.tokenizer.vocabulary().pad_id());
  for (std::int64_t b = 0; b < count; ++b) rows.fill(b, reports[static_cast<std::size_t>(b)], {});
  batch.has_frontal = torch::zeros({count}, torch::kBool);
  batch.has_lateral = torch::zeros({count}, torch::kBool);
  batch.study_index = torch::arange(count, torch::kInt64);
  batch.study_ids = texts;
  return batch;
}

}  // namespace biplane

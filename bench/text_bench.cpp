// Speed of the text module on reports of about 60 words. Run in the repository root;
// BIPLANE_VOCABULARY names a vocab.txt to use instead of one trained on the reports themselves.
#include <benchmark/benchmark.h>

#include <array>
#include <cstdlib>
#include <string>
#include <vector>

#include "biplane/core/random.h"
#include "biplane/text/masking.h"
#include "biplane/text/report.h"
#include "biplane/text/vocabulary_trainer.h"

namespace biplane {
namespace {

constexpr std::array<const char*, 12> kSentences = {
    "PA and lateral views of the chest were obtained.",
    "There is a small left pleural effusion with adjacent atelectasis.",
    "No pneumothorax or pleural effusion is seen.",
    "The cardiac silhouette is mildly enlarged.",
    "Patchy opacity in the right lower lobe may represent pneumonia.",
    "The lungs are clear without focal consolidation.",
    "Mediastinal and hilar contours are unremarkable.",
    "A right-sided central venous catheter ends in the lower SVC.",
    "Degenerative changes of the thoracic spine are noted.",
    "Mild pulmonary vascular congestion, improved since the prior study.",
    "1. No acute cardiopulmonary abnormality.",
    "Calcified granuloma in the left upper lobe, 6 mm.",
};

std::vector<std::string> make_reports(std::int64_t count) {
  std::vector<std::string> reports;
  for (std::int64_t i = 0; i < count; ++i) {
    CounterRandom random(1, "bench-text", {static_cast<std::uint64_t>(i)});
    std::string report = "FINDINGS: ";
    for (int k = 0; k < 8; ++k) {
      report += kSentences[static_cast<std::size_t>(random.below(kSentences.size()))];
      report += k == 4 ? "\n\nIMPRESSION: " : " ";
    }
    reports.push_back(std::move(report));
  }
  return reports;
}

Vocabulary bench_vocabulary(const std::vector<std::string>& reports) {
  const char* file = std::getenv("BIPLANE_VOCABULARY");
  return file != nullptr ? Vocabulary::read(file) : train_vocabulary(reports);
}

void encode_reports(benchmark::State& state) {
  const std::vector<std::string> reports = make_reports(1000);
  const WordPieceTokenizer tokenizer(bench_vocabulary(reports));
  std::size_t i = 0, bytes = 0;
  for (auto _ : state) {
    const std::string& report = reports[i++ % reports.size()];
    benchmark::DoNotOptimize(tokenizer.encode(report, 128));
    bytes += report.size();
  }
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}
BENCHMARK(encode_reports);

void annotate_and_mask_reports(benchmark::State& state) {
  const std::vector<std::string> reports = make_reports(1000);
  const WordPieceTokenizer tokenizer(bench_vocabulary(reports));
  const Lexicon lexicon = Lexicon::read("share/lexicon/en.yaml");
  const MaskingOptions options;
  std::size_t i = 0;
  for (auto _ : state) {
    const std::string& report = reports[i++ % reports.size()];
    const Encoding encoding = tokenizer.encode(report, 128);
    benchmark::DoNotOptimize(mask_report(encoding, lexicon.annotate(report, encoding),
                                         tokenizer.vocabulary(), options,
                                         CounterRandom(1, "mask", {i})));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(annotate_and_mask_reports);

void clean_reports(benchmark::State& state) {
  const std::vector<std::string> reports = make_reports(1000);
  const Lexicon lexicon = Lexicon::read("share/lexicon/en.yaml");
  std::size_t i = 0;
  for (auto _ : state)
    benchmark::DoNotOptimize(training_text(reports[i++ % reports.size()], lexicon));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(clean_reports);

void train_on_8000_reports(benchmark::State& state) {
  const std::vector<std::string> reports = make_reports(8000);
  for (auto _ : state) benchmark::DoNotOptimize(train_vocabulary(reports).size());
}
BENCHMARK(train_on_8000_reports)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace biplane

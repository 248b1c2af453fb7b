#include "biplane/train/run_data.h"

#include <fmt/format.h>

#include <algorithm>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/core/sha256.h"
#include "biplane/core/share.h"

namespace biplane {
namespace {

// Studies by what is wrong with their reports: how many, and the first.
struct Count {
  std::int64_t studies = 0;
  std::string first;
  void add(const std::string& study_id) {
    if (studies++ == 0) first = study_id;
  }
};

Count without_report(const RunData& data, const DataConfig& config) {
  StudyFilter all = config.filter();
  all.require_report = false;
  Count count;
  for (const std::int64_t index : select_studies(*data.manifest, all, data.exclusion.studies)) {
    const StudySummary& study = data.manifest->summary(index);
    if (!study.has_report) count.add(study.study_id);
  }
  return count;
}

// What a view's file holds where that is known, else its name.
std::string content_of(const View& view) {
  return view.sha256.empty() ? std::filesystem::path(view.path).filename().string() : view.sha256;
}

// Every label that is named is known for some study.
void check_labels(const RunData& data, const DataConfig& config) {
  for (const std::string& name : config.labels) {
    const bool known = std::any_of(data.chosen.begin(), data.chosen.end(), [&](std::int64_t index) {
      return data.manifest->study(index).labels.contains(name);
    });
    if (known) continue;
    std::vector<std::string> names;
    const Study first = data.manifest->study(data.chosen.front());
    for (const auto& [label, value] : first.labels) names.push_back(label);
    throw Error(ErrorKind::kUsage, "data.labels: no study of " + config.manifest +
                                       " has a label '" + name + "'" + did_you_mean(name, names));
  }
}

}  // namespace

std::vector<std::int64_t> chosen_studies(const Manifest& manifest, const DataConfig& config,
                                         const PatientExclusion& exclusion) {
  std::vector<std::int64_t> chosen = select_studies(manifest, config.filter(), exclusion.studies);
  if (chosen.empty()) {
    const auto reports = std::count_if(manifest.summaries().begin(), manifest.summaries().end(),
                                       [](const StudySummary& study) { return study.has_report; });
    throw Error(
        ErrorKind::kUsage,
        fmt::format("{}: no study is left to train on by data.split = {}, data.views = {}{}; "
                    "{} of its {} studies have a report",
                    config.manifest, config.split, config.views,
                    exclusion.studies.empty() ? "" : ", data.exclude_patients_of", reports,
                    manifest.size()));
  }
  return chosen;
}

RunData read_run_data(const DataConfig& config, std::uint64_t seed) {
  RunData data;
  data.manifest = std::make_shared<Manifest>(Manifest::read(config.manifest, config.root));
  data.exclusion = exclude_patients(*data.manifest, config.exclude_patients_of);
  data.chosen = chosen_studies(*data.manifest, config, data.exclusion);
  check_labels(data, config);
  data.dataset = std::make_shared<StudyDataset>(
      data.manifest, data.chosen, make_text_pipeline(config, *data.manifest, data.chosen),
      DatasetOptions::from(config, seed, /*training=*/true));
  return data;
}

std::string lexicon_text(const DataConfig& config) {
  return read_file(config.lexicon.empty() ? share_file("lexicon/en.yaml")
                                          : std::filesystem::path(config.lexicon));
}

std::string data_fingerprint(const RunData& data, const DataConfig& config) {
  Sha256 hash;
  hash.update(sha256_hex(lexicon_text(config)) + '\n');
  for (const std::int64_t index : data.chosen) {
    const Study study = data.manifest->study(index);
    hash.update(std::to_string(index) + ' ' + study.study_id + '\n');
    hash.update(sha256_hex(study.report.text) + '\n');
    for (const View& view : study.views) hash.update(content_of(view) + '\n');
  }
  const Vocabulary& vocabulary = data.dataset->text().tokenizer.vocabulary();
  for (std::int64_t id = 0; id < vocabulary.size(); ++id) hash.update(vocabulary.token(id) + '\n');
  return hash.hex();
}

std::vector<std::string> report_warnings(const RunData& data, const DataConfig& config) {
  const WordPieceTokenizer& tokenizer = data.dataset->text().tokenizer;
  const std::int64_t unknown = tokenizer.vocabulary().unk_id();
  Count wordless, cut;
  for (const std::int64_t index : data.chosen) {
    const Study study = data.manifest->study(index);
    const Encoding report = tokenizer.encode(study.report.text);
    bool known = false;
    for (std::size_t i = 0; i < report.size(); ++i)
      known = known || (report.special[i] == 0 && report.ids[i] != unknown);
    if (!known) wordless.add(study.study_id);
    if (static_cast<std::int64_t>(report.size()) > config.max_tokens) cut.add(study.study_id);
  }
  std::vector<std::string> lines = data.exclusion.lines();
  const auto warn = [&](const Count& count, const std::string& what) {
    if (count.studies == 0) return;
    lines.push_back(fmt::format("warning: {} of {} studies {} (first: {})", count.studies,
                                data.chosen.size(), what, count.first));
  };
  const Count missing = without_report(data, config);
  if (missing.studies > 0) {
    lines.push_back(fmt::format("warning: {} studies have no report and are left out (first: {})",
                                missing.studies, missing.first));
  }
  warn(wordless, "have a report without any word of the vocabulary");
  warn(cut, fmt::format("have a report that is cut at data.max_tokens = {}", config.max_tokens));
  return lines;
}

}  // namespace biplane

#include "biplane/corpus/label_agreement.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "biplane/core/error.h"
#include "biplane/corpus/manifest.h"
#include "biplane/formats/csv.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

// 1, 0, -1 or nothing for a blank; also as 1.0.
std::optional<int> parse_value(const std::string& text, const std::string& where) {
  if (text.empty()) return std::nullopt;
  for (const int value : {1, 0, -1}) {
    const std::string plain = std::to_string(value);
    if (text == plain || text == plain + ".0") return value;
  }
  throw Error(ErrorKind::kBadContent, where + ": '" + text + "' is none of 1, 0, -1 and blank");
}

std::string shown(const std::optional<double>& value) {
  return value ? fmt::format("{:.3f}", *value) : "-";
}

nlohmann::ordered_json json_of(const std::optional<double>& value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json();
}

constexpr std::int64_t kMacroSupport = 20;

}  // namespace

LabelReference LabelReference::read(const fs::path& file, const std::string& id,
                                    const std::vector<std::string>& labels, bool stated_only) {
  LabelReference reference;
  if (file.extension() == ".jsonl" || fs::is_directory(file)) {
    reference.read_manifest(file, labels, stated_only);
  } else {
    reference.read_csv(file, id, labels);
  }
  if (!reference.labels_.empty()) return reference;
  throw Error(ErrorKind::kBadContent,
              file.string() + ": has none of the labels, for example '" + labels.front() + "'");
}

void LabelReference::read_csv(const fs::path& file, const std::string& id,
                              const std::vector<std::string>& labels) {
  CsvReader csv(file);
  const std::size_t id_column = id.empty() ? 0 : csv.column(id);
  std::vector<std::size_t> columns;
  for (const std::string& label : labels) {
    if (!csv.find_column(label)) continue;
    labels_.push_back(label);
    columns.push_back(csv.column(label));
  }
  for (CsvRow row; csv.next(row);) {
    const std::string where = file.string() + ": row " + std::to_string(row.number);
    if (!row.problem.empty()) throw Error(ErrorKind::kBadContent, where + ": " + row.problem);
    const auto [found, fresh] = rows_.emplace(row.fields[id_column], LabelValues());
    if (!fresh)
      throw Error(ErrorKind::kBadContent, where + ": '" + found->first + "' is there twice");
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const auto value = parse_value(row.fields[columns[i]], where + ": " + labels_[i]);
      if (value) found->second[labels_[i]] = *value;
    }
  }
}

void LabelReference::read_manifest(const fs::path& file, const std::vector<std::string>& labels,
                                   bool stated_only) {
  const Manifest manifest = Manifest::read(file);
  std::vector<char> used(labels.size(), 0);
  for (std::int64_t index = 0; index < manifest.size(); ++index) {
    const Study study = manifest.study(index);
    LabelValues& values = rows_[study.study_id];
    for (const auto* from : {&study.labels_chexpert, &study.labels}) {
      for (const auto& [label, value] : *from) values[label] = value;
    }
    for (auto& [label, value] : values) {
      const auto said = study.said.find(label);
      const bool hedged = said != study.said.end() && said->second == "uncertain";
      const bool silent = said == study.said.end() && value == 1;
      if (stated_only && (hedged || silent)) value = kLeftOut;
    }
    for (std::size_t i = 0; i < labels.size(); ++i) used[i] |= values.count(labels[i]) > 0 ? 1 : 0;
  }
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (used[i] != 0) labels_.push_back(labels[i]);
  }
}

const LabelValues* LabelReference::find(const std::string& id) const {
  const auto found = rows_.find(id);
  return found == rows_.end() ? nullptr : &found->second;
}

std::optional<double> LabelCounts::precision() const {
  if (both + found_only == 0) return std::nullopt;
  return static_cast<double>(both) / static_cast<double>(both + found_only);
}

std::optional<double> LabelCounts::recall() const {
  if (support() == 0) return std::nullopt;
  return static_cast<double>(both) / static_cast<double>(support());
}

double LabelCounts::f1() const {
  const std::int64_t sum = 2 * both + found_only + reference_only;
  return sum == 0 ? 0 : 2 * static_cast<double>(both) / static_cast<double>(sum);
}

LabelAgreement::LabelAgreement(std::vector<std::string> labels)
    : labels_(std::move(labels)), counts_(labels_.size()) {}

void LabelAgreement::add(const LabelValues& found, const LabelValues& reference) {
  constexpr int kNotMentioned = 3;
  const auto value_in = [](const LabelValues& values, const std::string& label) {
    const auto at = values.find(label);
    return at == values.end() ? kNotMentioned : at->second;
  };
  ++reports_;
  for (std::size_t i = 0; i < labels_.size(); ++i) {
    const int is = value_in(found, labels_[i]), wanted = value_in(reference, labels_[i]);
    if (wanted == kLeftOut) continue;
    LabelCounts& counts = counts_[i];
    if (is == 1 && wanted == 1) ++counts.both;
    if (is == 1 && wanted != 1) ++counts.found_only;
    if (is != 1 && wanted == 1) ++counts.reference_only;
    if (is == -1 && wanted == 1) ++counts.found_uncertain;
  }
}

std::optional<double> LabelAgreement::macro_f1(std::int64_t support) const {
  double sum = 0;
  int labels = 0;
  for (const LabelCounts& counts : counts_) {
    if (counts.support() < support) continue;
    sum += counts.f1();
    ++labels;
  }
  return labels == 0 ? std::nullopt : std::optional<double>(sum / labels);
}

std::string LabelAgreement::table() const {
  std::string text = fmt::format("{:<28} {:>8} {:>10} {:>8} {:>8} {:>10}\n", "label", "support",
                                 "precision", "recall", "F1", "uncertain");
  for (std::size_t i = 0; i < labels_.size(); ++i) {
    const LabelCounts& counts = counts_[i];
    text += fmt::format("{:<28} {:>8} {:>10} {:>8} {:>8.3f} {:>10}\n", labels_[i], counts.support(),
                        shown(counts.precision()), shown(counts.recall()), counts.f1(),
                        counts.found_uncertain);
  }
  return text + fmt::format("{} reports; macro F1 of the labels with a support of {} or more: {}\n",
                            reports_, kMacroSupport, shown(macro_f1(kMacroSupport)));
}

std::string LabelAgreement::json() const {
  using nlohmann::ordered_json;
  ordered_json rows = ordered_json::array();
  for (std::size_t i = 0; i < labels_.size(); ++i) {
    const LabelCounts& counts = counts_[i];
    rows.push_back({{"label", labels_[i]},
                    {"support", counts.support()},
                    {"precision", json_of(counts.precision())},
                    {"recall", json_of(counts.recall())},
                    {"f1", counts.f1()},
                    {"found_uncertain", counts.found_uncertain}});
  }
  const ordered_json document = {{"reports", reports_},
                                 {"macro_f1", json_of(macro_f1(kMacroSupport))},
                                 {"macro_support", kMacroSupport},
                                 {"labels", rows}};
  return document.dump(2) + "\n";
}

}  // namespace biplane

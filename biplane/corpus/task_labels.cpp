#include "biplane/corpus/task_labels.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "biplane/core/error.h"
#include "biplane/core/one_of.h"
#include "biplane/corpus/chexpert.h"

namespace biplane {
namespace {

constexpr float kUnknown = std::numeric_limits<float>::quiet_NaN();

const std::map<std::string, int>& labels_of(const TaskLabels& labels, const Study& study) {
  return labels.source == "chexpert" ? study.labels_chexpert : study.labels;
}

float taught(const TaskLabels& labels, const std::string& name,
             const std::map<std::string, int>& given) {
  const auto found = given.find(name);
  if (found == given.end()) return labels.blank == "absent" ? 0.0F : kUnknown;
  if (found->second >= 0) return static_cast<float>(found->second);
  const auto& present = labels.uncertain_present;
  if (std::find(present.begin(), present.end(), name) != present.end()) return 1.0F;
  if (labels.uncertain == "unknown") return kUnknown;
  return labels.uncertain == "present" ? 1.0F : 0.0F;
}

std::vector<std::string> in_table_order(const std::set<std::string>& names, bool chexpert) {
  if (!chexpert) return {names.begin(), names.end()};
  std::vector<std::string> ordered;
  for (const char* name : kChexpertLabels) {
    if (names.contains(name)) ordered.emplace_back(name);
  }
  return ordered;
}

void check_names_known(const std::vector<std::string>& names, const std::vector<std::string>& all,
                       const std::string& key) {
  for (const std::string& name : names) {
    if (std::find(all.begin(), all.end(), name) == all.end())
      throw Error(ErrorKind::kUsage,
                  key + ": no training study has a label '" + name + "'" + did_you_mean(name, all));
  }
}

}  // namespace

void check_task_labels(const TaskLabels& labels) {
  require_one_of("labels.kind", labels.kind, {"multilabel", "multiclass"});
  require_one_of("labels.source", labels.source, {"own", "chexpert"});
  require_one_of("labels.uncertain", labels.uncertain, {"unknown", "absent", "present"});
  require_one_of("labels.blank", labels.blank, {"unknown", "absent"});
  if (std::set<std::string>(labels.names.begin(), labels.names.end()).size() != labels.names.size())
    throw Error(ErrorKind::kUsage, "labels.names: a name stands there twice");
}

TaskLabels with_names(TaskLabels labels, const Manifest& manifest,
                      std::span<const std::int64_t> chosen) {
  std::set<std::string> found;
  for (const std::int64_t index : chosen) {
    const Study study = manifest.study(index);
    for (const auto& [name, value] : labels_of(labels, study)) found.insert(name);
  }
  const std::vector<std::string> all = in_table_order(found, labels.source == "chexpert");
  if (labels.names.empty()) labels.names = all;
  check_names_known(labels.names, all, "labels.names");
  check_names_known(labels.uncertain_present, labels.names, "labels.uncertain_present");
  if (labels.names.empty())
    throw Error(ErrorKind::kUsage,
                "labels.source = " + labels.source + ": no training study has such a label");
  if (labels.kind == "multiclass" && labels.names.size() < 2)
    throw Error(ErrorKind::kUsage, "labels.kind = multiclass: at least two classes are needed");
  return labels;
}

std::vector<float> label_row(const TaskLabels& labels, const Study& study) {
  const std::map<std::string, int>& given = labels_of(labels, study);
  std::vector<float> row;
  for (const std::string& name : labels.names) row.push_back(taught(labels, name, given));
  if (labels.kind == "multilabel") return row;
  const auto present = std::count(row.begin(), row.end(), 1.0F);
  const bool unsure = std::any_of(labels.names.begin(), labels.names.end(), [&](const auto& name) {
    const auto found = given.find(name);
    return found != given.end() && found->second < 0;
  });
  if (present != 1 || unsure) return std::vector<float>(row.size(), kUnknown);
  for (float& value : row) value = value == 1.0F ? 1.0F : 0.0F;  // the others are excluded
  return row;
}

bool any_known(std::span<const float> row) {
  return std::any_of(row.begin(), row.end(), [](float value) { return !std::isnan(value); });
}

}  // namespace biplane

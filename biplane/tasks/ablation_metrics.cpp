#include "biplane/tasks/ablation_metrics.h"

#include <map>

namespace biplane {
namespace {

constexpr const char* kUsed = "/used";

std::vector<std::string> make_headline() {
  std::vector<std::string> names;
  for (const char* column : {"used", "frontal", "lateral", "both"}) {
    for (const char* group : {"all", "in_frontal", "both_views", "lateral_only"})
      names.push_back(std::string("zero_shot/") + column + "/" + group);
    names.push_back(std::string("retrieval/") + column);
  }
  for (const char* metric : {"pointing_game", "mean_iou"}) {
    for (const char* view : {"frontal", "lateral"})
      names.push_back(std::string(metric) + "/" + view);
  }
  names.insert(names.end(),
               {"selection/frontal", "selection/lateral", "selection/both", "entity_words/accuracy",
                "entity_words/image_effect", "entity_words/leak", "shuffle_gap/words",
                "shuffle_gap/images", "same_cosine/used", "same_mass/used"});
  return names;
}

std::string part(const std::string& name, int number) {
  std::size_t begin = 0;
  for (int i = 0; i < number && begin != std::string::npos; ++i) {
    const std::size_t slash = name.find('/', begin);
    begin = slash == std::string::npos ? slash : slash + 1;
  }
  return begin == std::string::npos ? "" : name.substr(begin, name.find('/', begin) - begin);
}

}  // namespace

const std::vector<std::string>& headline_metrics() {
  static const std::vector<std::string> kNames = make_headline();
  return kNames;
}

std::string metric_title(const std::string& metric) {
  static const std::map<std::string, std::string> kTitles = {
      {"zero_shot", "AUROC"},
      {"supervised", "AUROC of the label head"},
      {"retrieval", "R@10"},
      {"pointing_game", "pointing game"},
      {"mean_iou", "mean IoU"},
      {"selection", "selection of lesion patches, AUROC"},
      {"entity_words", "masked entity words"},
      {"shuffle_gap", "shuffle gap, nats"},
      {"same_cosine", "cosine with the same findings"},
      {"same_mass", "contrast mass on the same findings"},
      {"all", "all findings"},
      {"in_frontal", "seen in the frontal"},
      {"both_views", "seen in both"},
      {"lateral_only", "lateral only"}};
  const std::string group = part(metric, 2);
  return kTitles.at(part(metric, 0)) + (group.empty() ? "" : ", " + kTitles.at(group)) + " (" +
         part(metric, 1) + ")";
}

const AblationMetric* find_metric(const AblationRecord& record, const std::string& metric) {
  const auto find = [&](const std::string& name) {
    const auto found = record.metrics.find(name);
    return found == record.metrics.end() ? nullptr : &found->second;
  };
  const std::size_t used = metric.find(kUsed);
  if (used == std::string::npos) return find(metric);
  const auto as = [&](const char* column) {
    return find(std::string(metric).replace(used, std::string(kUsed).size(), column));
  };
  const AblationMetric* both = as("/both");
  return both != nullptr ? both : as("/frontal");
}

}  // namespace biplane

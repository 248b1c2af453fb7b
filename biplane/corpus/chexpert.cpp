#include "biplane/corpus/chexpert.h"

#include <limits>

namespace biplane {

float label_value(const std::map<std::string, int>& labels, const std::string& name) {
  const auto found = labels.find(name);
  const bool known = found != labels.end() && found->second >= 0;
  return known ? static_cast<float>(found->second) : std::numeric_limits<float>::quiet_NaN();
}

ChexpertValues chexpert_values(const Study& study) {
  ChexpertValues values;
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = label_value(study.labels_chexpert, kChexpertLabels[i]);
  return values;
}

}  // namespace biplane

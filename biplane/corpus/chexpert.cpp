#include "biplane/corpus/chexpert.h"

#include <limits>

namespace biplane {

ChexpertValues chexpert_values(const Study& study) {
  ChexpertValues values;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto found = study.labels_chexpert.find(kChexpertLabels[i]);
    const bool known = found != study.labels_chexpert.end() && found->second >= 0;
    values[i] = known ? static_cast<float>(found->second) : std::numeric_limits<float>::quiet_NaN();
  }
  return values;
}

}  // namespace biplane

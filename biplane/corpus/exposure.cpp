#include "biplane/corpus/exposure.h"

namespace biplane {

std::string exposure_of(const CorpusRelations& relations, const std::string& corpus,
                        const std::string& split, const std::vector<std::string>& trained_on) {
  bool part = false, own = false;
  for (const std::string& seen : trained_on) {
    if (seen == corpus) {
      if (split == "train" || split == "all") return "full";
      own = true;
    } else if (relations.contained(corpus, seen)) {
      return "full";
    } else {
      part = part || relations.share_patients(corpus, seen);
    }
  }
  return part ? "part" : own ? "train" : "";
}

}  // namespace biplane

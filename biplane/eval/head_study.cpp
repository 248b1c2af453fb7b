#include "biplane/eval/head_study.h"

namespace biplane {

HeadStudy head_study(const StudySummary& study) {
  return {study.study_id, study.patient_id, study.has_frontal && study.has_lateral};
}

nlohmann::ordered_json head_study_json(const HeadStudy& study) {
  return {{"study", study.study}, {"patient", study.patient}, {"paired", study.paired}};
}

HeadStudy parse_head_study(const nlohmann::ordered_json& json) {
  return {json.at("study"), json.at("patient"), json.at("paired")};
}

}  // namespace biplane

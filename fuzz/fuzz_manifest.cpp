// Lines of a manifest; a study that is accepted is written and read again as the same study.
//
// Guards: biplane/corpus/study_from_json.cpp biplane/corpus/marks_from_json.cpp
// biplane/corpus/study_to_json.cpp
#include "biplane/core/error.h"
#include "biplane/corpus/manifest.h"
#include "fuzz/seed_corpus.h"

namespace biplane::fuzz {

std::vector<std::string> seeds() {
  return {
      R"({"format":1,"study_id":"s","patient_id":"p","patient":{"sex":"F","age":61.5},"split":"test",)"
      R"("views":[{"path":"a.png","view":"PA","laterality":"L","rows":4,"cols":5,"sha256":"0f"},)"
      R"({"path":"b.png","view":"LATERAL"}],"report":{"findings":"Clear.","impression":"x",)"
      R"("other":"y","text":"Clear."},"labels":{"Edema":1,"Mass":null,"Nodule":-1},)"
      R"("labels_chexpert":{"Edema":0},"source":{"file":"a.csv","row":3}})",
      R"({"study_id":"s","views":[{"path":"a","rows":20,"cols":30}],"boxes":[{"label":"m","x":28,"y":-2,)"
      R"("w":4,"h":5}],"masks":[{"label":"m","rows":2,"cols":3,"rle":[6]}]})",
      R"({"study_id":"s","views":[{"path":"a"}],"visible_in":{"mass":["frontal","lateral"]},)"
      R"("doubtful_in":{"edema":["lateral"]},"said":{"mass":"stated","edema":"denied"},)"
      R"("boxes":[{"view":0,"label":"mass","x":1,"y":2.5,"w":3,"h":4,"reader":"r"}],)"
      R"("masks":[{"view":0,"label":"mass","rle":[1,2,3],"rows":2,"cols":3}],)"
      R"("counterfactual":{"of":"t","removed":"mass"}})",
      R"({"study_id":"s","patient":null,"views":[],"labels":{}})"};
}

void one_input(const std::uint8_t* data, std::size_t size) {
  Study study;
  try {
    study = study_from_json({reinterpret_cast<const char*>(data), size});
  } catch (const Error&) {
    return;
  }
  const std::string written = study_to_json(study);
  if (written.find('\n') != std::string::npos) __builtin_trap();
  if (study_to_json(study_from_json(written)) != written) __builtin_trap();
}

}  // namespace biplane::fuzz

#pragma once

#include <filesystem>
#include <string>
#include <unordered_map>

#include "biplane/corpus/funnel.h"
#include "biplane/corpus/study.h"

namespace biplane {

// The file in which RSNA says which image of NIH ChestX-ray14 each image of its challenge is.
inline constexpr const char* kNihMappingFile = "pneumonia-challenge-dataset-mappings_2018.json";

// NIH's patients behind the names that RSNA gave to images: a list of objects with `subset_img_id`
// (RSNA's name, also in COVIDx) and `img_id` (NIH's, "00000013_005.png").
class NihPatients {
 public:
  // From the root of a corpus; without names where the file is not there. Throws Error kIo;
  // kBadContent naming file and entry for one that is not of this form.
  static NihPatients find(const std::filesystem::path& root);

  // Puts into a study of RSNA's name for its image how NIH's table names the patient ("13"), and
  // notes in the stage where the file does not name him; without the file nothing. Returns the
  // patient that shares are to be drawn by: NIH's where he is known, for RSNA's own "patient" is
  // one image.
  std::string name(const std::string& example, FunnelStage& stage, Study& study) const;

 private:
  bool known_ = false;
  std::unordered_map<std::string, std::string> patients_;
};

}  // namespace biplane

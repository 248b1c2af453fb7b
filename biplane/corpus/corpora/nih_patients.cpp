#include "biplane/corpus/corpora/nih_patients.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/corpus/corpora/tables.h"
#include "biplane/formats/guarded_json.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMostBytes = std::uint64_t{256} << 20;

// "13" of "00000013_005.png"; empty for what is no such name.
std::string patient_of_image(const std::string& image) {
  const std::size_t line = image.find('_');
  const std::string digits = image.substr(0, line);
  if (line == std::string::npos || digits.find_first_not_of("0123456789") != std::string::npos)
    return "";
  const std::size_t first = digits.find_first_not_of('0');
  return first == std::string::npos ? "" : digits.substr(first);
}

std::string text_of(const nlohmann::json& entry, const char* key) {
  if (!entry.is_object() || !entry.contains(key) || !entry[key].is_string()) return "";
  return entry[key].get<std::string>();
}

}  // namespace

NihPatients NihPatients::find(const fs::path& root) {
  NihPatients names;
  const auto file = find_table(root, {kNihMappingFile});
  if (!file) return names;
  names.known_ = true;
  const auto refuse = [&](const std::string& cause) {
    throw Error(ErrorKind::kBadContent, file->string() + ": " + cause);
  };
  const nlohmann::json list = parse_guarded_json(read_file(*file, kMostBytes), "it", refuse);
  if (!list.is_array()) refuse("is not a list of images");
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string rsna = text_of(list[i], "subset_img_id");
    const std::string patient = patient_of_image(text_of(list[i], "img_id"));
    if (rsna.empty() || patient.empty()) {
      refuse("entry " + std::to_string(i + 1) +
             " needs subset_img_id and img_id, a name as 00000013_005.png");
    }
    names.patients_.insert_or_assign(rsna, patient);
  }
  return names;
}

std::string NihPatients::name(const std::string& example, FunnelStage& stage, Study& study) const {
  if (!known_) return study.patient_id;
  const auto found = patients_.find(study.patient_id);
  if (found == patients_.end()) {
    stage.note("NIH's patient is not known: the mapping does not name the image", example);
    return study.patient_id;
  }
  return study.patient_in["nih"] = found->second;
}

}  // namespace biplane

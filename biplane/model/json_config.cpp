#include "biplane/model/json_config.h"

#include "biplane/formats/guarded_json.h"

namespace biplane {

void check_json_format(const std::filesystem::path& file, std::int64_t format,
                       std::string_view architecture) {
  try {
    const nlohmann::json json = nlohmann::json::parse(read_file(file, kMaxJsonConfig));
    const auto there = json.at("format").get<std::int64_t>();
    const auto kind = json.at("architecture").get<std::string>();
    if (there == format && kind == architecture) return;
    throw Error(ErrorKind::kBadContent,
                file.string() + ": a model of format " + std::to_string(there) +
                    " and architecture '" + kind + "'; this version reads format " +
                    std::to_string(format) + " of '" + std::string(architecture) + "'");
  } catch (const nlohmann::json::exception& error) {
    throw Error(ErrorKind::kBadContent,
                file.string() + ": not the configuration of a model: " + error.what());
  }
}

bool is_folder_of(const std::filesystem::path& folder, std::string_view architecture) {
  std::error_code none;
  const std::filesystem::path file = folder / kConfigFile;
  if (!std::filesystem::is_regular_file(file, none)) return false;
  try {
    const nlohmann::json json =
        parse_guarded_json(read_file(file, kMaxJsonConfig), "it", [](const std::string& why) {
          throw Error(ErrorKind::kBadContent, why);  // the file may be anybody's
        });
    return json.is_object() && json.contains("architecture") &&
           json.at("architecture") == architecture;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace biplane

#include "biplane/model/json_config.h"

namespace biplane {

void check_json_format(const std::filesystem::path& file, std::int64_t format,
                       std::string_view architecture) {
  try {
    const nlohmann::json json = nlohmann::json::parse(read_file(file, kMaxJsonConfig));
    const auto there = json.at("format").get<std::int64_t>();
    const auto kind = json.at("architecture").get<std::string>();
    if (there == format && kind == architecture) return;
    throw Error(ErrorKind::kBadContent, file.string() + ": a model of format " +
                                            std::to_string(there) + " and architecture '" + kind +
                                            "'; this version reads format " +
                                            std::to_string(format) + " of '" +
                                            std::string(architecture) + "'");
  } catch (const nlohmann::json::exception& error) {
    throw Error(ErrorKind::kBadContent,
                file.string() + ": not the configuration of a model: " + error.what());
  }
}

}  // namespace biplane

#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

// What `biplane info` says about one kind of path each. All give a JSON object whose first key is
// "kind"; the table for people is made from it. They throw Error as the readers they use.
namespace biplane::cli {

// PNG, JPEG or DICOM. The image is decoded, so a damaged one is an error. A DICOM file whose header
// can be read but whose pixels cannot has the reason in "error".
nlohmann::ordered_json image_info(const std::filesystem::path& path);

nlohmann::ordered_json manifest_info(const std::filesystem::path& path, const std::string& root);

nlohmann::ordered_json safetensors_info(const std::filesystem::path& path);

// A folder: prepared corpus, run, checkpoint or model directory. Throws Error kUsage for any other.
nlohmann::ordered_json folder_info(const std::filesystem::path& path, const std::string& root);

}  // namespace biplane::cli

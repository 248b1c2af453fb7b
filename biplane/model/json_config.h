#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "biplane/core/config.h"
#include "biplane/core/error.h"
#include "biplane/core/files.h"

namespace biplane {

// Visitor that writes a configuration struct (core/config.h) as JSON, in the order of its fields.
class JsonWriter {
 public:
  template <class T>
  void field(std::string_view name, T& value) {
    json_[std::string(name)] = to_json(value);
  }
  const nlohmann::ordered_json& json() const { return json_; }

  template <class T>
  static nlohmann::ordered_json to_json(T& value) {
    if constexpr (requires(JsonWriter & writer) { value.visit(writer); }) {
      JsonWriter writer;
      value.visit(writer);
      return writer.json();
    } else {
      return value;
    }
  }

 private:
  nlohmann::ordered_json json_ = nlohmann::ordered_json::object();
};

// Names of the files that folders of models and towers have in common.
inline constexpr const char* kConfigFile = "config.json";
inline constexpr const char* kWeightsFile = "model.safetensors";
inline constexpr const char* kVocabularyFile = "vocab.txt";

constexpr std::uint64_t kMaxJsonConfig = 1 << 24;  // bytes

// A struct as a JSON file, written atomically.
template <class T>
void write_json_struct(const std::filesystem::path& file, T value) {
  write_file_atomically(file, JsonWriter::to_json(value).dump(2) + "\n");
}

// Reads JSON (which is YAML too) into a struct; what is wrong with it is damaged content here
// (Error kBadContent), not bad usage.
template <class T>
T read_json_struct(const std::filesystem::path& file) {
  T result;
  try {
    load_config(ConfigTree::parse(read_file(file, kMaxJsonConfig), file.string()), result);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kUsage) throw;
    throw Error(ErrorKind::kBadContent, error.what());
  }
  return result;
}

// Throws Error kBadContent unless the file is JSON with these values of "format" and
// "architecture": a file of a later format may have keys that this version does not know.
void check_json_format(const std::filesystem::path& file, std::int64_t format,
                       std::string_view architecture);

// Whether the folder's config.json names this architecture.
bool is_folder_of(const std::filesystem::path& folder, std::string_view architecture);

}  // namespace biplane

#include <fstream>
#include <map>
#include <set>

#include "apps/biplane/info.h"
#include "biplane/core/checksums.h"
#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/corpus/manifest.h"
#include "biplane/corpus/selection.h"
#include "biplane/formats/safetensors.h"

namespace biplane::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

constexpr std::uint64_t kMaxTextBytes = std::uint64_t{1} << 26;

ordered_json tensors_json(const SafetensorsFile& file) {
  ordered_json list = ordered_json::array();
  for (const TensorEntry& entry : file.entries())
    list.push_back({{"name", entry.name}, {"dtype", entry.dtype}, {"shape", entry.shape}});
  return list;
}

void add_tensors(const fs::path& path, ordered_json& json) {
  const SafetensorsFile file = SafetensorsFile::open(path);
  std::int64_t parameters = 0;
  std::map<std::string, std::int64_t> types;
  for (const TensorEntry& entry : file.entries()) {
    std::int64_t count = 1;
    for (const std::int64_t side : entry.shape) count *= side;
    parameters += count;
    ++types[entry.dtype];
  }
  json["tensor_count"] = file.entries().size();
  json["parameters"] = parameters;
  json["dtypes"] = types;
  if (!file.metadata().empty()) json["metadata"] = file.metadata();
  json["tensors"] = tensors_json(file);
}

ordered_json read_json(const fs::path& path) {
  try {
    return ordered_json::parse(read_file(path, kMaxTextBytes));
  } catch (const ordered_json::exception& error) {
    throw Error(ErrorKind::kBadContent, path.string() + ": not valid JSON: " + error.what());
  }
}

// A model directory, or a checkpoint, which also holds the optimizer. A damaged file is an error.
ordered_json model_info(const fs::path& path) {
  const bool checkpoint = fs::exists(path / "state.json");
  ordered_json json = {{"kind", checkpoint ? "checkpoint" : "model"}, {"path", path.string()}};
  verify_checksums(path);
  json["checksums"] = "good";
  if (checkpoint) json["state"] = read_json(path / "state.json");
  if (fs::exists(path / "config.json")) json["config"] = read_json(path / "config.json");
  if (fs::exists(path / "task.json")) json["task"] = read_json(path / "task.json");
  add_tensors(path / "model.safetensors", json);
  return json;
}

// The last line that is a JSON object: a killed run may leave half a line behind it.
ordered_json last_object(const std::string& text) {
  std::size_t end = text.size();
  while (end > 0) {
    const std::size_t newline = text.rfind('\n', end - 1);
    const std::size_t begin = newline == std::string::npos ? 0 : newline + 1;
    const ordered_json object =
        ordered_json::parse(text.substr(begin, end - begin), nullptr, false);
    if (object.is_object()) return object;
    end = newline == std::string::npos ? 0 : newline;
  }
  return {};
}

ordered_json run_folder_info(const fs::path& path) {
  ordered_json json = {{"kind", "run"}, {"path", path.string()}};
  const std::string state = read_file(path / "state", kMaxTextBytes);
  json["state"] = state.substr(0, state.find('\n'));
  if (fs::exists(path / "metrics.jsonl")) {
    json["last_metrics"] = last_object(read_file(path / "metrics.jsonl"));
  }
  std::map<std::int64_t, std::string> checkpoints;  // by step
  if (fs::is_directory(path / "checkpoints")) {
    for (const fs::directory_entry& entry : fs::directory_iterator(path / "checkpoints")) {
      const std::string name = entry.path().filename().string();
      if (name.rfind("step-", 0) == 0) checkpoints[std::atoll(name.c_str() + 5)] = name;
    }
  }
  json["checkpoints"] = ordered_json::array();
  for (const auto& [step, name] : checkpoints) json["checkpoints"].push_back(name);
  if (fs::exists(path / "model" / "model.safetensors")) {
    json["model"] = model_info(path / "model");
  } else if (!checkpoints.empty()) {
    json["newest_checkpoint"] = model_info(path / "checkpoints" / checkpoints.rbegin()->second);
  }
  return json;
}

}  // namespace

ordered_json safetensors_info(const fs::path& path) {
  ordered_json json = {
      {"kind", "safetensors"}, {"file", path.string()}, {"bytes", fs::file_size(path)}};
  add_tensors(path, json);
  return json;
}

ordered_json manifest_info(const fs::path& path, const std::string& root) {
  const Manifest manifest = Manifest::read(path, root);
  std::map<std::string, std::int64_t> splits, views, sources;
  std::map<std::string, std::map<std::string, std::int64_t>> labels;
  std::set<std::string> patients;
  std::int64_t images = 0, two_view = 0, reports = 0, boxes = 0, masks = 0;
  for (std::int64_t i = 0; i < manifest.size(); ++i) {
    const Study study = manifest.study(i);
    ++splits[split_name(study.split)];
    patients.insert(study.patient_id);
    images += static_cast<std::int64_t>(study.views.size());
    for (const View& view : study.views) ++views[view_name(view.view)];
    two_view += has_frontal(study) && has_lateral(study) ? 1 : 0;
    reports += study.report.text.empty() ? 0 : 1;
    boxes += static_cast<std::int64_t>(study.boxes.size());
    masks += static_cast<std::int64_t>(study.masks.size());
    for (const auto& [label, value] : study.labels) ++labels[label][std::to_string(value)];
  }
  return {{"kind", "manifest"},
          {"file", manifest.path().string()},
          {"root", manifest.root().string()},
          {"studies", manifest.size()},
          {"patients", patients.size()},
          {"images", images},
          {"two_view_studies", two_view},
          {"reports", reports},
          {"boxes", boxes},
          {"masks", masks},
          {"splits", splits},
          {"views", views},
          {"labels", labels}};
}

ordered_json folder_info(const fs::path& path, const std::string& root) {
  if (fs::exists(path / "manifest.jsonl")) return manifest_info(path / "manifest.jsonl", root);
  if (fs::exists(path / "model.safetensors")) return model_info(path);
  if (fs::exists(path / "state")) return run_folder_info(path);
  throw Error(
      ErrorKind::kUsage,
      path.string() +
          ": this folder is no prepared corpus (manifest.jsonl), run (state), checkpoint or model "
          "directory (model.safetensors)");
}

}  // namespace biplane::cli

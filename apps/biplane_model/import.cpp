#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/biplane_model/verbs.h"
#include "apps/common/command_line.h"
#include "biplane/core/error.h"
#include "biplane/model/tower_package.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string source, out;
  ImportOptions import;
  std::vector<std::string> allow_missing;
  bool json = false;
};

constexpr const char* kExamples = R"(Examples:
  biplane import ViT-B-16.pt --out weights/frontal
  biplane import swin-tiny-patch4-window7-224/ --out weights/lateral
  biplane import Bio_ClinicalBERT/ --out weights/text --corpora mimic-iii-notes
  biplane import MRM.pth --out weights/mrm --mean 0.4978 --std 0.2449 --corpora mimic-cxr
  biplane pretrain --config configs/paper.yaml --set init.frontal=weights/frontal ...
No code of the file is run. A file with one encoder becomes the folder OUT; one with several, such as a
checkpoint of the published two-view code, becomes OUT/frontal, OUT/lateral and OUT/text.)";

std::string place_of(const ImportResult& result, std::size_t index, const std::string& out) {
  const TowerPackage& package = result.towers[index];
  if (result.towers.size() == 1) return out;
  const auto same = std::count_if(result.towers.begin(), result.towers.end(),
                                  [&](const auto& other) { return other.role == package.role; });
  if (same > 1)
    throw Error(ErrorKind::kUsage,
                fmt::format("{}: has {} towers for {}; choose one: --tower {}", package.source,
                            same, package.role, package.tower.prefix));
  return (fs::path(out) / package.role).string();
}

nlohmann::ordered_json row_json(const TensorRow& row) {
  return {{"tensor", row.name},
          {"source", row.source},
          {"shape", row.shape},
          {"status", status_name(row.status)},
          {"note", row.note}};
}

// `places`: the folders that were written; empty: none was.
std::string as_json(const ImportResult& result, const std::vector<std::string>& places) {
  nlohmann::ordered_json towers = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < result.towers.size(); ++i) {
    const TowerPackage& package = result.towers[i];
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    for (const TensorRow& row : package.tower.rows) rows.push_back(row_json(row));
    towers.push_back({{"role", package.role},
                      {"kind", package.tower.kind},
                      {"scheme", package.tower.scheme},
                      {"prefix", package.tower.prefix},
                      {"out", places.empty() ? "" : places[i]},
                      {"notes", package.tower.notes},
                      {"tensors", rows}});
  }
  nlohmann::ordered_json unexpected = nlohmann::ordered_json::array();
  for (const TensorRow& row : result.unexpected) unexpected.push_back(row_json(row));
  return nlohmann::ordered_json{{"towers", towers}, {"unexpected", unexpected}}.dump(
             -1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) +
         "\n";
}

std::string shown(const std::string& text) { return text.empty() ? "-" : text; }

// Columns as wide as their longest entry.
std::string table(const std::vector<TensorRow>& rows) {
  std::size_t name = 6, source = 6, shape = 5;
  for (const TensorRow& row : rows) {
    name = std::max(name, row.name.size());
    source = std::max(source, row.source.size());
    shape = std::max(shape, row.shape.size());
  }
  std::string text = fmt::format("{:<{}}  {:<{}}  {:<{}}  status\n", "tensor", name, "source",
                                 source, "shape", shape);
  for (const TensorRow& row : rows)
    text += fmt::format("{:<{}}  {:<{}}  {:<{}}  {}{}\n", shown(row.name), name, shown(row.source),
                        source, row.shape, shape, status_name(row.status),
                        row.note.empty() ? "" : ": " + row.note);
  return text;
}

std::string as_text(const ImportResult& result, const std::vector<std::string>& places) {
  std::string text;
  std::vector<TensorRow> rows;
  for (const TowerPackage& package : result.towers)
    rows.insert(rows.end(), package.tower.rows.begin(), package.tower.rows.end());
  rows.insert(rows.end(), result.unexpected.begin(), result.unexpected.end());
  text += table(rows);
  const auto count = [&](TensorStatus status) {
    return std::count_if(rows.begin(), rows.end(),
                         [&](const TensorRow& row) { return row.status == status; });
  };
  text += fmt::format("{} loaded, {} missing, {} of a wrong shape, {} unexpected\n",
                      count(TensorStatus::kLoaded), count(TensorStatus::kMissing),
                      count(TensorStatus::kWrongShape), count(TensorStatus::kUnexpected));
  for (std::size_t i = 0; i < result.towers.size(); ++i) {
    const TowerPackage& package = result.towers[i];
    text += fmt::format("{}: {} as {}, from {}\n", package.role, package.tower.scheme,
                        package.tower.kind, package.container);
    for (const std::string& note : package.tower.notes) text += fmt::format("note: {}\n", note);
    if (!places.empty()) text += fmt::format("written  {}\n", places[i]);
  }
  return text;
}

int run(const Options& options) {
  const ImportResult result = import_towers(options.source, options.import);
  std::vector<std::string> places;
  for (std::size_t i = 0; i < result.towers.size(); ++i)
    places.push_back(place_of(result, i, options.out));
  const auto print = [&](const std::vector<std::string>& written) {
    cli::print_result(options.json ? as_json(result, written) : as_text(result, written));
  };
  try {
    refuse_incomplete(result, options.allow_missing);
  } catch (const Error&) {
    print({});  // the table shows all that is missing
    throw;
  }
  for (std::size_t i = 0; i < result.towers.size(); ++i)
    save_tower_package(places[i], result.towers[i]);
  print(places);
  return 0;
}

}  // namespace

VerbRun define_import(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("source", options->source,
                 "weights: .safetensors (also sharded), a zip of torch.save (.bin, .pt, .pth), "
                 "TorchScript, or the folder that holds them")
      ->required();
  app.add_option("--out", options->out, "folder of the imported encoder")->required();
  app.add_option("--tower", options->import.prefix,
                 "only the encoder under this prefix of names, for example teacher.");
  app.add_option("--heads", options->import.hints.heads,
                 "attention heads, where no config.json beside the file says so")
      ->check(CLI::PositiveNumber);
  app.add_option("--activation", options->import.hints.activation,
                 "of the MLPs of a CLIP or ViT, where no file beside the weights says so")
      ->check(CLI::IsMember({"quick_gelu", "gelu"}));
  app.add_option("--mean", options->import.hints.mean,
                 "pixel mean the weights were trained with, one value or three in [0, 1]")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--std", options->import.hints.std, "standard deviation, likewise")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--allow-missing", options->allow_missing,
                 "beginning of the names of parameters that may stay random; may be repeated")
      ->allow_extra_args(false);
  app.add_option("--corpora", options->import.corpora,
                 "corpora the weights were trained on: kept with every model that starts from them")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_flag("--json", options->json, "print the table as JSON");
  app.footer(kExamples);
  return [options] { return run(*options); };
}

}  // namespace biplane

#include "biplane/eval/results.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "biplane/core/error.h"
#include "biplane/eval/json_lines.h"

namespace biplane {
namespace {

using Json = nlohmann::ordered_json;

Json number(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }

void put_text(Json& json, const char* key, const std::string& value) {
  if (!value.empty()) json[key] = value;
}

}  // namespace

std::string training_text(const ResultRow& row) {
  std::vector<std::string> parts;
  if (!row.protocol.empty()) parts.push_back(row.protocol);
  if (row.fraction && *row.fraction < 1)
    parts.push_back(fmt::format("{:g} % of the labels", 100 * *row.fraction));
  if (!row.seeds.empty()) parts.push_back(fmt::format("mean of {} seeds", row.seeds.size()));
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string p_text(const ResultRow& row) {
  if (!row.p) return {};
  return *row.p < 0.001 ? "p < 0.001" : fmt::format("p = {:.3f}", *row.p);
}

void set_repeats(ResultRow& row, Replicates repeats) {
  row.interval = percentile_interval(repeats);
  row.repeats = std::move(repeats);
}

std::string left_out_note(std::size_t classes) {
  return std::to_string(classes) + " classes are undefined and left out of the mean";
}

ResultRow mean_row(ResultRow row, std::span<const ResultRow> classes) {
  std::vector<Replicates> repeats;
  double sum = 0;
  row.n = 0;
  for (const ResultRow& one : classes) {
    row.n = std::max(row.n, one.n);
    if (!one.value) continue;
    sum += *one.value;
    repeats.push_back(one.repeats);
  }
  if (repeats.empty()) {
    row.note = "no class is defined";
    return row;
  }
  row.value = sum / static_cast<double>(repeats.size());
  set_repeats(row, mean_of(repeats));
  if (repeats.size() < classes.size()) row.note = left_out_note(classes.size() - repeats.size());
  return row;
}

std::string result_to_json(const ResultRow& row, const ResultOrigin& origin) {
  Json json;
  json["task"] = row.task;
  json["corpus"] = row.corpus;
  json["split"] = row.split;
  json["views"] = row.views;
  put_text(json, "population", row.population);
  json["metric"] = row.metric;
  put_text(json, "against", row.against);
  json["class"] = row.label.empty() ? "all" : row.label;
  put_text(json, "direction", row.direction);
  put_text(json, "candidates", row.candidates);
  if (row.pool > 0) json["pool"] = row.pool;
  if (row.k > 0) json["k"] = row.k;
  put_text(json, "map", row.map);
  put_text(json, "condition", row.condition);
  put_text(json, "operating_point", row.operating_point);
  if (row.threshold) json["threshold"] = *row.threshold;
  put_text(json, "subgroup", row.subgroup);
  put_text(json, "exposed", row.exposed);
  put_text(json, "protocol", row.protocol);
  if (row.fraction) json["fraction"] = *row.fraction;
  json["value"] = number(row.value);
  json["low"] = number(row.interval.low);
  json["high"] = number(row.interval.high);
  if (row.value && row.interval.undefined > 0) json["undefined_repeats"] = row.interval.undefined;
  json["n"] = row.n;
  if (row.positives) json["positives"] = *row.positives;
  if (row.p) json["p"] = *row.p;
  put_text(json, "note", row.note);
  json["seed"] = row.seeds.empty() ? Json(origin.seed) : Json(nullptr);
  if (!row.seeds.empty()) json["seeds"] = row.seeds;
  json["run"] = origin.run;
  json["weights_sha256"] = origin.weights_sha256;
  json["prompts_sha256"] =
      origin.prompts_sha256.empty() ? Json(nullptr) : Json(origin.prompts_sha256);
  json["preprocess_sha256"] = origin.preprocess_sha256;
  json["split_sha256"] = origin.split_sha256;
  put_text(json, "against_sha256", row.against_sha256);
  put_text(json, "train_sha256", row.train_sha256);
  json["code"] = origin.code;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

ResultRow result_from_json(const std::string& line) {
  const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) throw Error(ErrorKind::kBadContent, "a row of results is no JSON object");
  const auto text = [&](const char* key) {
    return json.contains(key) && json[key].is_string() ? json[key].get<std::string>()
                                                       : std::string();
  };
  const auto number = [&](const char* key) {
    return json.contains(key) && json[key].is_number()
               ? std::optional<double>(json[key].get<double>())
               : std::nullopt;
  };
  const auto whole = [&](const char* key) {
    return static_cast<std::int64_t>(number(key).value_or(0));
  };
  ResultRow row;
  for (const auto& [key, value] :
       {std::pair{"task", &row.task}, std::pair{"corpus", &row.corpus},
        std::pair{"split", &row.split}, std::pair{"views", &row.views},
        std::pair{"population", &row.population}, std::pair{"metric", &row.metric},
        std::pair{"against", &row.against}, std::pair{"against_sha256", &row.against_sha256},
        std::pair{"class", &row.label}, std::pair{"direction", &row.direction},
        std::pair{"candidates", &row.candidates}, std::pair{"map", &row.map},
        std::pair{"condition", &row.condition}, std::pair{"operating_point", &row.operating_point},
        std::pair{"subgroup", &row.subgroup}, std::pair{"exposed", &row.exposed},
        std::pair{"note", &row.note}, std::pair{"protocol", &row.protocol},
        std::pair{"train_sha256", &row.train_sha256}})
    *value = text(key);
  row.value = number("value");
  row.interval = {number("low"), number("high"), whole("undefined_repeats")};
  row.threshold = number("threshold");
  row.fraction = number("fraction");
  row.p = number("p");
  row.pool = whole("pool");
  row.k = whole("k");
  row.n = whole("n");
  if (json.contains("positives")) row.positives = whole("positives");
  if (json.contains("seeds") && json["seeds"].is_array())
    for (const Json& seed : json["seeds"])
      if (seed.is_number_integer()) row.seeds.push_back(seed.get<std::int64_t>());
  return row;
}

void append_results(const std::filesystem::path& file, std::span<const ResultRow> rows,
                    const ResultOrigin& origin) {
  std::vector<std::string> lines;
  for (const ResultRow& row : rows) lines.push_back(result_to_json(row, origin));
  append_missing_lines(file, lines);
}

}  // namespace biplane

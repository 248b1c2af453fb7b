#include <cmath>
#include <nlohmann/json.hpp>

#include "biplane/inference/explain.h"

namespace biplane {
namespace {

using Json = nlohmann::ordered_json;

// Six decimals: more are noise, and harder to read.
double short_number(double value) { return std::round(value * 1e6) / 1e6; }

Json patch_json(const PatchSelection& patch, std::int64_t place, std::int64_t columns) {
  Json json;
  json["row"] = place / columns;
  json["column"] = place % columns;
  json["score"] = short_number(patch.score);
  json["cosines"] = short_number(patch.cosines);
  json["kept"] = patch.kept;
  json["slot"] = patch.kept ? Json(patch.slot) : Json();
  json["slot_weight"] = short_number(patch.slot_weight);
  json["weight"] = short_number(patch.weight);
  json["x"] = short_number(patch.x);
  json["y"] = short_number(patch.y);
  json["w"] = short_number(patch.w);
  json["h"] = short_number(patch.h);
  return json;
}

Json view_json(const ViewSelection& view) {
  Json json;
  json["view"] = view.view;
  json["path"] = view.path;
  json["rows"] = view.original_rows;
  json["cols"] = view.original_cols;
  json["grid_rows"] = view.grid_rows;
  json["grid_columns"] = view.grid_columns;
  json["kept"] = view.kept;
  json["discarded"] = view.discarded;
  json["slots"] = view.slots;
  json["weight"] = short_number(view.weight);
  json["cosines"] = {{"lowest", short_number(view.lowest_cosines)},
                     {"mean", short_number(view.mean_cosines)},
                     {"highest", short_number(view.highest_cosines)}};
  json["patches"] = Json::array();
  for (std::size_t i = 0; i < view.patches.size(); ++i)
    json["patches"].push_back(
        patch_json(view.patches[i], static_cast<std::int64_t>(i), view.grid_columns));
  return json;
}

Json piece_json(const MaskedPiece& piece) {
  Json json{{"token", piece.token},
            {"shown", piece.shown},
            {"probability", short_number(piece.probability)},
            {"predictions", Json::array()}};
  for (const TokenProbability& guess : piece.predictions)
    json["predictions"].push_back(
        {{"token", guess.token}, {"probability", short_number(guess.probability)}});
  return json;
}

Json word_json(const WordSelection& word, const std::string& report) {
  Json json{{"text", report.substr(word.begin, word.end - word.begin)},
            {"class", word_class_name(word.word_class)},
            {"masked", word.masked()}};
  if (!word.masked()) return json;
  json["pieces"] = Json::array();
  for (const MaskedPiece& piece : word.pieces) json["pieces"].push_back(piece_json(piece));
  return json;
}

}  // namespace

std::string to_json(const SelectionExplanation& explanation) {
  Json json;
  json["stage"] = "selection";
  json["study"] = explanation.study_id;
  json["seed"] = explanation.seed;
  json["mlm_trained"] = explanation.mlm_trained;
  json["trained_on"] = explanation.trained_on;
  json["weights_sha256"] = explanation.weights_sha256;
  json["preprocess_sha256"] = explanation.preprocess_sha256;
  json["selection"] = {{"self", explanation.self_term}, {"text", explanation.text_term}};
  json["rho"] = explanation.rho;
  json["slots"] = explanation.slots;
  json["slot_support"] = short_number(explanation.slot_support);
  json["lowest_kept"] = short_number(explanation.lowest_kept);
  json["views"] = Json::array();
  for (const ViewSelection& view : explanation.views) json["views"].push_back(view_json(view));
  json["report"] = explanation.report;
  json["words"] = Json::array();
  for (const WordSelection& word : explanation.words)
    json["words"].push_back(word_json(word, explanation.report));
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace biplane

#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "biplane/eval/bootstrap.h"

namespace biplane {

// What a set of figures was measured with; written into every row.
struct ResultOrigin {
  std::string run;        // the model as the user named it, last path part only
  std::int64_t seed = 0;  // of the training
  std::string weights_sha256, prompts_sha256, preprocess_sha256;
  std::string split_sha256;  // over the ids of the studies evaluated, one a line, in byte order
  std::string code;          // program and version
};

// The maps of a phrase over a view (docs/evaluation.md, "Grounding").
inline constexpr std::array<const char*, 4> kMapNames{"attention", "cosine", "sentence",
                                                      "gradient"};

// One figure: a line of results.jsonl. Empty strings and absent numbers are left out of the line;
// `value` and its interval are always there, null where undefined, and then `note` says why;
// `undefined_repeats` where the interval leaves out repeats of the bootstrap.
struct ResultRow {
  std::string task;  // zero_shot, supervised, retrieval, grounding, modules/...
  std::string corpus, split;
  std::string views;   // frontal, lateral, both, lateral_missing, both_lateral_swapped
  std::string metric;  // auroc, average_precision, recall_at_1, pointing_game, ...
  std::string label;   // key "class": a finding, macro, macro_in_frontal, macro_lateral_only,
                       // macro_both_views, macro_small; empty: "all"
  std::optional<double> value;
  Interval interval;   // 95 %, over patients
  Replicates repeats;  // what the interval was made of; not written
  std::int64_t n = 0;  // studies (grounding: masks) the figure rests on
  std::optional<std::int64_t> positives;
  std::string population;  // "all" where not only studies with both views were used
  // Of a difference: the column that was subtracted; of one of two models the run of the other
  // one, and then the hash of its weights.
  std::string against, against_sha256;
  std::string direction;   // retrieval: image_to_text, text_to_image, mean, image_to_image
  std::string candidates;  // retrieval: all, distinct_texts, class_prompts; minimal_pairs: truth,
                           // rules
  std::int64_t pool = 0;   // retrieval: candidates of one query; of that with the fewest
  std::int64_t k = 0;      // of precision_at_k
  std::string map;  // grounding: kMapNames; modules/alignment: attention, cosine; selection: score
  std::string condition;            // what the figure was measured under (docs/evaluation.md)
  std::string operating_point;      // youden, sensitivity>=0.9, ...: where a score decides
  std::optional<double> threshold;  // that it stands for; chosen on other studies
  std::string subgroup;             // sex=F, age=60-79, view=AP ...; empty: all studies
  std::string
      exposed;  // full, part, train: what pre-training saw of the corpus (corpus/exposure.h)
  // Of heads that `biplane finetune` made: its configuration's name, the part of the labels, and
  // the hash of the studies that it was trained on (TaskStart).
  std::string protocol;
  std::optional<double> fraction;
  std::string train_sha256;
  std::vector<std::int64_t> seeds;  // of a mean over runs; empty: of one run
  std::optional<double> p;          // of a difference of two models: two-sided, DeLong
  std::string note;
};

// Whether a row is the difference of two models, not of columns or conditions of one.
inline bool compares_models(const ResultRow& row) { return !row.against_sha256.empty(); }

// Whether a row is of all that there is as it is: under no condition, among all candidates where it
// has any. The main figures are.
inline bool is_unconditional(const ResultRow& row) {
  return row.condition.empty() && (row.candidates.empty() || row.candidates == "all");
}

// How a head was trained: "linear_rsna, 1 % of the labels, mean of 3 seeds"; empty for what is no
// head's.
std::string training_text(const ResultRow& row);

// "p = 0.031", "p < 0.001"; empty where a row has none.
std::string p_text(const ResultRow& row);

// Gives a row its repeats and the interval that follows from them.
void set_repeats(ResultRow& row, Replicates repeats);

// Of a mean from which that many undefined classes are left out.
std::string left_out_note(std::size_t classes);

// `row` with the mean of those of these figures of single classes that are defined, repeat by
// repeat too, and a note of how many are not. n becomes the most studies that one of them rests on:
// no study counts twice.
ResultRow mean_row(ResultRow row, std::span<const ResultRow> classes);

std::string result_to_json(const ResultRow& row, const ResultOrigin& origin);

// The row of such a line, without its repeats; a class "all" stays one. Throws Error kBadContent.
ResultRow result_from_json(const std::string& line);

// Appends to OUT/results.jsonl the lines that are not there yet. Throws Error kIo.
void append_results(const std::filesystem::path& file, std::span<const ResultRow> rows,
                    const ResultOrigin& origin);

// The main figures as a text table with aligned columns, for a terminal (no escape codes).
std::string result_table(std::span<const ResultRow> rows);

}  // namespace biplane

#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace biplane {

// Prompts of one finding; the embeddings of each list are averaged.
struct PromptClass {
  std::string finding;                // label in the manifest
  std::vector<std::string> positive;  // at least one
  std::vector<std::string> negative;  // at least one
};

// What ranks studies: cos(study, positive) - cos(study, negative), or cos(study, positive) alone,
// for corpora whose reports deny findings too rarely for a denial to say much. Decisions (accuracy,
// F1) are always the margin's.
enum class Ranking { kMargin, kPositive };

// A versioned set of zero-shot prompts, a YAML file that users may replace (docs/text.md):
//
//   name: phantom
//   version: 1
//   ranking: margin        # or positive; may be left out
//   classes:
//     pleural_effusion:
//       positive: [right pleural effusion, left pleural effusion]
//       negative: [no pleural effusion]
//
// Instead of a list, slots (as GLoRIA's lists have them): a prompt is one entry of each slot,
// joined by blanks; all of their product, or `sample` of it, drawn by `seed` and the finding's name
// alone:
//
//       positive: {slots: [["", mild], [pulmonary edema, edema]], sample: 3, seed: 1}
struct PromptSet {
  std::string name;
  std::int64_t version = 0;
  Ranking ranking = Ranking::kMargin;
  std::vector<std::string> corpora;  // that it is made for; may be empty
  std::string sha256;                // of the file's content, 64 lower-case digits
  std::vector<PromptClass> classes;  // in file order

  // The prompts of a finding, or nullptr.
  const PromptClass* find(const std::string& finding) const;
};

// Throws Error kMissingInput, or kBadContent naming file, line and key for anything missing,
// unknown, empty or given twice.
PromptSet read_prompts(const std::filesystem::path& file);

// The same from text; `source` is named in errors.
PromptSet parse_prompts(const std::string& yaml, const std::string& source = "prompts");

}  // namespace biplane

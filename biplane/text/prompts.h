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

// A versioned set of zero-shot prompts, a YAML file that users may replace (docs/text.md):
//
//   name: phantom
//   version: 1
//   classes:
//     pleural_effusion:
//       positive: [right pleural effusion, left pleural effusion]
//       negative: [no pleural effusion]
struct PromptSet {
  std::string name;
  std::int64_t version = 0;
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

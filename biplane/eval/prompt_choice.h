#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "biplane/corpus/manifest.h"
#include "biplane/text/prompts.h"

namespace biplane {

struct PromptChoice {
  std::filesystem::path asked_for;              // by the user; may be empty
  std::vector<std::filesystem::path> of_model;  // files of the model directory
  std::string corpus;
};

// The prompts asked for, else those made for the corpus (key `corpora`), of the model's files or
// else of those that come with the program; else of the model's files the one that knows most
// labels of the manifest; else the same of those that come with the program. Nothing where no file
// knows a label. Throws Error as read_prompts.
std::optional<PromptSet> choose_prompts(const PromptChoice& choice, const Manifest& manifest);

}  // namespace biplane

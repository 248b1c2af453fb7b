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

// The prompts asked for, else of the model's files the one that is made for the corpus, else the
// one that knows most labels of the manifest; where none knows any, the same of those that come
// with the program. Nothing where no file knows a label. Throws Error as read_prompts.
std::optional<PromptSet> choose_prompts(const PromptChoice& choice, const Manifest& manifest);

}  // namespace biplane

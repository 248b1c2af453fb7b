#include "biplane/eval/prompt_choice.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "biplane/core/share.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

std::set<std::string> labels_of(const Manifest& manifest) {
  std::set<std::string> labels;
  for (std::int64_t i = 0; i < manifest.size(); ++i) {
    const Study study = manifest.study(i);
    for (const auto& [label, value] : study.labels) labels.insert(label);
  }
  return labels;
}

// Number of findings of a prompt set that some study has a label for.
std::int64_t known_findings(const PromptSet& prompts, const std::set<std::string>& labels) {
  return std::count_if(prompts.classes.begin(), prompts.classes.end(),
                       [&](const auto& one) { return labels.contains(one.finding); });
}

std::vector<fs::path> shipped_prompts() {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(share_file("prompts")))
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

// A prompt file and why it is taken: falling in this order.
struct Candidate {
  bool made_for_it, of_model;
  std::int64_t known;  // findings
  fs::path file;
  auto rank() const { return std::tuple(made_for_it, of_model, known); }
};

Candidate candidate(const fs::path& file, bool of_model, const std::string& corpus,
                    const std::set<std::string>& labels) {
  const PromptSet prompts = read_prompts(file);
  const auto& made_for = prompts.corpora;
  return {std::find(made_for.begin(), made_for.end(), corpus) != made_for.end(), of_model,
          known_findings(prompts, labels), file};
}

}  // namespace

std::optional<PromptSet> choose_prompts(const PromptChoice& choice, const Manifest& manifest) {
  if (!choice.asked_for.empty()) return read_prompts(choice.asked_for);
  const std::set<std::string> labels = labels_of(manifest);
  std::optional<Candidate> best;
  for (const bool of_model : {true, false}) {
    for (const fs::path& file : of_model ? choice.of_model : shipped_prompts()) {
      Candidate one = candidate(file, of_model, choice.corpus, labels);
      if (one.known == 0 || (best && one.rank() <= best->rank())) continue;
      best = std::move(one);
    }
  }
  return best ? std::optional(read_prompts(best->file)) : std::nullopt;
}

}  // namespace biplane

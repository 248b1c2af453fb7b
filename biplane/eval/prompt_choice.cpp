#include "biplane/eval/prompt_choice.h"

#include <algorithm>
#include <set>
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

// Of these the one that is made for the corpus and knows some of its labels, else the one that
// knows most of them.
std::optional<PromptSet> best_prompts(const std::vector<fs::path>& files, const std::string& corpus,
                                      const std::set<std::string>& labels) {
  std::optional<PromptSet> best;
  std::pair<bool, std::int64_t> most{false, 0};
  for (const fs::path& file : files) {
    PromptSet prompts = read_prompts(file);
    const bool made_for_it =
        std::find(prompts.corpora.begin(), prompts.corpora.end(), corpus) != prompts.corpora.end();
    const std::pair<bool, std::int64_t> score{made_for_it, known_findings(prompts, labels)};
    if (score.second == 0 || score <= most) continue;
    most = score;
    best = std::move(prompts);
  }
  return best;
}

}  // namespace

std::optional<PromptSet> choose_prompts(const PromptChoice& choice, const Manifest& manifest) {
  if (!choice.asked_for.empty()) return read_prompts(choice.asked_for);
  const std::set<std::string> labels = labels_of(manifest);
  auto best = best_prompts(choice.of_model, choice.corpus, labels);
  return best ? best : best_prompts(shipped_prompts(), choice.corpus, labels);
}

}  // namespace biplane

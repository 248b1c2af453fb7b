// Studies into published splits.
#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>

#include "biplane/core/error.h"
#include "biplane/corpus/corpora/chexpert_tables.h"
#include "biplane/corpus/corpora/published_rules.h"
#include "biplane/corpus/corpora/split_lists.h"

namespace biplane {
namespace {

constexpr const char* kLists = "list";  // what --allow-leak calls lists

bool is_by_image(const std::string& corpus) {
  return corpus == "chexpert" || corpus == "chexpert-5x200";
}

// Every image a study of its own, with the labels, boxes and masks that are its.
std::vector<Study> one_image_studies(const std::vector<Study>& studies) {
  std::vector<Study> out;
  for (const Study& study : studies) {
    for (std::size_t v = 0; v < study.views.size(); ++v) {
      Study& single = out.emplace_back(study);
      const auto path = parse_chexpert_path(study.views[v].path);
      single.study_id = path ? path->image : study.views[v].path;
      keep_views(single, {v});
    }
  }
  return out;
}

// Which leaks are allowed by name; a name that means nothing here is a mistake.
bool is_allowed(const SplitChoice& choice, const std::string& name) {
  for (const std::string& allowed : choice.allowed_leaks)
    if (allowed != name)
      throw Error(ErrorKind::kUsage, "--allow-leak " + allowed +
                                         ": the split that is asked for is called '" + name + "'");
  return !choice.allowed_leaks.empty();
}

[[noreturn]] void refuse(const std::string& name, const std::string& how) {
  throw Error(ErrorKind::kFailure, "the split '" + name + "' leaks: " + how + "; --allow-leak " +
                                       name + " takes it nevertheless");
}

// Finds the study of each placement; of a rule the names are exact.
class Finder {
 public:
  Finder(const std::vector<Study>& studies, bool exact) : names_(exact ? none() : studies) {
    if (exact)
      for (const Study& study : studies) exact_.emplace(study.study_id, &study);
  }
  const Study* find(const std::string& name) const {
    const auto found = exact_.find(name);
    return found != exact_.end() ? found->second : names_.find(name);
  }

 private:
  static const std::vector<Study>& none() {
    static const std::vector<Study> empty;
    return empty;
  }
  StudyLookup names_;
  std::unordered_map<std::string, const Study*> exact_;
};

std::vector<Study> place_all(const std::vector<Placement>& placements, const Finder& finder,
                             std::map<std::string, std::set<Split>>& placed, Funnel& funnel) {
  FunnelStage& stage = funnel.stage("published split joined to studies", "names");
  std::vector<Study> out;
  for (const Placement& placement : placements) {
    const std::string example = std::string(split_name(placement.split)) + ": " + placement.name;
    const Study* study = finder.find(placement.name);
    if (study == nullptr) {
      stage.drop("no such study", example);
      continue;
    }
    std::set<Split>& splits = placed[study->study_id];
    if (!splits.insert(placement.split).second) {
      stage.drop("named again in one split", example);
      continue;
    }
    stage.pass();
    Study& copy = out.emplace_back(*study);
    copy.split = placement.split;
    if (splits.size() > 1) copy.study_id += std::string("@") + split_name(placement.split);
  }
  return out;
}

// Patients in two splits: how many, and the first.
std::pair<std::size_t, std::string> leaking_patients(const std::vector<Study>& studies) {
  std::unordered_map<std::string, Split> first;
  std::set<std::string> leaking;
  std::string example;
  for (const Study& study : studies) {
    const auto [known, fresh] = first.emplace(study.patient_id, study.split);
    if (fresh || known->second == study.split) continue;
    if (leaking.empty())
      example = "patient " + study.patient_id + " is in " + split_name(known->second) + " and " +
                split_name(study.split);
    leaking.insert(study.patient_id);
  }
  return {leaking.size(), example};
}

void check_options(const std::string& corpus, const PrepareOptions& options) {
  const SplitChoice& choice = options.split;
  if (is_by_image(corpus) && options.pairing != Pairing::kAll)
    throw Error(ErrorKind::kUsage, "--pairing: under --split and --split-list every image of " +
                                       corpus + " is a study of its own");
  if (!choice.rule.empty() && !choice.lists.empty())
    throw Error(ErrorKind::kUsage, "--split and --split-list: give one of them");
  if (options.fractions.validate > 0 || options.fractions.test > 0)
    throw Error(ErrorKind::kUsage,
                "--validate and --test draw studies, and --split says already where they are");
}

// A list none of whose names is a study is of another form, and its split would be empty.
void check_each_list(const std::vector<Placement>& placements, const std::vector<Study>& out) {
  for (const Placement& one : placements) {
    const auto fits = [&](const Study& study) { return study.split == one.split; };
    if (std::any_of(out.begin(), out.end(), fits)) continue;
    const auto names = std::count_if(placements.begin(), placements.end(),
                                     [&](const Placement& p) { return p.split == one.split; });
    throw Error(ErrorKind::kUsage,
                std::string("--split-list: none of the ") + std::to_string(names) +
                    " names for the split " + split_name(one.split) +
                    " is that of a study or an image, the first is '" + one.name + "'");
  }
}

}  // namespace

std::vector<Study> place_as_published(const std::string& corpus, const PrepareOptions& options,
                                      std::vector<Study> studies, Funnel& funnel) {
  check_options(corpus, options);
  const SplitChoice& choice = options.split;
  const bool by_rule = !choice.rule.empty();
  const std::string name = by_rule ? choice.rule : kLists;
  const bool allowed = is_allowed(choice, name);
  std::vector<Placement> placements;
  if (by_rule) {
    const PublishedRule& rule = find_published_rule(corpus, choice.rule);
    if (rule.leak[0] != '\0' && !allowed) refuse(name, rule.leak);
    placements = rule.placements(options.root);
    funnel.record("split", name);
    if (rule.leak[0] != '\0') funnel.record("leak allowed", rule.leak);
  } else {
    placements = read_split_lists(choice.lists);
    std::string files;
    for (const std::string& list : choice.lists) files += (files.empty() ? "" : " ") + list;
    funnel.record("split", files);
  }
  if (is_by_image(corpus)) studies = one_image_studies(studies);
  std::map<std::string, std::set<Split>> placed;
  std::vector<Study> out = place_all(placements, Finder(studies, by_rule), placed, funnel);
  if (out.empty())
    throw Error(ErrorKind::kUsage,
                "the split '" + name + "' names none of the studies of " + corpus + ": " +
                    std::to_string(placements.size()) + " names" +
                    (placements.empty() ? "" : ", the first '" + placements.front().name + "'"));
  if (!by_rule) check_each_list(placements, out);
  FunnelStage& stage = funnel.stage("studies in the published split", "studies");
  for (const Study& study : studies) {
    if (placed.contains(study.study_id)) {
      stage.pass();
    } else {
      stage.drop("in none of its parts", "study " + study.study_id);
    }
  }
  const auto [leaking, example] = leaking_patients(out);
  if (leaking > 0 && !allowed) refuse(name, example + " (" + std::to_string(leaking) + " do so)");
  if (leaking > 0) funnel.record("patients in several splits", std::to_string(leaking));
  return out;
}

}  // namespace biplane

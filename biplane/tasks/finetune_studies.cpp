#include "biplane/tasks/finetune_studies.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "biplane/core/error.h"
#include "biplane/core/random.h"
#include "biplane/core/sha256.h"
#include "biplane/corpus/exclusion.h"
#include "biplane/corpus/published_splits.h"
#include "biplane/corpus/selection.h"
#include "biplane/corpus/splits.h"

namespace biplane {
namespace {

// Fixed, so that all seeds of a task are selected by the same patients.
// None that splits are drawn with: patients whom these took away would be missing here.
constexpr std::uint64_t kHoldoutSeed = 0x686F6C646F7574;  // "holdout"

std::vector<std::int64_t> with_views(const Manifest& manifest, const TaskDataConfig& config,
                                     const char* split) {
  std::vector<std::int64_t> chosen;
  for (const std::int64_t index : select_studies(manifest, {.split = split})) {
    if (has_views(manifest.summary(index), config.views)) chosen.push_back(index);
  }
  return chosen;
}

// Moves the held-out patients from train to select.
void hold_out(TaskStudies& chosen, const Manifest& manifest, double share) {
  std::vector<std::int64_t> left;
  for (const std::int64_t index : chosen.train) {
    const std::string& patient = manifest.summary(index).patient_id;
    const bool out =
        split_of_patient(patient, {.validate = share}, kHoldoutSeed) == Split::kValidate;
    (out ? chosen.select : left).push_back(index);
  }
  chosen.train = std::move(left);
}

void require_studies(const std::vector<std::int64_t>& studies, const Manifest& manifest,
                     const TaskDataConfig& config, const std::string& what) {
  if (!studies.empty()) return;
  throw Error(ErrorKind::kUsage, fmt::format("{}: no study with data.views = {} {}",
                                             manifest.path().string(), config.views, what));
}

std::set<std::string> patients_of(const Manifest& manifest,
                                  const std::vector<std::int64_t>& studies) {
  std::set<std::string> patients;
  for (const std::int64_t index : studies) patients.insert(manifest.summary(index).patient_id);
  return patients;
}

void refuse_leaks(TaskStudies& chosen, const Manifest& manifest, bool allowed) {
  std::vector<std::int64_t> seen = chosen.train;
  seen.insert(seen.end(), chosen.select.begin(), chosen.select.end());
  const std::set<std::string> before = patients_of(manifest, seen),
                              test = patients_of(manifest, chosen.test);
  std::vector<std::string> both;
  std::set_intersection(before.begin(), before.end(), test.begin(), test.end(),
                        std::back_inserter(both));
  const auto leaks = [&](const std::string& what) {
    if (!allowed)
      throw Error(ErrorKind::kFailure, manifest.path().string() + ": " + what +
                                           "; data.allow_leak=true goes on all the same");
    chosen.notes.push_back(what);
  };
  if (!both.empty())
    leaks(
        fmt::format("{} patients of the split test are also trained on or select, the first is {}",
                    both.size(), both.front()));
  const auto images = studies_of_images(manifest, seen, manifest, chosen.test);
  if (!images.empty())
    leaks(
        fmt::format("{} studies that are trained on or select show images of the split test, the "
                    "first is {}",
                    images.size(), manifest.summary(images.front()).study_id));
}

// Places among `ordered` that a published rule draws.
std::vector<std::int64_t> drawn_places(const std::vector<std::int64_t>& ordered,
                                       const Manifest& manifest, const TaskDataConfig& config) {
  const auto count = static_cast<std::int64_t>(ordered.size());
  if (config.fraction_rule == "published_siim") {
    std::vector<std::uint8_t> positive;
    std::int64_t without = 0;
    for (const std::int64_t index : ordered) {
      const Study study = manifest.study(index);
      positive.push_back(study.masks.empty() && study.boxes.empty() ? 0 : 1);
      without += positive.back() == 0;
    }
    if (2 * without < count)
      throw Error(ErrorKind::kUsage,
                  fmt::format("data.fraction_rule = published_siim takes as many studies without a "
                              "mask or box as with one; {} have none and {} have one",
                              without, count - without));
    return mgca_siim_fraction(positive, config.fraction);
  }
  return config.fraction_rule == "published_detection"
             ? mgca_detection_fraction(count, config.fraction)
             : mgca_fraction(count, config.fraction);
}

// The first ones by a hash of their names.
std::vector<std::int64_t> first_by_hash(std::vector<std::int64_t> ordered, const Manifest& manifest,
                                        std::int64_t count) {
  std::stable_sort(ordered.begin(), ordered.end(), [&](std::int64_t a, std::int64_t b) {
    return stable_hash(manifest.summary(a).study_id) < stable_hash(manifest.summary(b).study_id);
  });
  ordered.resize(static_cast<std::size_t>(count));
  return ordered;
}

// Which labels each class has in the training studies.
struct ToldLabels {
  std::vector<bool> present, absent;

  explicit ToldLabels(std::size_t classes) : present(classes), absent(classes) {}
  void add(const std::vector<float>& row) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (row[i] == 1.0F) present[i] = true;
      if (row[i] == 0.0F) absent[i] = true;
    }
  }
};

// Nothing can be learnt of a class that all training studies say the same of, and it stands in the
// macro figures all the same.
void note_one_sided(const ToldLabels& told, const TaskLabels& labels,
                    std::vector<std::string>& notes) {
  for (std::size_t i = 0; i < labels.names.size(); ++i) {
    if (told.present[i] && told.absent[i]) continue;
    const char* said = told.present[i]  ? "present wherever it is known"
                       : told.absent[i] ? "absent wherever it is known"
                                        : "not known";
    notes.push_back(
        fmt::format("class '{}' is {} in the training studies: it cannot be learnt; labels.names "
                    "without it leaves it out of the macro figures",
                    labels.names[i], said));
  }
}

}  // namespace

bool has_views(const StudySummary& study, const std::string& views) {
  if (views == "frontal") return study.has_frontal;
  if (views == "lateral") return study.has_lateral;
  return study.has_frontal || study.has_lateral;
}

std::vector<std::int64_t> fraction_of(const std::vector<std::int64_t>& ordered,
                                      const Manifest& manifest, const TaskDataConfig& config) {
  const auto count = static_cast<std::int64_t>(ordered.size());
  std::vector<std::int64_t> part;
  if (config.fraction == 1.0 && config.fraction_rule != "published_siim") {
    part = ordered;
  } else if (config.fraction_rule == "study") {
    part = first_by_hash(ordered, manifest,
                         std::llround(config.fraction * static_cast<double>(count)));
  } else {
    for (const std::int64_t place : drawn_places(ordered, manifest, config))
      part.push_back(ordered[static_cast<std::size_t>(place)]);
  }
  if (part.empty())
    throw Error(ErrorKind::kUsage,
                fmt::format("data.fraction = {}: leaves none of {} training studies",
                            config.fraction, count));
  return part;
}

TaskStudies choose_task_studies(const Manifest& manifest, const TaskDataConfig& config) {
  TaskStudies chosen;
  chosen.train = with_views(manifest, config, "train");
  chosen.test = with_views(manifest, config, "test");
  if (config.select == "holdout") {
    hold_out(chosen, manifest, config.holdout);
  } else {
    chosen.select = with_views(manifest, config, "validate");
  }
  require_studies(chosen.train, manifest, config, "is left to train on");
  require_studies(chosen.test, manifest, config,
                  "in the split test; biplane prepare --test 0.2 --validate 0.1 draws splits by "
                  "patient where a corpus has none of its own");
  require_studies(
      chosen.select, manifest, config,
      config.select == "holdout"
          ? fmt::format("is held out by data.holdout = {} of the patients of {} studies; "
                        "give a larger part",
                        config.holdout, chosen.train.size())
          : "in the split validate, which chooses the epoch; data.select=holdout takes "
            "training patients instead");
  chosen.train = fraction_of(chosen.train, manifest, config);
  refuse_leaks(chosen, manifest, config.allow_leak);
  return chosen;
}

void keep_labelled(TaskStudies& chosen, const Manifest& manifest, const TaskLabels& labels) {
  ToldLabels told(labels.names.size());
  for (auto [studies, name] :
       {std::pair{&chosen.train, "train on"}, {&chosen.select, "select by"}}) {
    const auto before = studies->size();
    const bool in_training = studies == &chosen.train;
    std::erase_if(*studies, [&](std::int64_t index) {
      const std::vector<float> row = label_row(labels, manifest.study(index));
      if (in_training) told.add(row);
      return !any_known(row);
    });
    const auto left_out = before - studies->size();
    if (studies->empty())
      throw Error(ErrorKind::kUsage, fmt::format("{}: no study to {} has a known label",
                                                 manifest.path().string(), name));
    if (left_out > 0)
      chosen.notes.push_back(
          fmt::format("{} studies to {} are left out: no class is known of them", left_out, name));
  }
  note_one_sided(told, labels, chosen.notes);
}

std::string ordered_ids_sha256(const Manifest& manifest, const std::vector<std::int64_t>& studies) {
  std::string text;
  for (const std::int64_t index : studies) text += manifest.summary(index).study_id + "\n";
  return sha256_hex(text);
}

}  // namespace biplane

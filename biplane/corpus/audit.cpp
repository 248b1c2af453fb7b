#include "biplane/corpus/audit.h"

#include <algorithm>
#include <sstream>

#include "biplane/core/parallel.h"
#include "biplane/core/progress.h"
#include "biplane/core/sha256.h"
#include "biplane/corpus/audit_leaks.h"
#include "biplane/corpus/check_store.h"
#include "biplane/corpus/image_check.h"
#include "biplane/corpus/relations.h"
#include "biplane/corpus/selection.h"

namespace biplane {
namespace {

constexpr std::int64_t kWordsPerBin = 10;

std::int64_t word_count(const std::string& text) {
  std::istringstream words(text);
  std::int64_t count = 0;
  for (std::string word; words >> word;) ++count;
  return count;
}

const char* view_set_name(const Study& study) {
  const bool frontal = has_frontal(study), lateral = has_lateral(study);
  if (frontal && lateral) return "both";
  if (frontal) return "frontal only";
  return lateral ? "lateral only" : "neither";
}

void count_study(const Study& study, AuditReport& report) {
  ++report.splits[split_name(study.split)];
  ++report.view_sets[view_set_name(study)];
  for (const View& view : study.views) ++report.views[view_name(view.view)];
  for (const auto& [label, value] : study.labels) ++report.labels[label][value];
  report.images += static_cast<std::int64_t>(study.views.size());
  if (study.report.text.empty()) {
    ++report.empty_reports;
  } else {
    ++report.text_lengths[word_count(study.report.text) / kWordsPerBin * kWordsPerBin];
  }
}

// Everything that is read from the files: by input, by study, by view.
struct Checks {
  std::vector<std::vector<std::vector<ImageCheck>>> images;
  AuditedImages all;  // in the same order, flat
};

// Takes the room for all results, so that threads fill them in without waiting for each other.
Checks room_for(const std::vector<AuditInput>& inputs) {
  Checks checks;
  checks.images.resize(inputs.size());
  for (std::size_t input = 0; input < inputs.size(); ++input) {
    const std::vector<StudySummary>& studies = inputs[input].manifest->summaries();
    checks.images[input].resize(studies.size());
    for (std::size_t i = 0; i < studies.size(); ++i) {
      const auto views = static_cast<std::size_t>(studies[i].views);
      checks.images[input][i].resize(views);
      for (std::size_t v = 0; v < views; ++v) {
        checks.all.places.push_back({static_cast<std::uint32_t>(input),
                                     static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(v)});
      }
    }
  }
  checks.all.prints.resize(checks.all.places.size());
  return checks;
}

// Views of a pack lie in one file.
std::string key_of(const AuditPlace& place, const View& view) {
  const std::string key = std::to_string(place.input) + "\n" + view.path;
  return view.stored.length > 0 ? key + "\n" + std::to_string(view.stored.offset) : key;
}

ImageCheck check_place(const AuditInput& input, const AuditPlace& place, CheckStore* checks,
                       std::optional<Fingerprint>& print) {
  const View view = input.manifest->study(place.study).views.at(place.view);
  const ImageSource source = input.manifest->image_source(view);
  return checks != nullptr ? checks->check(key_of(place, view), source, &print)
                           : check_image(source, true, &print);
}

Checks check_images(const std::vector<AuditInput>& inputs, const AuditOptions& options) {
  Checks checks = room_for(inputs);
  const std::vector<AuditPlace>& places = checks.all.places;
  parallel_for(static_cast<std::int64_t>(places.size()), options.threads, [&](std::int64_t i) {
    const AuditPlace& place = places[static_cast<std::size_t>(i)];
    checks.images[place.input][place.study][place.view] = check_place(
        inputs[place.input], place, options.checks, checks.all.prints[static_cast<std::size_t>(i)]);
    if (options.progress != nullptr) options.progress->advance();
  });
  for (const AuditPlace& place : places)
    checks.all.hashes.push_back(checks.images[place.input][place.study][place.view].sha256);
  return checks;
}

void report_bad_file(const Study& study, const View& view, const ImageCheck& check,
                     AuditReport& report) {
  std::string kind, detail = check.problem;
  const bool is_part = view.stored.length > 0;
  const std::int64_t rows = is_part ? view.stored.rows : view.rows;
  const std::int64_t cols = is_part ? view.stored.cols : view.cols;
  if (!check.problem.empty()) {
    kind = check.missing ? "missing file" : "broken file";
  } else if (!view.sha256.empty() && view.sha256 != check.sha256) {
    kind = "changed file";
    detail = view.path + ": its SHA-256 is not the one in the manifest";
  } else if ((rows > 0 && rows != check.rows) || (cols > 0 && cols != check.cols)) {
    kind = "wrong size";
    detail = view.path + ": " + std::to_string(check.rows) + " x " + std::to_string(check.cols) +
             " pixels, the manifest says " + std::to_string(rows) + " x " + std::to_string(cols);
  } else {
    return;
  }
  report.findings.push_back({kind, "study " + study.study_id + ": " + detail, false});
  ++report.bad_files;
}

bool any_other_names(const std::vector<AuditInput>& inputs) {
  return std::any_of(inputs.begin(), inputs.end(), [](const AuditInput& input) {
    const std::vector<StudySummary>& studies = input.manifest->summaries();
    return std::any_of(studies.begin(), studies.end(),
                       [](const StudySummary& study) { return !study.patient_in.empty(); });
  });
}

std::string space_of(const AuditInput& input, const std::string& corpus) {
  return input.relations != nullptr ? input.relations->name_space(corpus) : corpus;
}

// The things of all studies that must not be in two splits, but for copies of images.
struct Things {
  explicit Things(const std::vector<AuditInput>& inputs)
      : patients(inputs, "patient"),
        studies(inputs, "study"),
        contents(inputs, "study"),
        images(inputs, "image"),
        texts(inputs, "report"),
        people(inputs, "patient"),
        has_other_names(any_other_names(inputs)) {}

  void add(const Study& study, const AuditPlace& place, const AuditInput& input,
           const std::vector<ImageCheck>& checks) {
    const std::string patient = input.name_space + "\n" + study.patient_id;
    patients.add(patient, place);
    if (has_other_names) people.add(patient, place);
    for (const auto& [corpus, name] : study.patient_in)
      people.add(space_of(input, corpus) + "\n" + name, place);
    studies.add(input.name_space + "\n" + study.study_id, place);
    if (!study.report.text.empty()) texts.add(study.report.text, place);
    std::vector<std::string> hashes;
    for (const ImageCheck& check : checks) {
      if (check.sha256.empty()) continue;
      images.add(check.sha256, place);
      hashes.push_back(check.sha256);
    }
    if (hashes.empty()) return;
    std::sort(hashes.begin(), hashes.end());
    std::string content = study.report.text;
    for (const std::string& hash : hashes) content += "\n" + hash;
    contents.add(sha256_hex(content), place);
  }

  Sightings patients, studies, contents, images, texts;
  // Patients under all names that are known of them, where some have several.
  Sightings people;
  bool has_other_names;
};

AuditedManifest count_manifest(const AuditInput& input) {
  AuditedManifest counts;
  counts.name = input.name;
  for (const StudySummary& study : input.manifest->summaries()) {
    ++counts.studies;
    counts.images += study.views;
    ++counts.splits[split_name(study.split)];
  }
  return counts;
}

}  // namespace

AuditReport audit(const std::vector<AuditInput>& inputs, const AuditOptions& options) {
  AuditReport report;
  const Checks checks = check_images(inputs, options);
  Things things(inputs);
  for (std::size_t input = 0; input < inputs.size(); ++input) {
    report.manifests.push_back(count_manifest(inputs[input]));
    const Manifest& manifest = *inputs[input].manifest;
    for (std::int64_t i = 0; i < manifest.size(); ++i) {
      const Study study = manifest.study(i);
      const std::vector<ImageCheck>& images = checks.images[input][static_cast<std::size_t>(i)];
      ++report.studies;
      count_study(study, report);
      for (std::size_t v = 0; v < study.views.size(); ++v)
        report_bad_file(study, study.views[v], images[v], report);
      things.add(study, {static_cast<std::uint32_t>(input), static_cast<std::uint32_t>(i)},
                 inputs[input], images);
    }
  }
  report.patients = things.patients.size();
  things.patients.report("patient ", options, report);
  things.people.drop_same_patients();
  things.people.report("patient ", options, report);
  things.studies.report("study ", options, report);
  report.repeated_images = things.images.report("image with SHA-256 ", options, report);
  things.contents.drop_same_studies();
  things.contents.report("study with content hash ", options, report);
  const Sightings copies = find_copies(inputs, checks.all, options.threads);
  report.repeated_copies = copies.report("what the image with SHA-256 ", options, report);
  // Reports of different patients may read the same ("No acute disease."): no leak.
  AuditReport ignored;
  report.repeated_reports = things.texts.report("", options, ignored);
  return report;
}

void audit_shard(const std::vector<AuditInput>& inputs, const AuditOptions& options,
                 const WorkShare& share) {
  std::vector<AuditPlace> places = room_for(inputs).all.places;
  std::int64_t image = 0;
  std::erase_if(places, [&](const AuditPlace&) { return !share.has(image++); });
  if (options.progress != nullptr)
    options.progress->expect(static_cast<std::int64_t>(places.size()));
  parallel_for(static_cast<std::int64_t>(places.size()), options.threads, [&](std::int64_t i) {
    const AuditPlace& place = places[static_cast<std::size_t>(i)];
    std::optional<Fingerprint> print;
    check_place(inputs[place.input], place, options.checks, print);
    if (options.progress != nullptr) options.progress->advance();
  });
}

AuditReport audit(const Manifest& manifest, const AuditOptions& options) {
  return audit(std::vector<AuditInput>{{&manifest, "", ""}}, options);
}

}  // namespace biplane

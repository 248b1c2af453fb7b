#include "biplane/corpus/audit.h"

#include <algorithm>
#include <set>
#include <sstream>
#include <unordered_map>

#include "biplane/core/parallel.h"
#include "biplane/core/progress.h"
#include "biplane/core/sha256.h"
#include "biplane/corpus/image_check.h"
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

// Where a thing that must stay in one split was seen.
struct Sighting {
  std::set<Split> splits;
  std::vector<std::string> studies;
};

// Things by name, in the order in which they were first seen.
class Sightings {
 public:
  void add(const std::string& thing, const Study& study) {
    const auto [found, fresh] = by_name_.try_emplace(thing);
    if (fresh) order_.push_back(thing);
    found->second.splits.insert(study.split);
    found->second.studies.push_back(study.study_id);
  }

  // Adds a leak for each thing of several splits; returns how many things repeat within one split.
  std::int64_t report(const std::string& kind, const std::string& noun, AuditReport& report) const {
    std::int64_t repeated = 0;
    for (const std::string& thing : order_) {
      const Sighting& sighting = by_name_.at(thing);
      if (sighting.splits.size() == 1) {
        repeated += sighting.studies.size() > 1 ? 1 : 0;
        continue;
      }
      std::string splits;
      for (const Split split : sighting.splits)
        splits += (splits.empty() ? "" : " and ") + std::string(split_name(split));
      std::string studies = sighting.studies.front();
      for (std::size_t i = 1; i < std::min<std::size_t>(sighting.studies.size(), 4); ++i)
        studies += ", " + sighting.studies[i];
      report.findings.push_back(
          {kind, noun + thing.substr(0, 64) + " is in " + splits + ": studies " + studies, true});
      ++report.leaks;
    }
    return repeated;
  }

  std::size_t size() const { return order_.size(); }

 private:
  std::unordered_map<std::string, Sighting> by_name_;
  std::vector<std::string> order_;
};

using StudyChecks = std::vector<std::vector<ImageCheck>>;  // by study, by view

StudyChecks check_images(const Manifest& manifest, const AuditOptions& options) {
  StudyChecks checks(manifest.studies().size());
  parallel_for(static_cast<std::int64_t>(checks.size()), options.threads, [&](std::int64_t i) {
    const auto at = static_cast<std::size_t>(i);
    for (const View& view : manifest.studies()[at].views) {
      checks[at].push_back(check_image(manifest.image_path(view), true));
    }
    if (options.progress != nullptr) options.progress->advance();
  });
  return checks;
}

void report_bad_file(const Study& study, const View& view, const ImageCheck& check,
                     AuditReport& report) {
  std::string kind, detail = check.problem;
  if (!check.problem.empty()) {
    kind = check.missing ? "missing file" : "broken file";
  } else if (!view.sha256.empty() && view.sha256 != check.sha256) {
    kind = "changed file";
    detail = view.path + ": its SHA-256 is not the one in the manifest";
  } else if ((view.rows > 0 && view.rows != check.rows) ||
             (view.cols > 0 && view.cols != check.cols)) {
    kind = "wrong size";
    detail = view.path + ": " + std::to_string(check.rows) + " x " + std::to_string(check.cols) +
             " pixels, the manifest says " + std::to_string(view.rows) + " x " +
             std::to_string(view.cols);
  } else {
    return;
  }
  report.findings.push_back({kind, "study " + study.study_id + ": " + detail, false});
  ++report.bad_files;
}

}  // namespace

AuditReport audit(const Manifest& manifest, const AuditOptions& options) {
  AuditReport report;
  Sightings patients, images, texts, contents;
  const StudyChecks checks = check_images(manifest, options);
  for (std::size_t i = 0; i < checks.size(); ++i) {
    const Study& study = manifest.studies()[i];
    ++report.studies;
    count_study(study, report);
    patients.add(study.patient_id, study);
    std::vector<std::string> hashes;
    for (std::size_t v = 0; v < study.views.size(); ++v) {
      const ImageCheck& check = checks[i][v];
      report_bad_file(study, study.views[v], check, report);
      if (check.sha256.empty()) continue;
      images.add(check.sha256, study);
      hashes.push_back(check.sha256);
    }
    if (!study.report.text.empty()) texts.add(study.report.text, study);
    std::sort(hashes.begin(), hashes.end());
    std::string content = study.report.text;
    for (const std::string& hash : hashes) content += "\n" + hash;
    if (!hashes.empty()) contents.add(sha256_hex(content), study);
  }
  report.patients = static_cast<std::int64_t>(patients.size());
  patients.report("patient in two splits", "patient ", report);
  report.repeated_images = images.report("image in two splits", "image with SHA-256 ", report);
  contents.report("study in two splits", "study with content hash ", report);
  AuditReport
      ignored;  // reports of different patients may read the same ("No acute disease."): no leak
  report.repeated_reports = texts.report("report", "", ignored);
  return report;
}

}  // namespace biplane

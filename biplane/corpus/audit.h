#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "biplane/corpus/manifest.h"

namespace biplane {

class Progress;

// A fact about a manifest that must not be: named, with the studies or files it concerns.
struct AuditFinding {
  std::string
      kind;  // "missing file", "broken file", "patient in two splits", "image in two splits", ...
  std::string detail;    // one line: study, file, splits, reason
  bool is_leak = false;  // something of one split is seen in another
};

struct AuditReport {
  std::vector<AuditFinding> findings;  // in the order of the manifest; bad files first
  std::int64_t studies = 0, patients = 0, images = 0;
  std::int64_t bad_files = 0, leaks = 0;
  std::int64_t empty_reports = 0;
  std::map<std::string, std::int64_t> splits;     // studies by split
  std::map<std::string, std::int64_t> views;      // images by view position
  std::map<std::string, std::int64_t> view_sets;  // studies by "frontal only", "both", ...
  std::map<std::string, std::map<int, std::int64_t>> labels;  // label -> value -> studies
  std::map<std::int64_t, std::int64_t> text_lengths;  // words, rounded down to tens -> studies
  std::int64_t repeated_images = 0,
               repeated_reports = 0;  // within one split: no leak, but worth knowing

  bool clean() const { return leaks == 0 && bad_files == 0; }
};

struct AuditOptions {
  int threads = 1;
  Progress* progress = nullptr;  // advanced by one per study
};

// Proves that every file exists and decodes, that no patient, image (SHA-256 of the file) or study
// (identical views and text) is in two splits, and counts the rest. A bad file or a leak is a
// finding, not an exception.
AuditReport audit(const Manifest& manifest, const AuditOptions& options);

std::string audit_table(const AuditReport& report);  // for people
std::string audit_json(const AuditReport& report);

}  // namespace biplane

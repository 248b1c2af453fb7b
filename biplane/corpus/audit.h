#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "biplane/core/work_share.h"
#include "biplane/corpus/manifest.h"

namespace biplane {

class CheckStore;
class CorpusRelations;
class Progress;

// What can leak from one split into another: a patient, a study (by its name in several manifests,
// or with the same images and text), an image file, a re-encoded or resized copy of an image.
inline constexpr std::array<const char*, 4> kLeakKinds = {"patient", "study", "image", "copy"};

// A fact about a manifest that must not be: named, with the studies or files it concerns.
struct AuditFinding {
  std::string kind;      // "missing file", "broken file", ..., or for a leak "KIND in two splits"
  std::string detail;    // one line: study, file, splits, reason
  bool is_leak = false;  // something of one split is seen in another
  bool allowed = false;  // a leak that the user has named
};

// A manifest that is looked at together with others.
struct AuditInput {
  const Manifest* manifest = nullptr;
  std::string name;        // before the names of studies and splits; empty for a manifest alone
  std::string name_space;  // patients and studies of equal names are the same in equal name spaces
  // Gives the name spaces of the corpora in Study::patient_in; null: these are the corpora's names.
  const CorpusRelations* relations = nullptr;
};

// What two manifests have in common, in whatever splits.
struct AuditOverlap {
  std::string first, second;
  std::map<std::string, std::int64_t> things;  // kind of leak -> how many
};

struct AuditedManifest {
  std::string name;
  std::int64_t studies = 0, images = 0;
  std::map<std::string, std::int64_t> splits;
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
  // Within one split: no leak, but worth knowing.
  std::int64_t repeated_images = 0, repeated_copies = 0, repeated_reports = 0;
  std::int64_t allowed_leaks = 0;  // not counted in `leaks`
  std::vector<AuditedManifest> manifests;
  std::vector<AuditOverlap> overlaps;  // of each two manifests that have something in common

  std::vector<std::string> notes;  // what the audit cannot see; filled by the caller

  bool clean() const { return leaks == 0 && bad_files == 0; }
};

struct AuditOptions {
  int threads = 1;
  Progress* progress = nullptr;      // advanced by one per image
  std::vector<std::string> allowed;  // kinds of leaks that are known and accepted
  CheckStore* checks = nullptr;      // what is known of images and what becomes known; may be null
};

// Proves that every file exists and decodes, that no patient, study (identical views and text),
// image (SHA-256 of the file) or copy of an image (see copies.h) is in two splits, of one manifest
// or of several, and counts the rest. A bad file or a leak is a finding, not an exception.
AuditReport audit(const std::vector<AuditInput>& inputs, const AuditOptions& options);
AuditReport audit(const Manifest& manifest, const AuditOptions& options);

// Reads the images of one shard, of all images in the order of the inputs, into options.checks.
void audit_shard(const std::vector<AuditInput>& inputs, const AuditOptions& options,
                 const WorkShare& share);

std::string audit_table(const AuditReport& report);  // for people
std::string audit_json(const AuditReport& report);

}  // namespace biplane

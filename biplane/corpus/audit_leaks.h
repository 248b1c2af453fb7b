#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "biplane/corpus/audit.h"
#include "biplane/imaging/fingerprint.h"

namespace biplane {

// A study of an audit, or one image of it.
struct AuditPlace {
  static constexpr std::uint32_t kWholeStudy = static_cast<std::uint32_t>(-1);
  std::uint32_t input = 0, study = 0;  // indices
  std::uint32_t view = kWholeStudy;
  auto operator<=>(const AuditPlace&) const = default;
};

// Where things that must stay in one split were seen, in the order in which they first were.
class Sightings {
 public:
  // `kind`: one of kLeakKinds. `inputs` must outlive this.
  Sightings(const std::vector<AuditInput>& inputs, std::string kind)
      : inputs_(inputs), kind_(std::move(kind)) {}

  void add(const std::string& thing, const AuditPlace& place);
  std::int64_t size() const { return static_cast<std::int64_t>(order_.size()); }
  // Leaves out what was seen under one name of a study, or of a patient, only, which is another
  // finding already.
  void drop_same_studies() { drop_same(&StudySummary::study_id); }
  void drop_same_patients() { drop_same(&StudySummary::patient_id); }

  // Adds a finding for each thing of several splits, and counts what manifests have in common.
  // `noun` begins the finding: "patient ". Returns how many things repeat within one split.
  std::int64_t report(const std::string& noun, const AuditOptions& options,
                      AuditReport& report) const;

 private:
  using Places = std::vector<AuditPlace>;
  void drop_same(std::string StudySummary::*name);
  const StudySummary& study(const AuditPlace& place) const;
  std::string place_name(const AuditPlace& place) const;
  std::string split_names(const Places& places) const;
  void count_overlaps(const Places& places, AuditReport& report) const;

  const std::vector<AuditInput>& inputs_;
  std::string kind_;
  std::unordered_map<std::string, Places> by_name_;
  std::vector<const std::string*> order_;
};

// One image of an audit: where it stands, its file, what it shows.
struct AuditedImages {
  std::vector<AuditPlace> places;
  std::vector<std::string> hashes;  // SHA-256; empty for a file that cannot be read
  std::vector<std::optional<Fingerprint>> prints;
};

// Copies of images, without those whose files are equal to the byte.
Sightings find_copies(const std::vector<AuditInput>& inputs, const AuditedImages& images,
                      int threads);

}  // namespace biplane

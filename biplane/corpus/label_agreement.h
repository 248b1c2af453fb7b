#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace biplane {

using LabelValues = std::map<std::string, int>;  // label -> 1, 0 or -1, as in Study::labels

// In a reference: the pair counts neither way.
inline constexpr int kLeftOut = 2;

// Labels of a reference file by the name of the study or row.
class LabelReference {
 public:
  // A CSV (column `id`, empty: the first, and a column for each label; values 1, 0, -1 and blank,
  // also as 1.0) or a manifest (study_id; labels or labels_chexpert). Labels that the file does not
  // have are left out of labels(). `stated_only`: of a manifest that says how each report speaks of
  // a finding (Study::said), pairs where it hedges, and findings that it does not mention, count
  // neither way. Throws Error: kMissingInput, kIo; kBadContent naming file, row,
  // column and value, or when it has none of the labels.
  static LabelReference read(const std::filesystem::path& file, const std::string& id,
                             const std::vector<std::string>& labels, bool stated_only = false);

  const std::vector<std::string>& labels() const { return labels_; }
  const LabelValues* find(const std::string& id) const;  // nullptr: not in the file

 private:
  std::vector<std::string> labels_;
  std::unordered_map<std::string, LabelValues> rows_;

  void read_csv(const std::filesystem::path& file, const std::string& id,
                const std::vector<std::string>& labels);
  void read_manifest(const std::filesystem::path& file, const std::vector<std::string>& labels,
                     bool stated_only);
};

// Counts of one label over all reports. Positive is the value 1 alone: 0, -1 and "not mentioned"
// are all not positive, in the reference as in what was found.
struct LabelCounts {
  std::int64_t both = 0, found_only = 0, reference_only = 0;
  // Of the reference's positives, those that were found uncertain (a part of reference_only).
  std::int64_t found_uncertain = 0;

  std::int64_t support() const { return both + reference_only; }
  std::optional<double> precision() const;  // nothing found: undefined
  std::optional<double> recall() const;     // nothing to find: undefined
  double f1() const;                        // 0 where neither
};

// How found labels agree with a reference.
class LabelAgreement {
 public:
  explicit LabelAgreement(std::vector<std::string> labels);

  void add(const LabelValues& found, const LabelValues& reference);
  const std::vector<std::string>& labels() const { return labels_; }
  const LabelCounts& counts(std::size_t label) const { return counts_[label]; }
  std::int64_t reports() const { return reports_; }
  // Mean F1 of the labels with at least `support` positives in the reference; undefined when there
  // are none.
  std::optional<double> macro_f1(std::int64_t support = 20) const;

  // One row a label, then the macro F1.
  std::string table() const;
  std::string json() const;

 private:
  std::vector<std::string> labels_;
  std::vector<LabelCounts> counts_;
  std::int64_t reports_ = 0;
};

}  // namespace biplane

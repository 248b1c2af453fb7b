#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "biplane/text/lexicon.h"

namespace biplane {

// One mention of a label, as `biplane label --text` prints it.
struct LabelMention {
  std::string label;         // empty: a finding without a label, which only rules out "No Finding"
  int value = 1;             // 1 present, 0 absent, -1 uncertain
  std::size_t sentence = 0;  // index into LabelledReport::sentences
  std::string phrase;        // the words that were found, lower-cased
  std::string trigger;       // the words that decided the value; empty: the phrase alone
};

struct LabelledReport {
  std::vector<std::string> sentences;  // of findings and impression, cleaned
  std::vector<LabelMention> mentions;  // by sentence, then label, then place
  std::map<std::string, int> labels;   // as Labeler::label
};

struct LabelRules;

// Finds labels in reports by rules: phrases that mention a label, words that deny or doubt them,
// and scopes (docs/labels.md). Immutable; copies are cheap; safe to use from many threads.
//
//   const Labeler labeler = Labeler::named("chexpert");
//   study.labels_chexpert = labeler.label(report_text);
class Labeler {
 public:
  // A label file. Throws Error: kMissingInput, kUsage for an unknown key or a wrong type,
  // kBadContent for a missing, empty or repeated label or a phrase that cannot be; each names file,
  // key and value.
  static Labeler read(const std::filesystem::path& file);
  static Labeler parse(const std::string& yaml, const std::string& source = "labels");
  // "chexpert" or "phantom" (share/labels/NAME.yaml), else the path of a label file.
  static Labeler named(const std::string& name_or_file);

  const std::string& name() const;
  std::int64_t version() const;
  const std::string& language() const;             // of the reports that it reads: "en"
  const std::string& sha256() const;               // of all rules, in a fixed form
  const std::vector<std::string>& labels() const;  // in the order of the file
  bool into_chexpert() const;  // labels are those of Study::labels_chexpert, else of Study::labels

  // Values of the labels that the report mentions: 1 present, -1 uncertain, 0 absent; of several
  // mentions present wins over uncertain and uncertain over absent. `report` may have section
  // headers: findings and impression are read (else the last paragraph), never indication,
  // technique or comparison. Empty for a report that says nothing. Never throws on any bytes; time
  // is n log n in the length of the report.
  std::map<std::string, int> label(std::string_view report) const;
  // The same with every mention and what decided it.
  LabelledReport explain(std::string_view report) const;

 private:
  Labeler(std::shared_ptr<const LabelRules> rules, Lexicon lexicon);
  std::map<std::string, int> collect(std::string_view report, LabelledReport* explanation) const;
  void read_sentence(std::string_view sentence, std::vector<std::optional<int>>& values,
                     LabelledReport* explanation) const;

  std::shared_ptr<const LabelRules> rules_;
  Lexicon lexicon_;  // for section headers
};

}  // namespace biplane

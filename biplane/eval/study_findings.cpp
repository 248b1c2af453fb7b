#include "biplane/eval/study_findings.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <string_view>
#include <vector>

#include "biplane/corpus/report_labels.h"
#include "biplane/corpus/selection.h"
#include "biplane/eval/dense_truth.h"
#include "biplane/formats/rle.h"
#include "biplane/text/word_split.h"

namespace biplane {
namespace {

constexpr double kOneSided = 0.9;   // share of what is marked
constexpr double kOffMiddle = 0.1;  // image widths

// What is marked of an image, across; lengths in image widths.
struct MarkedWidth {
  double area = 0, on_left_half = 0, moment = 0;

  // A strip from `begin` to `end`, so high.
  void add(double begin, double end, double height) {
    area += (end - begin) * height;
    on_left_half += (std::min(end, 0.5) - std::min(begin, 0.5)) * height;
    moment += (end - begin) * height * (begin + end) / 2;
  }

  FindingSide side() const {
    if (area <= 0) return FindingSide::kUntold;
    const double share = on_left_half / area, centre = moment / area;
    if (share >= kOneSided && centre <= 0.5 - kOffMiddle) return FindingSide::kRight;
    if (share <= 1 - kOneSided && centre >= 0.5 + kOffMiddle) return FindingSide::kLeft;
    return FindingSide::kUntold;
  }
};

// Run lengths go down one column after the other.
void add_mask(const Mask& mask, MarkedWidth& width) {
  if (rle_area(mask.rle, mask.rows, mask.cols) == 0) return;
  const auto cols = static_cast<double>(mask.cols);
  std::int64_t pixel = 0;
  bool inside = false;
  for (const std::int64_t run : mask.rle) {
    const std::int64_t end = pixel + run;
    while (inside && pixel < end) {
      const std::int64_t column = pixel / mask.rows, stop = std::min(end, (column + 1) * mask.rows);
      width.add(static_cast<double>(column) / cols, static_cast<double>(column + 1) / cols,
                static_cast<double>(stop - pixel));
      pixel = stop;
    }
    pixel = end;
    inside = !inside;
  }
}

// Which sides sentences name.
struct NamedSides {
  bool right = false, left = false;

  void add(const std::string& sentence) {
    const SplitText words = split_words(sentence, /*lowercase=*/true);
    for (const SplitWord& word : words.words) {
      const std::string_view text = words.view(word);
      const bool both = text == "both" || text == "bilateral" || text == "bilaterally";
      right = right || both || text == "right";
      left = left || both || text == "left";
    }
  }

  FindingSide side() const {
    if (right == left) return FindingSide::kUntold;
    return right ? FindingSide::kRight : FindingSide::kLeft;
  }
};

bool says_none(std::string label) {
  std::transform(label.begin(), label.end(), label.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return label == "no finding" || label == "normal";
}

}  // namespace

FindingSide marked_side(const Study& study, const std::string& finding) {
  const std::optional<std::int64_t> frontal = first_view(study, /*lateral=*/false);
  if (!frontal) return FindingSide::kUntold;
  const auto is_meant = [&](const auto& mark) {
    return mark.view == *frontal && mark.label == finding;
  };
  MarkedWidth width;
  for (const Mask& mask : study.masks)
    if (is_meant(mask)) add_mask(mask, width);
  const auto cols = static_cast<double>(study.views[static_cast<std::size_t>(*frontal)].cols);
  if (width.area > 0 || cols < 1) return width.side();
  for (const Box& box : study.boxes)
    if (is_meant(box)) width.add(box.x / cols, (box.x + box.w) / cols, box.h);
  return width.side();
}

std::optional<StudyFindings> true_findings(const Study& study) {
  if (study.labels.empty()) return std::nullopt;
  StudyFindings findings;
  for (const auto& [label, value] : study.labels) {
    if (value < 0) return std::nullopt;
    if (value == 1) findings.emplace(label, marked_side(study, label));
  }
  return findings;
}

bool sides_told(const Study& study, const StudyFindings& findings) {
  std::vector<std::string> names;
  for (const auto& [name, side] : findings) names.push_back(name);
  return places_known(study, names);
}

std::int64_t count_findings(const StudyFindings& findings) {
  return std::count_if(findings.begin(), findings.end(),
                       [](const auto& finding) { return !says_none(finding.first); });
}

StudyFindings read_findings(const Study& study, const Labeler& labeler) {
  const LabelledReport report = labeler.explain(labelled_text(study));
  std::map<std::string, NamedSides> sides;
  for (const LabelMention& mention : report.mentions)
    if (mention.value != 0) sides[mention.label].add(report.sentences[mention.sentence]);
  StudyFindings findings;
  for (const auto& [label, value] : report.labels)
    if (value != 0) findings.emplace(label, sides[label].side());
  return findings;
}

std::int64_t disagreement(const StudyFindings& a, const StudyFindings& b) {
  std::int64_t common = 0, opposite = 0;
  for (const auto& [name, side] : a) {
    const auto found = b.find(name);
    if (found == b.end()) continue;
    ++common;
    const bool told = side != FindingSide::kUntold && found->second != FindingSide::kUntold;
    opposite += told && side != found->second ? 1 : 0;
  }
  return 2 * (std::ssize(a) + std::ssize(b) - 2 * common) + opposite;
}

}  // namespace biplane

#include "biplane/phantom/phantom.h"

#include <algorithm>

#include "biplane/core/error.h"
#include "biplane/core/nearest_name.h"
#include "biplane/phantom/co_occurrence.h"
#include "biplane/phantom/finding.h"
#include "biplane/phantom/layouts/layout.h"
#include "biplane/phantom/study_maker.h"

namespace biplane {
namespace {

void require(bool holds, const std::string& key, const std::string& allowed) {
  if (!holds) throw Error(ErrorKind::kUsage, "phantom: " + key + " must be " + allowed);
}

// Names that are known, each once, and not all of them.
void check_held_out(const std::string& key, const std::vector<std::string>& names,
                    const std::vector<std::string>& known) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (std::find(known.begin(), known.end(), names[i]) == known.end()) {
      const auto nearest = nearest_name(names[i], known);
      throw Error(ErrorKind::kUsage, "phantom: " + key + " has '" + names[i] +
                                         "', which is unknown" +
                                         (nearest ? "; did you mean '" + *nearest + "'?"
                                                  : "; one is '" + known.front() + "'"));
    }
    require(std::find(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(i), names[i]) ==
                names.begin() + static_cast<std::ptrdiff_t>(i),
            key, "a list in which '" + names[i] + "' stands once");
  }
  require(names.size() < known.size(), key, "a part of them, not all");
}

void check_layout(const PhantomOptions& options) {
  const Layout& layout = find_layout(options.layout);
  require(options.size <= layout.largest, "size",
          "at most " + std::to_string(layout.largest) + " pixels in layout " + options.layout);
  std::string formats;
  bool found = options.format.empty();
  for (const std::string format : layout.formats) {
    formats += (formats.empty() ? "" : " or ") + format;
    found = found || options.format == format;
  }
  require(found, "format", formats + " in layout " + options.layout + ", not " + options.format);
}

}  // namespace

void check_phantom(const PhantomOptions& options) {
  constexpr std::int64_t kMostStudies = 1'000'000, kMostThreads = 1024;
  require(options.studies >= 1 && options.studies <= kMostStudies, "studies", "1 .. 1000000");
  require(options.seed >= 0, "seed", "0 or more");
  require(options.size >= 32 && options.size <= 2048, "size", "32 .. 2048 pixels");
  require(options.threads >= 0 && options.threads <= kMostThreads, "threads",
          "0 (one per core) .. 1024");
  check_layout(options);
  require(options.test >= -1 && options.validate >= -1, "test and validate",
          "-1 (a share of the studies) or more");
  // Each by itself first: their sum may be more than an integer holds.
  require(options.test <= options.studies && options.validate <= options.studies,
          "test and validate", "at most the number of studies");
  require(options.frontal_only >= 0 && options.lateral_only >= 0 &&
              options.frontal_only + options.lateral_only <= 1,
          "frontal_only and lateral_only", "shares that add up to at most 1");
  require(options.missing == "independent" || options.missing == "biased", "missing",
          "independent or biased, not " + options.missing);
  require(options.co_occurrence == "independent" || options.co_occurrence == "clinical",
          "co_occurrence", "independent or clinical, not " + options.co_occurrence);
  check_held_out("hold_out", options.hold_out, {finding_names().begin(), finding_names().end()});
  check_held_out("hold_out_styles", options.hold_out_styles, style_names(options, Split::kTest));
  require((options.hold_out.empty() && options.hold_out_styles.empty()) ||
              phantom_counts(options).test > 0,
          "test", "1 or more where something is held out for it");
  if (options.missing == "biased")
    require(biased_shares(finding_rules(options, Split::kTrain), options.frontal_only).back() +
                    options.lateral_only <=
                1,
            "frontal_only",
            "smaller where missing is biased: the severe studies would lack more "
            "laterals than there are");
  require(!options.counterfactual || phantom_counts(options).test > 0, "test",
          "1 or more where counterfactual studies are asked for");
  require(phantom_counts(options).train >= 0, "test + validate", "at most the number of studies");
}

std::string phantom_format(const PhantomOptions& options) {
  return options.format.empty() ? find_layout(options.layout).formats.front() : options.format;
}

PhantomCounts phantom_counts(const PhantomOptions& options) {
  PhantomCounts counts;
  counts.test = options.test >= 0 ? options.test : options.studies / 10;
  // A share that was not asked for never takes what was.
  counts.validate = options.validate >= 0
                        ? options.validate
                        : std::min(options.studies / 20,
                                   std::max<std::int64_t>(0, options.studies - counts.test));
  counts.train = options.studies - counts.test - counts.validate;
  return counts;
}

}  // namespace biplane

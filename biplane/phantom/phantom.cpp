#include "biplane/phantom/phantom.h"

#include <algorithm>

#include "biplane/core/error.h"

namespace biplane {
namespace {

void require(bool holds, const std::string& key, const std::string& allowed) {
  if (!holds) throw Error(ErrorKind::kUsage, "phantom: " + key + " must be " + allowed);
}

}  // namespace

void check_phantom(const PhantomOptions& options) {
  constexpr std::int64_t kMostStudies = 1'000'000, kMostThreads = 1024;
  require(options.studies >= 1 && options.studies <= kMostStudies, "studies", "1 .. 1000000");
  require(options.seed >= 0, "seed", "0 or more");
  require(options.size >= 32 && options.size <= 2048, "size", "32 .. 2048 pixels");
  require(options.threads >= 0 && options.threads <= kMostThreads, "threads",
          "0 (one per core) .. 1024");
  require(options.layout == "native" || options.layout == "pairs", "layout",
          "native or pairs, not " + options.layout);
  require(options.format == "jpeg" || options.format == "png", "format",
          "jpeg or png, not " + options.format);
  require(options.test >= -1 && options.validate >= -1, "test and validate",
          "-1 (a share of the studies) or more");
  require(options.frontal_only >= 0 && options.lateral_only >= 0 &&
              options.frontal_only + options.lateral_only <= 1,
          "frontal_only and lateral_only", "shares that add up to at most 1");
  require(phantom_counts(options).train >= 0, "test + validate", "at most the number of studies");
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

#include "biplane/phantom/phantom_folder.h"

#include "biplane/core/config.h"
#include "biplane/core/files.h"

namespace biplane {

std::string phantom_description(PhantomOptions options) {
  const PhantomCounts counts = phantom_counts(options);
  options.test = counts.test;
  options.validate = counts.validate;
  options.threads = 0;
  return print_config(options);
}

PhantomSummary write_described_phantom(const PhantomOptions& options,
                                       const std::filesystem::path& folder, Progress* progress) {
  PhantomSummary summary = write_phantom(options, folder, progress);
  write_file_atomically(folder / kPhantomDescription, phantom_description(options));
  return summary;
}

bool holds_phantom(const PhantomOptions& options, const std::filesystem::path& folder) {
  const std::filesystem::path description = folder / kPhantomDescription;
  return std::filesystem::exists(folder / "manifest.jsonl") &&
         std::filesystem::exists(description) &&
         read_file(description) == phantom_description(options);
}

}  // namespace biplane

#include "apps/biplane_model/phantom_once.h"

#include <string>

#include "biplane/core/config.h"
#include "biplane/core/files.h"
#include "biplane/core/progress.h"

namespace biplane {

void make_phantom_once(const PhantomOptions& options, const std::filesystem::path& folder,
                       bool quiet) {
  const std::string description = print_config(options);
  const std::filesystem::path marker = folder / "phantom.yaml";
  if (std::filesystem::exists(folder / "manifest.jsonl") && std::filesystem::exists(marker) &&
      read_file(marker) == description)
    return;
  // A phantom that is stopped half-way must not be taken for the one before it.
  std::filesystem::remove(marker);
  Progress progress(
      {.label = "phantom", .unit = "studies", .total = options.studies, .enabled = !quiet});
  write_phantom(options, folder, &progress);
  write_file_atomically(marker, description);
}

}  // namespace biplane

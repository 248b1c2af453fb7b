#include "apps/biplane_model/phantom_once.h"

#include "biplane/core/progress.h"
#include "biplane/phantom/phantom_folder.h"

namespace biplane {

void make_phantom_once(const PhantomOptions& options, const std::filesystem::path& folder,
                       bool quiet) {
  if (holds_phantom(options, folder)) return;
  Progress progress(
      {.label = "phantom", .unit = "studies", .total = options.studies, .enabled = !quiet});
  write_described_phantom(options, folder, &progress);
}

}  // namespace biplane

#include "biplane/core/work_share.h"

#include <charconv>
#include <cstdlib>

#include "biplane/core/error.h"

namespace biplane {
namespace {

struct LauncherVariables {
  const char *rank, *world;
};
// SLURM's are those of a step: a batch script that starts one process alone is no rank of eight.
constexpr LauncherVariables kLaunchers[] = {{"RANK", "WORLD_SIZE"},
                                            {"SLURM_PROCID", "SLURM_STEP_NUM_TASKS"},
                                            {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"},
                                            {"PMI_RANK", "PMI_SIZE"}};

bool parse_whole(std::string_view text, std::int64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

WorkShare parse_work_share(const std::string& text, const std::string& option) {
  WorkShare share;
  const std::string_view whole = text;
  const std::size_t slash = whole.find('/');
  if (slash == std::string::npos || !parse_whole(whole.substr(0, slash), share.index) ||
      !parse_whole(whole.substr(slash + 1), share.count) || share.count < 1 || share.index < 0 ||
      share.index >= share.count) {
    throw Error(ErrorKind::kUsage,
                option + " is '" + text + "'; it must be I/N with I from 0 to N - 1, such as 0/4");
  }
  return share;
}

std::optional<WorkShare> launcher_share() {
  for (const auto& [rank, world] : kLaunchers) {
    const char *index = std::getenv(rank), *count = std::getenv(world);
    if (index == nullptr || count == nullptr || *index == 0 || *count == 0) continue;
    const WorkShare share =
        parse_work_share(std::string(index) + "/" + count, std::string(rank) + "/" + world);
    if (share.is_all()) return std::nullopt;
    return share;
  }
  return std::nullopt;
}

}  // namespace biplane

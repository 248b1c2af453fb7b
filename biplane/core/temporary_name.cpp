#include "biplane/core/temporary_name.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <climits>
#include <string>

namespace biplane {

std::filesystem::path temporary_beside(const std::filesystem::path& path) {
  // Processes in containers and on other machines have the same numbers.
  std::array<char, HOST_NAME_MAX + 1> host{};
  ::gethostname(host.data(), host.size() - 1);
  static std::atomic<unsigned> counter{0};
  const auto now = std::chrono::system_clock::now().time_since_epoch().count();
  return path.parent_path() /
         ("." + path.filename().string() + ".tmp-" + host.data() + "-" +
          std::to_string(::getpid()) + "-" + std::to_string(now) + "-" + std::to_string(counter++));
}

}  // namespace biplane

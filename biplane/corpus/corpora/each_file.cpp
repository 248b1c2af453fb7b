#include "biplane/corpus/corpora/each_file.h"

#include <algorithm>
#include <set>
#include <system_error>
#include <vector>

namespace biplane {
namespace {

namespace fs = std::filesystem;

// Folders behind links are entered once, whatever way leads there.
class Walk {
 public:
  Walk(const fs::path& root, const fs::path& without,
       const std::function<bool(const fs::path&)>& use)
      : use_(use) {
    std::error_code ignored;
    if (!without.empty()) entered_.insert(fs::weakly_canonical(without, ignored));
    entered_.erase(fs::weakly_canonical(root, ignored));
    enter(root);
  }

 private:
  // False: no more.
  bool enter(const fs::path& top) {
    std::vector<fs::path> waiting = {top};  // the next one last
    while (!waiting.empty()) {
      const fs::path path = waiting.back();
      waiting.pop_back();
      std::error_code problem;
      if (fs::is_regular_file(path, problem)) {
        if (!use_(path)) return false;
      } else if (fs::is_directory(path, problem) &&
                 entered_.insert(fs::canonical(path, problem)).second) {
        std::vector<fs::path> entries;
        for (fs::directory_iterator
                 at(path, fs::directory_options::skip_permission_denied, problem),
             end;
             !problem && at != end; at.increment(problem))
          entries.push_back(at->path());
        std::sort(entries.begin(), entries.end(), std::greater<>());
        waiting.insert(waiting.end(), entries.begin(), entries.end());
      }
    }
    return true;
  }

  const std::function<bool(const fs::path&)>& use_;
  std::set<fs::path> entered_;
};

}  // namespace

void each_file(const fs::path& root, const fs::path& without,
               const std::function<bool(const fs::path&)>& use) {
  Walk(root, without, use);
}

}  // namespace biplane

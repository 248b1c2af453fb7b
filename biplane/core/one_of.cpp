#include "biplane/core/one_of.h"

#include <algorithm>

#include "biplane/core/error.h"

namespace biplane {

void require_one_of(const std::string& key, const std::string& value,
                    const std::vector<std::string>& allowed) {
  if (std::find(allowed.begin(), allowed.end(), value) != allowed.end()) return;
  std::string list;
  for (const std::string& one : allowed) list += (list.empty() ? "" : ", ") + one;
  throw Error(ErrorKind::kUsage,
              key + " = " + value + ": is none of " + list + did_you_mean(value, allowed));
}

}  // namespace biplane

#include "biplane/tasks/finetune_keys.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "biplane/core/error.h"
#include "biplane/core/given_keys.h"
#include "biplane/core/one_of.h"

namespace biplane {
namespace {

// Visitor that lists the keys of a configuration.
class KeyNames {
 public:
  template <class T>
  void field(std::string_view name, T& value) {
    const std::string key = prefix_ + std::string(name);
    if constexpr (requires { value.visit(*this); }) {
      const std::string outer = prefix_;
      prefix_ = key + ".";
      value.visit(*this);
      prefix_ = outer;
    } else {
      names.insert(key);
    }
  }

  std::set<std::string> names;

 private:
  std::string prefix_;
};

bool reads(const std::string& task, const std::string& key) {
  FinetuneConfig config;
  config.task = task;
  KeyNames keys;
  config.visit(keys);
  return keys.names.contains(key);
}

// The task that a tree names. Throws Error kUsage for one that there is not.
std::string task_of(const ConfigTree& tree) {
  std::string task = FinetuneConfig().task;
  ConfigReader(tree).field("task", task);
  require_one_of("task", task, finetune_tasks());
  return task;
}

}  // namespace

FinetuneConfig read_finetune_config(const ConfigTree& tree) {
  const std::string task = task_of(tree);
  for (const GivenKey& given : given_keys(tree)) {
    if (reads(task, given.key)) continue;
    std::vector<std::string> readers;
    for (const std::string& other : finetune_tasks())
      if (reads(other, given.key)) readers.push_back(other);
    if (readers.empty()) continue;  // of no task: load_config() names it
    throw Error(ErrorKind::kUsage,
                fmt::format("{}: {}: task = {} does not read it, but {}", given.source, given.key,
                            task, fmt::join(readers, " and ")));
  }
  FinetuneConfig config;
  load_config(tree, config);
  return config;
}

}  // namespace biplane

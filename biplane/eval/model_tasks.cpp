#include "biplane/eval/model_tasks.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <string_view>

#include "biplane/inference/task_model.h"
#include "biplane/model/package.h"

namespace biplane {
namespace {

constexpr std::array<std::string_view, 4> kHeadTasks{"linear", "finetune", "segmentation",
                                                     "detection"};

}  // namespace

std::vector<std::string> tasks_of_model(const std::filesystem::path& model,
                                        const std::vector<std::string>& usual) {
  std::vector<std::string> tasks;
  std::copy_if(usual.begin(), usual.end(), std::back_inserter(tasks), [](const std::string& task) {
    return std::find(kHeadTasks.begin(), kHeadTasks.end(), task) == kHeadTasks.end();
  });
  if (const std::optional<TaskDescription> head = read_task(find_model(model)))
    tasks.push_back(head->task);
  return tasks;
}

}  // namespace biplane
